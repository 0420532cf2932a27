"""The commands that keep upgrades back and let them go on: `instar pause`, `hold`, `approve` and their opposites."""

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
from instar.cli.showing.told import newest_upgrade, say, say_json, standing, tell
from instar.client.sets import wishes
from instar.client.watch import DEFAULT_SUBSCRIPTION
from instar.compute.clock import utc_now

Reason = Annotated[str, typer.Option(help="Why: everybody who meets it is told.")]
Until = Annotated[str, typer.Option(metavar="MOMENT", help="Ends by itself then, as 2026-12-01T06:00:00Z.")]
Hours = Annotated[float | None, typer.Option(min=0.01, max=8784, help="Ends by itself after so many hours.")]
HoldName = Annotated[str, typer.Argument(metavar="NAME", help="What the hold is called.")]


def pause(
    *,
    scale_set: SetName,
    reason: Reason,
    until: Until = "",
    hours: Hours = None,
    output: Shown = Output.TABLE,
    api: ApiUrl = "",
    data_dir: DataDir = DATA_DIR,
    credentials: Credentials = None,
    resource_group: Group = "",
    subscription: Subscription = DEFAULT_SUBSCRIPTION,
) -> None:
    """Pause the upgrades of a scale set: the batch in work comes to its end, then nothing new begins.

    With nothing running the next upgrade does not begin. It lasts until `instar resume`, or until its end.
    """
    with found(scale_set, api, data_dir, credentials, resource_group, subscription) as (there, resource_id):
        told = wishes.pause(there, resource_id, reason, wishes.until(until, hours, utc_now()))
        way_out = f"to let it go on: {command(f'resume {scale_set}', data_dir)}"
        tell(output, lambda: told, told["properties"]["sentence"], way_out)


def resume(
    *,
    scale_set: SetName,
    output: Shown = Output.TABLE,
    api: ApiUrl = "",
    data_dir: DataDir = DATA_DIR,
    credentials: Credentials = None,
    resource_group: Group = "",
    subscription: Subscription = DEFAULT_SUBSCRIPTION,
) -> None:
    """Let the upgrades of a paused scale set go on, where they stopped."""
    with found(scale_set, api, data_dir, credentials, resource_group, subscription) as (there, resource_id):
        wishes.resume(there, resource_id)
        tell(output, lambda: standing(there, resource_id), f"{scale_set} is paused no more")


def hold(
    *,
    name: HoldName = "freeze",
    reason: Reason,
    scope: Annotated[
        str, typer.Option(help="/, a subscription, a resource group or a scale set, by its id: and all below it.")
    ] = "/",
    until: Until = "",
    hours: Hours = None,
    output: Shown = Output.TABLE,
    api: ApiUrl = "",
    data_dir: DataDir = DATA_DIR,
    credentials: Credentials = None,
) -> None:
    """Hold every upgrade at a scope: `instar hold --reason "code freeze"` freezes everything.

    None begins, by hand neither; those that run wait before their next batch. Scaling, power and cancels go on.
    """
    with asked(api, data_dir, credentials) as there:
        told = wishes.hold(there, name, scope, reason, wishes.until(until, hours, utc_now()))
        way_out = f"to let it go on: {command(f'release {name}', data_dir)}"
        tell(output, lambda: told, told["properties"]["sentence"], way_out)


def release(
    *,
    name: HoldName = "freeze",
    output: Shown = Output.TABLE,
    api: ApiUrl = "",
    data_dir: DataDir = DATA_DIR,
    credentials: Credentials = None,
) -> None:
    """End a hold: what it kept back goes on where it stopped. No such hold is no error."""
    with asked(api, data_dir, credentials) as there:
        there_was = wishes.release(there, name)
        line = f"{name} is released" if there_was else f"there is no hold of the name {name}"
        tell(output, lambda: {"name": name, "released": there_was}, line)


def holds(
    *,
    output: Shown = Output.TABLE,
    api: ApiUrl = "",
    data_dir: DataDir = DATA_DIR,
    credentials: Credentials = None,
) -> None:
    """List the holds: where, who, since when, why, until when."""
    with asked(api, data_dir, credentials) as there:
        listed = wishes.holds(there)
    if output is Output.JSON:
        say_json(listed)
        return
    for one in listed:
        say(one["properties"]["sentence"])
    if not listed:
        say("nothing is held")


def approve(
    *,
    scale_set: SetName,
    reason: Annotated[str, typer.Option(help="Why; may be left out.")] = "",
    output: Shown = Output.TABLE,
    api: ApiUrl = "",
    data_dir: DataDir = DATA_DIR,
    credentials: Credentials = None,
    resource_group: Group = "",
    subscription: Subscription = DEFAULT_SUBSCRIPTION,
) -> None:
    """Let the running upgrade of a scale set pass the gate at which it waits for a person."""
    with found(scale_set, api, data_dir, credentials, resource_group, subscription) as (there, resource_id):
        wishes.say_at_the_gate(there, resource_id, reason, approved=True)
        look_on = f"approved; to look on: {command(f'watch {scale_set}', data_dir)}"
        tell(output, lambda: newest_upgrade(there, resource_id), look_on)


def reject(
    *,
    scale_set: SetName,
    reason: Reason,
    output: Shown = Output.TABLE,
    api: ApiUrl = "",
    data_dir: DataDir = DATA_DIR,
    credentials: Credentials = None,
    resource_group: Group = "",
    subscription: Subscription = DEFAULT_SUBSCRIPTION,
) -> None:
    """End the running upgrade of a scale set at the gate at which it waits; machines that are done stay done."""
    with found(scale_set, api, data_dir, credentials, resource_group, subscription) as (there, resource_id):
        wishes.say_at_the_gate(there, resource_id, reason, approved=False)
        tell(output, lambda: newest_upgrade(there, resource_id), "rejected; the upgrade ends as cancelled")


def lift(
    *,
    scale_set: SetName,
    version: Annotated[str, typer.Argument(help="The quarantined version, as `instar show` names it.")],
    output: Shown = Output.TABLE,
    api: ApiUrl = "",
    data_dir: DataDir = DATA_DIR,
    credentials: Credentials = None,
    resource_group: Group = "",
    subscription: Subscription = DEFAULT_SUBSCRIPTION,
) -> None:
    """Lift the quarantine of a version: the scale set, and machines that it did not suit, may take it again."""
    with found(scale_set, api, data_dir, credentials, resource_group, subscription) as (there, resource_id):
        wishes.lift(there, resource_id, version)
        line = f"{version} is not quarantined any more; how it stands: {command(f'show {scale_set}', data_dir)}"
        tell(output, lambda: standing(there, resource_id), line)
