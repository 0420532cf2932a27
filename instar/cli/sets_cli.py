"""The commands that make and steer a scale set: `instar init`, `upgrade`, `plan`, `cancel`, `automatic`."""

import time
from enum import StrEnum
from typing import Annotated

import typer

from instar.cli.found import asked, found
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
from instar.cli.showing.told import newest_upgrade, progress, say, standing, tell
from instar.client.sets import first_set, planning, starting, steering
from instar.client.sets.starting import Wish
from instar.client.watch import DEFAULT_SUBSCRIPTION
from instar.domain.legible import legible_line
from instar.domain.steering.start_wishes import Limit


class Switch(StrEnum):
    """Whether upgrades begin by themselves."""

    ON = "on"
    OFF = "off"


Version = Annotated[
    str, typer.Option(metavar="VERSION", help="An exact version, also a lower one; without it the newest.")
]
Instances = Annotated[
    str,
    typer.Option(metavar="IDS", help="These alone: 0,3-5, or failed: those that the last upgrade left behind."),
]
Rollback = Annotated[
    bool, typer.Option("--rollback/--no-rollback", help="Whether a machine that fails gets its previous disk back.")
]
Override = Annotated[
    list[Limit] | None,
    typer.Option(help="A limit to waive, for owners; may be given several times.", show_default=False),
]


def init(
    *,
    name: Annotated[str, typer.Argument(help="What the scale set is called.")] = "web",
    api: ApiUrl = "",
    data_dir: DataDir = DATA_DIR,
    credentials: Credentials = None,
    resource_group: Annotated[str, typer.Option(help="In which it is made.")] = "demo",
    subscription: Subscription = DEFAULT_SUBSCRIPTION,
) -> None:
    """Make a first scale set of 20 simulated machines, with a version of its image; what is there is left as it is.

    Say what was made and what to do next. Needs a running `instar up` with the simulated fleet, which is the default.
    """
    wish = first_set.FirstSet(name, resource_group, subscription)
    with asked(api, data_dir, credentials) as there:
        first_set.make(there, wish, say, time.sleep)
        image = "Canonical UbuntuServer 18.04-LTS 2.0.0"
        say("next:")
        for words, what in (
            (f"images publish {image}", "release a newer version"),
            (f"upgrade {name}", "give it to the machines, now"),
            (f"watch {name}", "look on"),
            (f"automatic {name} on", "let upgrades begin by themselves"),
            (f"status {name}", "how it stands, and what to do"),
        ):
            say(f"  {what}")
            say(f"    {command(words, data_dir)}")


def upgrade(
    *,
    scale_set: SetName,
    version: Version = "",
    instances: Instances = "",
    rollback: Rollback = True,
    override: Override = None,
    reason: Annotated[str, typer.Option(help="Why: it is written down. An override takes one.")] = "",
    wait: Annotated[
        bool, typer.Option("--wait", help="Return when it has ended or is parked; the status tells which.")
    ] = False,
    timeout: Annotated[
        float | None,
        typer.Option(metavar="SECONDS", min=0, help="With --wait: give up after that long, with status 1."),
    ] = None,
    output: Shown = Output.TABLE,
    api: ApiUrl = "",
    data_dir: DataDir = DATA_DIR,
    credentials: Credentials = None,
    resource_group: Group = "",
    subscription: Subscription = DEFAULT_SUBSCRIPTION,
) -> None:
    """Start an upgrade of a scale set by hand, to the newest version if none is named; return once it has begun.

    A machine that does not get healthy gets its previous disk back, as in upgrades that begin by themselves;
    --no-rollback leaves it on the new one, for somebody to look at.

    With --wait the status is 0 if it completed, 3 if it was faulted, 4 if it was cancelled, 5 if it is parked (it goes
    on once it may); 1 if it was refused or not learnt, 2 if the command was not understood.
    """
    wish = Wish(version, instances, rollback, tuple(override or ()), reason)
    code = 0
    with found(scale_set, api, data_dir, credentials, resource_group, subscription) as (there, resource_id):
        accepted, shown = steering.start(there, resource_id, time.sleep, wish.body), progress(output)
        follow = f"the upgrade was started by hand; to follow it: {command(f'watch {scale_set}', data_dir)}"
        shown.print(legible_line(follow), markup=False, soft_wrap=True)
        if wait:
            code = starting.wait(there, resource_id, accepted, shown, time.sleep, timeout)
        tell(output, lambda: newest_upgrade(there, resource_id))
    if code:
        raise typer.Exit(code)


def plan(
    *,
    scale_set: SetName,
    version: Version = "",
    instances: Instances = "",
    rollback: Rollback = True,
    override: Override = None,
    reason: Annotated[str, typer.Option(help="An override takes one.")] = "",
    output: Shown = Output.TABLE,
    api: ApiUrl = "",
    data_dir: DataDir = DATA_DIR,
    credentials: Credentials = None,
    resource_group: Group = "",
    subscription: Subscription = DEFAULT_SUBSCRIPTION,
) -> None:
    """Show what `instar upgrade` with the same options would do now, and do nothing: it takes the role Reader.

    The version, the batches with their wave, earliest begin and what each waits for, who is left out and why, what
    would stop it now, and how long it would take if all went well.
    """
    wish = Wish(version, instances, rollback, tuple(override or ()), reason)
    with found(scale_set, api, data_dir, credentials, resource_group, subscription) as (there, resource_id):
        told = planning.plan(there, resource_id, wish.body)
    show_plan(told, output)


def cancel(
    *,
    scale_set: SetName,
    revert: Annotated[bool, typer.Option("--revert", help="Then its machines get their disks back.")] = False,
    reason: Annotated[str, typer.Option(help="Why; may be left out.")] = "",
    output: Shown = Output.TABLE,
    api: ApiUrl = "",
    data_dir: DataDir = DATA_DIR,
    credentials: Credentials = None,
    resource_group: Group = "",
    subscription: Subscription = DEFAULT_SUBSCRIPTION,
) -> None:
    """Cancel the upgrade of a scale set that runs; return once it has ended.

    No machine is begun any more. Disks that are being swapped are; who has the new disk keeps it, but with --revert:
    then it returns once they have gone back.
    """
    with found(scale_set, api, data_dir, credentials, resource_group, subscription) as (there, resource_id):
        steering.cancel(there, resource_id, time.sleep, reason, revert=revert)
        what = "the upgrade has ended, cancelled" + (", and its machines have gone back" if revert else "")
        went = f"{what}; how it went: {command(f'watch {scale_set}', data_dir)}"
        tell(output, lambda: newest_upgrade(there, resource_id), went)


def automatic(
    *,
    scale_set: SetName,
    switch: Annotated[Switch, typer.Argument(help="on or off")],
    output: Shown = Output.TABLE,
    api: ApiUrl = "",
    data_dir: DataDir = DATA_DIR,
    credentials: Credentials = None,
    resource_group: Group = "",
    subscription: Subscription = DEFAULT_SUBSCRIPTION,
) -> None:
    """Let upgrades of a scale set begin by themselves when there is a newer version, or not any more."""
    with found(scale_set, api, data_dir, credentials, resource_group, subscription) as (there, resource_id):
        steering.set_automatic(there, resource_id, enabled=switch is Switch.ON)
        stands = f"automatic upgrades are {switch}; how it stands: {command(f'status {scale_set}', data_dir)}"
        tell(output, lambda: standing(there, resource_id), stands)
