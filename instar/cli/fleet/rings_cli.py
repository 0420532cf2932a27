"""The commands `instar rings …`: in which order scale sets take a version."""

import sys
from typing import Annotated, Any

import typer

from instar.cli.found import asked
from instar.cli.options import DATA_DIR, ApiUrl, Credentials, DataDir, Output, Shown
from instar.cli.showing.told import say, say_json, show_found
from instar.client.sets import fleet
from instar.client.showing.words import moment

app = typer.Typer(
    name="rings",
    help="Canaries first: in which order the platform brings a version to scale sets. docs/rings.md tells more.",
    no_args_is_help=True,
)

Json = dict[str, Any]

Name = Annotated[str, typer.Argument(metavar="NAME", help="What the rings are called.")]

EXAMPLE = """\b
[{"sets": ["/subscriptions/…/virtualMachineScaleSets/canary"], "bake": "P1D"},
 {"tag": {"name": "ring", "value": "2"}, "bake": "PT4H"},
 {"tag": {"name": "ring", "value": "3"}}]"""


@app.command(name="list")
def list_rings(
    *, output: Shown = Output.TABLE, api: ApiUrl = "", data_dir: DataDir = DATA_DIR, credentials: Credentials = None
) -> None:
    """List the rings, and how far the newest version has come in each."""
    with asked(api, data_dir, credentials) as there:
        found = there.all(fleet.RINGS)
    rows = [(one["name"], len(one["properties"]["rings"]), _newest(one)) for one in found]
    show_found(("name", "rings", "newest version"), rows, found, output)
    if not rows and output is Output.TABLE:
        say("there are no rings")


@app.command(name="show")
def show_rings(
    *,
    name: Name,
    output: Shown = Output.TABLE,
    api: ApiUrl = "",
    data_dir: DataDir = DATA_DIR,
    credentials: Credentials = None,
) -> None:
    """Show how far each version has come, and where each set is with it."""
    with asked(api, data_dir, credentials) as there:
        found = fleet.shown(there, fleet.RINGS, name)
    if output is Output.JSON:
        say_json(found)
        return
    versions = found["properties"]["versions"]
    if not versions:
        say("no version was looked at yet: look again in a minute")
    for version in versions:
        say(f"{version['version']}: {_told(version)}")
        rows = [
            (
                one["ring"],
                one["id"].rpartition("/")[2],
                one["state"],
                moment(one["since"]),
                _why(one),
            )
            for one in version["sets"]
        ]
        show_found(("ring", "set", "state", "since", ""), rows, found, output)


@app.command(name="set", epilog=EXAMPLE)
def set_rings(
    *,
    name: Name,
    file: Annotated[str, typer.Option("--file", metavar="FILE", help="The rings, as JSON; - is standard input.")] = "-",
    reason: Annotated[str, typer.Option(help="Why; it is kept, and is in the audit log.")] = "",
    output: Shown = Output.TABLE,
    api: ApiUrl = "",
    data_dir: DataDir = DATA_DIR,
    credentials: Credentials = None,
) -> None:
    """Put scale sets into rings, or replace rings as a whole: `instar rings set fleet --file rings.json`.

    What `show --output json` printed may be changed and given back. Rings look like this; `bake` may be left out:
    """
    with asked(api, data_dir, credentials) as there:
        text = fleet.read(file, sys.stdin.read() if file == "-" else "")
        wish = fleet.rings_in(text, "standard input" if file == "-" else file)
        made, is_new = fleet.put(there, fleet.RINGS, name, wish | {"reason": reason})
    if output is Output.JSON:
        say_json(made)
        return
    say(f"{made['name']} is {'made' if is_new else 'changed'}: {len(made['properties']['rings'])} rings")


@app.command()
def delete(*, name: Name, api: ApiUrl = "", data_dir: DataDir = DATA_DIR, credentials: Credentials = None) -> None:
    """Delete rings: their sets take versions as they come. Rings that are not there are no fault."""
    with asked(api, data_dir, credentials) as there:
        was_there = fleet.removed(there, fleet.RINGS, name)
    say(f"{name} is deleted" if was_there else f"there are no rings {name}")


def _why(one: Json) -> str:
    return f"until {moment(one['until'])}" if "until" in one else str(one.get("why", ""))


def _newest(one: Json) -> str:
    versions = one["properties"]["versions"]
    return f"{versions[0]['version']}: {_told(versions[0])}" if versions else "not looked at yet"


def _told(version: Json) -> str:
    if version["state"] == "through":
        return "through all rings"
    return str(version.get("waitsFor", f"in ring {version['ring']}"))
