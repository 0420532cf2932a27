"""The commands for going back afterwards: `instar rollback` and `instar keep`."""

import time
from enum import StrEnum
from typing import Annotated, Any

import typer

from instar.cli.found import found
from instar.cli.options import (
    DATA_DIR,
    ApiUrl,
    Credentials,
    DataDir,
    Group,
    Output,
    SetName,
    Shown,
    Subscription,
    command,
)
from instar.cli.showing.plans import show_plan
from instar.cli.showing.told import newest_upgrade, progress, say, say_json, tell
from instar.client.sets import planning, rollbacks, starting, wishes
from instar.client.sets.named_ids import ids_of
from instar.client.watch import DEFAULT_SUBSCRIPTION
from instar.compute.clock import utc_now
from instar.domain.legible import legible_line
from instar.domain.steering.start_wishes import Limit
from instar.errors import Trouble


class Waivable(StrEnum):
    """What may be waived of a rollback: no hold keeps it back, and a quarantined version is named by --to."""

    UNHEALTHY_SET = Limit.UNHEALTHY_SET.value
    WINDOW = Limit.WINDOW.value


def rollback(
    *,
    scale_set: SetName,
    show: Annotated[bool, typer.Option("--show", help="Only tell what each instance could go back to.")] = False,
    plan: Annotated[
        bool, typer.Option("--plan", help="Only tell what it would do now, batch by batch; takes the role Reader.")
    ] = False,
    to: Annotated[str, typer.Option(metavar="VERSION", help="To this version, instead of what each had before.")] = "",
    instances: Annotated[str, typer.Option(metavar="IDS", help="Only these, as 0-3,7.")] = "",
    override: Annotated[
        list[Waivable] | None,
        typer.Option(help="A limit to waive, for owners; may be given several times.", show_default=False),
    ] = None,
    reason: Annotated[str, typer.Option(help="Why: it stands in the record and the audit log.")] = "",
    wait: Annotated[
        bool, typer.Option("--wait", help="Return when it has ended or is parked; the status tells which.")
    ] = False,
    output: Shown = Output.TABLE,
    api: ApiUrl = "",
    data_dir: DataDir = DATA_DIR,
    credentials: Credentials = None,
    resource_group: Group = "",
    subscription: Subscription = DEFAULT_SUBSCRIPTION,
) -> None:
    """Give the machines of a scale set the disks back that they had before, batch by batch.

    The version that they leave is quarantined; the disks that they leave are kept. Data disks stay as they are. The
    statuses of --wait are those of `instar upgrade`.
    """
    code = 0
    with found(scale_set, api, data_dir, credentials, resource_group, subscription) as (there, resource_id):
        if show:
            _show(rollbacks.shown(there, resource_id), output)
            return
        wish = rollbacks.Back(to, ids_of(instances) if instances else (), tuple(override or ()), reason)
        if plan:
            show_plan(planning.plan_back(there, resource_id, wish.body), output)
            return
        if not reason:
            raise Trouble("--reason is missing: say why the set goes back (or --show what it could go back to)")
        accepted, shown = rollbacks.roll_back(there, resource_id, wish, time.sleep), progress(output)
        follow = f"the rollback has begun; how it goes: {command(f'watch {scale_set}', data_dir)}"
        shown.print(legible_line(follow), markup=False, soft_wrap=True)
        if wait:
            code = starting.wait(there, resource_id, accepted, shown, time.sleep)
        tell(output, lambda: newest_upgrade(there, resource_id))
    if code:
        raise typer.Exit(code)


def _show(way: dict[str, Any], output: Output) -> None:
    if output is Output.JSON:
        say_json(way)
        return
    for line in rollbacks.lines(way):
        say(line)


def keep(
    *,
    scale_set: SetName,
    duration: Annotated[str, typer.Option("--for", metavar="DURATION", help="After each upgrade's end, as P7D.")] = "",
    until: Annotated[str, typer.Option(metavar="MOMENT", help="Not before then, as 2026-12-01T06:00:00Z.")] = "",
    hours: Annotated[float | None, typer.Option(min=0.01, max=8784, help="Not before so many hours are over.")] = None,
    default: Annotated[bool, typer.Option("--default", help="As long as the setting says again.")] = False,
    reason: Annotated[str, typer.Option(help="Why.")] = "",
    output: Shown = Output.TABLE,
    api: ApiUrl = "",
    data_dir: DataDir = DATA_DIR,
    credentials: Credentials = None,
    resource_group: Group = "",
    subscription: Subscription = DEFAULT_SUBSCRIPTION,
) -> None:
    """Keep the previous disks of a scale set longer, or less long, than the setting says: those kept now, too."""
    with found(scale_set, api, data_dir, credentials, resource_group, subscription) as (there, resource_id):
        if default:
            rollbacks.keep_as_set(there, resource_id)
            line = f"the previous disks of {scale_set} are kept as long as the setting says"
            tell(output, lambda: rollbacks.kept(there, resource_id), line)
            return
        if not reason:
            raise Trouble("--reason is missing: say why (or --default, to keep them as long as the setting says)")
        told = rollbacks.keep(there, resource_id, duration, wishes.until(until, hours, utc_now()), reason)
        tell(output, lambda: told, told["properties"]["sentence"])
