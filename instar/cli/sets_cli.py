"""The commands that make and steer a scale set: `instar init`, `upgrade`, `cancel`, `automatic`."""

import time
from enum import StrEnum
from typing import Annotated

import typer

from instar.cli.found import found
from instar.cli.options import DATA_DIR, ApiUrl, Credentials, DataDir, Group, SetName, Subscription, command, login_of
from instar.client.api_client import ApiClient
from instar.client.sets import first_set, steering
from instar.client.watch import DEFAULT_SUBSCRIPTION
from instar.domain.legible import legible_line
from instar.errors import ended


class Switch(StrEnum):
    """Whether upgrades begin by themselves."""

    ON = "on"
    OFF = "off"


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
    with ended(), ApiClient(login_of(credentials, data_dir, api)) as there:
        first_set.make(there, wish, _say, time.sleep)
        image = "Canonical UbuntuServer 18.04-LTS 2.0.0"
        _say("next:")
        for words, what in (
            (f"images publish {image}", "release a newer version"),
            (f"upgrade {name}", "give it to the machines, now"),
            (f"watch {name}", "look on"),
            (f"automatic {name} on", "let upgrades begin by themselves"),
            (f"status {name}", "how it stands, and what to do"),
        ):
            _say(f"  {what}")
            _say(f"    {command(words, data_dir)}")


def upgrade(
    *,
    scale_set: SetName,
    api: ApiUrl = "",
    data_dir: DataDir = DATA_DIR,
    credentials: Credentials = None,
    resource_group: Group = "",
    subscription: Subscription = DEFAULT_SUBSCRIPTION,
) -> None:
    """Start an upgrade of a scale set to the newest version of its image, by hand; return once it has begun.

    A start by hand leaves machines that do not get healthy on the new disk, for somebody to look at. Upgrades that
    begin by themselves give them their previous disks back.
    """
    with found(scale_set, api, data_dir, credentials, resource_group, subscription) as (there, resource_id):
        steering.start(there, resource_id, time.sleep)
        _say(f"the upgrade was started by hand; to follow it: {command(f'watch {scale_set}', data_dir)}")


def cancel(
    *,
    scale_set: SetName,
    revert: Annotated[bool, typer.Option("--revert", help="Then its machines get their disks back.")] = False,
    reason: Annotated[str, typer.Option(help="Why; may be left out.")] = "",
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
        _say(f"{what}; how it went: {command(f'watch {scale_set}', data_dir)}")


def automatic(
    *,
    scale_set: SetName,
    switch: Annotated[Switch, typer.Argument(help="on or off")],
    api: ApiUrl = "",
    data_dir: DataDir = DATA_DIR,
    credentials: Credentials = None,
    resource_group: Group = "",
    subscription: Subscription = DEFAULT_SUBSCRIPTION,
) -> None:
    """Let upgrades of a scale set begin by themselves when there is a newer version, or not any more."""
    with found(scale_set, api, data_dir, credentials, resource_group, subscription) as (there, resource_id):
        steering.set_automatic(there, resource_id, enabled=switch is Switch.ON)
        _say(f"automatic upgrades are {switch}; how it stands: {command(f'status {scale_set}', data_dir)}")


def _say(line: str) -> None:
    typer.echo(legible_line(line))
