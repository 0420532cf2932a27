"""`instar watch`: look on, at one set or at all."""

import math
import time
from typing import Annotated

import typer

from instar.cli.found import asked, found
from instar.cli.main import INTERRUPTED
from instar.cli.options import (
    DATA_DIR,
    ApiUrl,
    Credentials,
    DataDir,
    Group,
    Subscription,
    command,
)
from instar.cli.showing.completion import set_names
from instar.client import watch as watching
from instar.client.ends import status_of
from instar.client.showing.terminal import console
from instar.client.watch_all import watch_all
from instar.errors import Nonsense, ended

SetNames = Annotated[
    str,
    typer.Argument(
        metavar="[SET]", help="Name or whole resource id of a scale set; not with --all.", autocompletion=set_names
    ),
]


def watch(
    *,
    scale_set: SetNames = "",
    everything: Annotated[bool, typer.Option("--all", help="All sets that you may read, until Ctrl-C.")] = False,
    scope: Annotated[
        str, typer.Option(help="With --all: /, a subscription, a resource group, by its id: and all below it.")
    ] = "/",
    api: ApiUrl = "",
    data_dir: DataDir = DATA_DIR,
    credentials: Credentials = None,
    resource_group: Group = "",
    subscription: Subscription = watching.DEFAULT_SUBSCRIPTION,
    timeout: Annotated[
        float | None,
        typer.Option(
            metavar="SECONDS", min=0, help="Give up after that long, with status 1; with --all 0.", show_default=False
        ),
    ] = None,
    until_parked: Annotated[
        bool, typer.Option("--until-parked", help="End when it is parked too, with status 5.")
    ] = False,
) -> None:
    """Follow the latest upgrade of a scale set until it ends, or look on at all sets.

    Before the first one it says what it waits for. Where automatic upgrades are off nothing would ever come: then it
    ends at once, unless it is given a --timeout. An API that goes away meanwhile is waited for.

    A bar per batch, a letter per machine, the reasons; plain lines when the output is no terminal. The status is 0 if
    the upgrade completed, 3 if it faulted, 4 if it was cancelled, 5 if it is parked and --until-parked was given, 6 if
    there is nothing to follow, 130 after Ctrl-C.

    With --all a bar per set, those that need a person and those that are being upgraded first, the rest counted.
    """
    last = None
    try:
        with ended():
            if everything and (resource_group or subscription != watching.DEFAULT_SUBSCRIPTION):
                raise Nonsense("--resource-group and --subscription are for one scale set: with --all give --scope ID")
            _check(scale_set, scope, everything=everything, until_parked=until_parked)
        if everything:
            with asked(api, data_dir, credentials) as there:
                watch_all(there, scope, console(), time.sleep, timeout)
            return
        with found(scale_set, api, data_dir, credentials, resource_group, subscription) as (there, resource_id):
            waiting = watching.Waiting(timeout, lambda words: command(words, data_dir), until_parked, math.inf)
            last = watching.follow(there, resource_id, console(), time.sleep, waiting).status
    except KeyboardInterrupt:
        raise typer.Exit(INTERRUPTED) from None
    if last and (end := status_of(last)):
        raise typer.Exit(end)


def _check(scale_set: str, scope: str, *, everything: bool, until_parked: bool) -> None:
    """Raises Nonsense for what cannot be meant together."""
    if everything and scale_set:
        raise Nonsense(f"either one scale set or all of them: leave '{scale_set}' out, or --all")
    if not everything and not scale_set:
        raise Nonsense("which scale set? `instar watch SET` follows one, `instar watch --all` all of them")
    if everything and until_parked:
        raise Nonsense("--until-parked is for one scale set: with --all nothing ends")
    if not everything and scope != "/":
        raise Nonsense("--scope is for --all: one scale set is named, with --resource-group if need be")
