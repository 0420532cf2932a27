"""The commands `instar limits …`: how much is upgraded at once over many scale sets."""

from typing import Annotated, Any

import typer

from instar.cli.found import asked
from instar.cli.options import DATA_DIR, ApiUrl, Credentials, DataDir, Output, Shown
from instar.cli.showing.told import say, say_json, show_found
from instar.client.sets import fleet
from instar.client.showing.words import moment

app = typer.Typer(
    name="limits",
    help="Not all at once: how many upgrades, and how many machines, over many scale sets.",
    no_args_is_help=True,
)

Json = dict[str, Any]

Name = Annotated[str, typer.Argument(metavar="NAME", help="What the limit is called.")]


@app.command(name="list")
def list_limits(
    *, output: Shown = Output.TABLE, api: ApiUrl = "", data_dir: DataDir = DATA_DIR, credentials: Credentials = None
) -> None:
    """List the limits: where, how much, how much of it is out, and how many wait."""
    with asked(api, data_dir, credentials) as there:
        found = there.all(fleet.LIMITS)
    rows = [(one["name"], one["properties"]["scope"], *_used(one), len(one["properties"]["waiting"])) for one in found]
    show_found(("name", "scope", "upgrades", "machines out", "waiting"), rows, found, output)
    if not rows and output is Output.TABLE:
        say("nothing is limited")


@app.command(name="show")
def show_limit(
    *,
    name: Name,
    output: Shown = Output.TABLE,
    api: ApiUrl = "",
    data_dir: DataDir = DATA_DIR,
    credentials: Credentials = None,
) -> None:
    """Show a limit: who holds how much of it, and who waits for what, in the order of their turn."""
    with asked(api, data_dir, credentials) as there:
        found = fleet.shown(there, fleet.LIMITS, name)
    if output is Output.TABLE:
        _tell(found)
    properties = found["properties"]
    rows = [
        (one["id"].rpartition("/")[2], one["upgrade"], one["machines"], moment(one["since"]), "runs")
        for one in properties["holders"]
        if not any(one["id"] == other["id"] for other in properties["waiting"])
    ]
    rows += [
        (one["id"].rpartition("/")[2], one["upgrade"], one["machines"], moment(one["since"]), one["waitsFor"])
        for one in properties["waiting"]
    ]
    show_found(("set", "upgrade", "machines", "since", ""), rows, found, output)


@app.command(name="set")
def set_limit(
    *,
    name: Name,
    upgrades: Annotated[
        int | None, typer.Option("--upgrades-at-once", min=1, help="Upgrades that have begun and have not ended.")
    ] = None,
    machines: Annotated[
        int | None, typer.Option("--machines-out-at-once", min=1, help="Machines of batches without their verdict.")
    ] = None,
    scope: Annotated[
        str, typer.Option(help="/, a subscription, a resource group or a scale set, by its id: and all below it.")
    ] = "/",
    reason: Annotated[str, typer.Option(help="Why; it is kept, and is in the audit log.")] = "",
    output: Shown = Output.TABLE,
    api: ApiUrl = "",
    data_dir: DataDir = DATA_DIR,
    credentials: Credentials = None,
) -> None:
    """Make a limit, or replace it as a whole: `instar limits set all --upgrades-at-once 3`.

    Upgrades beyond it are parked, and go on in the order of their asking. What runs already is not stopped.
    """
    wish: Json = {"scope": scope, "reason": reason, "upgradesAtOnce": upgrades, "machinesOutAtOnce": machines}
    with asked(api, data_dir, credentials) as there:
        made, is_new = fleet.put(there, fleet.LIMITS, name, wish)
    if output is Output.JSON:
        say_json(made)
        return
    say(f"{made['name']} is {'made' if is_new else 'changed'}")
    _tell(made)


@app.command()
def delete(*, name: Name, api: ApiUrl = "", data_dir: DataDir = DATA_DIR, credentials: Credentials = None) -> None:
    """Delete a limit: whoever waits for it alone goes on. One that is not there is no fault."""
    with asked(api, data_dir, credentials) as there:
        was_there = fleet.removed(there, fleet.LIMITS, name)
    say(f"{name} is deleted" if was_there else f"there is no limit {name}")


def _tell(one: Json) -> None:
    upgrades, machines = _used(one)
    say(f"{one['name']} on {one['properties']['scope']}: upgrades {upgrades}, machines out {machines}")


def _used(one: Json) -> tuple[str, str]:
    properties = one["properties"]
    now = properties["now"]
    return (
        f"{now['upgrades']} of {properties.get('upgradesAtOnce', 'any number')}",
        f"{now['machinesOut']} of {properties.get('machinesOutAtOnce', 'any number')}",
    )
