"""`instar doctor`: what is wrong with an installation, and what to do."""

from pathlib import Path
from typing import Annotated

import typer
from pydantic import ValidationError
from rich.table import Table
from rich.text import Text

from instar.cli.options import DATA_DIR, ApiUrl, Credentials, Output, Shown
from instar.cli.showing.told import say, say_json
from instar.client.showing.terminal import console
from instar.connection.remarks.problems import first_problem
from instar.connection.setting_groups import is_web_url
from instar.connection.settings import Settings
from instar.doctor.examine import counted, examine
from instar.doctor.place import Place
from instar.domain.checkup.findings import Finding, Level
from instar.domain.legible import legible_line
from instar.errors import Nonsense, ended

STYLES = {
    Level.OK: "green",
    Level.WARNING: "yellow",
    Level.PROBLEM: "bold red",
    Level.NOT_LOOKED: "dim",
}

DataDir = Annotated[
    Path | None,
    typer.Option(help="The data directory; by default INSTAR_DATA_DIR, else .data.", show_default=False),
]


def doctor(
    *,
    output: Shown = Output.TABLE,
    api: ApiUrl = "",
    data_dir: DataDir = None,
    credentials: Credentials = None,
) -> None:
    """Say what is wrong with this installation, and what to do about it; nothing is changed.

    Looks at API, store, Temporal, workers, versions, clocks, files and keys, room, certificates, backups, workflows,
    hand-overs, sets, wishes, images and credentials: docs/doctor.md. Where Instar runs it sees all, with the settings
    (INSTAR_..., TEMPORAL_...) of its environment; from elsewhere what the API tells, and it says what it did not see.

    The status is 0 if there is no problem, 1 if there is one, 2 if the command was called wrongly. Takes 15 seconds at
    the most.
    """
    with ended():
        if api and not (is_web_url(api) and api.isprintable()):
            raise Nonsense(f"{api!r} is no URL of an API: it is like https://localhost:8080")
    found = examine(place_of(api, data_dir, credentials))
    if output is Output.JSON:
        say_json({"summary": counted(found), "findings": [_body(one) for one in found]})
    else:
        console().print(table(found))
        numbers = ", ".join(f"{number} {level}" for level, number in counted(found).items() if number)
        say(f"findings: {numbers}")
    if any(one.level is Level.PROBLEM for one in found):
        raise typer.Exit(1)


def place_of(api: str, data_dir: Path | None, credentials: Path | None) -> Place:
    """Where it stands; settings that are wrong are one more finding."""
    wrong, settings = "", None
    try:
        settings = Settings() if data_dir is None else Settings(data_dir=data_dir)
    except ValidationError as error:
        wrong = first_problem(error)
    there = settings.data_dir if settings else (data_dir or DATA_DIR).absolute()
    return Place(settings, wrong, there, credentials, api)


def table(found: list[Finding]) -> Table:
    """A finding each, with what to do below it; what was not looked at for the same reason last, and once."""
    shown = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), show_header=False)
    shown.add_column(no_wrap=True)
    shown.add_column(no_wrap=True)
    shown.add_column(overflow="fold")
    for one in (one for one in found if one.level is not Level.NOT_LOOKED):
        text = Text(legible_line(one.found))
        if one.do:
            text.append(f"\nto do: {legible_line(one.do)}", style="bold" if one.level is Level.PROBLEM else "")
        shown.add_row(Text(one.level, style=STYLES[one.level]), str(one.check), text)
    alike: dict[tuple[str, str], list[str]] = {}
    for one in (one for one in found if one.level is Level.NOT_LOOKED):
        alike.setdefault((one.found, one.do), []).append(one.check)
    for (why, do), checks in alike.items():
        text = Text(legible_line(f"{', '.join(checks)}: {why}"))
        if do:
            text.append(f"\nto do: {legible_line(do)}")
        shown.add_row(Text(Level.NOT_LOOKED, style=STYLES[Level.NOT_LOOKED]), "", text)
    return shown


def _body(one: Finding) -> dict[str, str]:
    return {"check": one.check.value, "level": one.level.value, "found": one.found, "do": one.do}
