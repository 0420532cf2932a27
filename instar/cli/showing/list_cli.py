"""The commands that look at many: `instar list`, `instar history`."""

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
)
from instar.cli.showing.told import say_json
from instar.client.sets import overviews
from instar.client.showing.set_list import table_of
from instar.client.showing.terminal import console
from instar.client.showing.upgrade_list import time_line, upgrades_table
from instar.client.watch import DEFAULT_SUBSCRIPTION
from instar.compute.clock import utc_now
from instar.errors import Trouble

USUALLY = 10
"""Upgrades that are shown where nothing else is asked for."""


def list_sets(
    *,
    output: Shown = Output.TABLE,
    scope: Annotated[
        str, typer.Option(help="/, a subscription, a resource group or a scale set, by its id: and all below it.")
    ] = "/",
    api: ApiUrl = "",
    data_dir: DataDir = DATA_DIR,
    credentials: Credentials = None,
) -> None:
    """List the scale sets that you may read: image, versions, what runs, what keeps it back, how the last one went."""
    with asked(api, data_dir, credentials) as there:
        sets = overviews.all_sets(there, scope)
    if output is Output.JSON:
        say_json(sets)
    elif sets:
        console().print(table_of(sets))
    else:
        typer.echo("no scale set is there that you may read")


def history(
    *,
    scale_set: SetName,
    everything: Annotated[
        bool, typer.Option("--all", help="Of any age, and what was done to single machines too.")
    ] = False,
    number: Annotated[
        int | None, typer.Option(min=1, max=999_999_999, help="One of them: its decisions, and machines that failed.")
    ] = None,
    output: Shown = Output.TABLE,
    api: ApiUrl = "",
    data_dir: DataDir = DATA_DIR,
    credentials: Credentials = None,
    resource_group: Group = "",
    subscription: Subscription = DEFAULT_SUBSCRIPTION,
) -> None:
    """Tell what upgrades a scale set had, the newest first: what, who, to which version, how long, how it went, why."""
    with found(scale_set, api, data_dir, credentials, resource_group, subscription) as (there, resource_id):
        if number is None:
            upgrades = overviews.upgrades(there, resource_id, None if everything else USUALLY)
        else:
            one = overviews.upgrade(there, resource_id, number, "decisions,instances,from")
            if one is None:
                raise Trouble(f"{scale_set} had no upgrade {number}: without --number those are shown that it had")
            upgrades = [one]
    if output is Output.JSON:
        say_json(upgrades if number is None else upgrades[0])
    elif number is not None:
        console().print(time_line(upgrades[0], utc_now()))
    elif upgrades:
        console().print(upgrades_table(upgrades, utc_now()))
    else:
        typer.echo("no upgrade has run yet")
