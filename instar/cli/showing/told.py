"""How a command tells what it found or did: lines and tables for people, one document for programs.

What others wrote (names, reasons, scopes) is made legible, and is no markup.
"""

import json
from collections.abc import Callable, Sequence
from typing import Any

import typer
from rich.console import Console
from rich.table import Table

from instar.cli.options import Output
from instar.client.api_client import ApiClient
from instar.client.sets import overviews
from instar.client.showing.terminal import console
from instar.domain.legible import legible_line

Json = dict[str, Any]


def say(line: str) -> None:
    """One line for people."""
    typer.echo(legible_line(line))


def say_json(document: object) -> None:
    """The document for programs."""
    typer.echo(json.dumps(document, indent=2))


def show_found(heads: Sequence[str], rows: Sequence[Sequence[object]], found: object, output: Output) -> None:
    """What was found, as JSON or as a table."""
    if output is Output.JSON:
        say_json(found)
    else:
        show_table(heads, rows)


def show_table(heads: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """Without rows nothing; without heads the rows alone."""
    if not rows:
        return
    table = Table(box=None, show_header=bool(heads))
    for number, head in enumerate(heads or [""] * len(rows[0])):
        # What the other commands are told by is whole, however narrow the terminal.
        table.add_column(head, overflow="fold", no_wrap=not number)
    for row in rows:
        table.add_row(*(legible_line(str(cell)) for cell in row))
    console().print(table, soft_wrap=True)


def tell(output: Output, document: Callable[[], Json], *lines: str) -> None:
    """What was done, in lines, or as the API has it afterwards: `document` is asked for only where a program reads."""
    if output is Output.JSON:
        say_json(document())
        return
    for line in lines:
        say(line)


def progress(output: Output) -> Console:
    """Where it is told how something goes on: beside the document, where a program reads that."""
    return console(stderr=output is Output.JSON)


def newest_upgrade(api: ApiClient, scale_set: str) -> Json:
    """The newest upgrade of a set, as the API tells it; {} where there was none. Raises Trouble."""
    return overviews.upgrade(api, scale_set, "latest", "") or {}


def standing(api: ApiClient, scale_set: str) -> Json:
    """How a set stands with automatic upgrades, its pause, what holds it and what is quarantined. Raises Trouble."""
    return dict(api.get(f"{scale_set}/instar/automaticOSUpgrades"))
