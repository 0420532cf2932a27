"""Tables and JSON of limits and rings, and the API to ask for them."""

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import typer
from rich.console import Console
from rich.table import Table

from instar.cli.options import Output, login_of
from instar.client.api_client import ApiClient
from instar.domain.legible import legible_line
from instar.errors import ended

Json = dict[str, Any]


@contextmanager
def asked(credentials: Path | None, data_dir: Path, api: str) -> Iterator[ApiClient]:
    """The API; trouble becomes its sentence."""
    with ended(), ApiClient(login_of(credentials, data_dir, api)) as there:
        yield there


def show(heads: Sequence[str], rows: Sequence[Sequence[Any]], found: object, output: Output) -> None:
    """What was found, as JSON or as a table; without rows the table is left out."""
    if output is Output.JSON:
        typer.echo(json.dumps(found, indent=2))
        return
    if not rows:
        return
    table = Table(box=None)
    for number, head in enumerate(heads):
        # What the other commands are told by is whole, however narrow the terminal.
        table.add_column(head, overflow="fold", no_wrap=not number)
    for row in rows:
        table.add_row(*(legible_line(str(cell)) for cell in row))
    # What stands in it was written by others: it is no markup.
    Console(soft_wrap=True, markup=False, emoji=False, highlight=False).print(table, soft_wrap=True)


def say(line: str) -> None:
    """One line for people."""
    typer.echo(legible_line(line))


def minute(moment: str) -> str:
    """A moment of the API, in UTC, as a table has room for.

    >>> minute("2026-03-01T12:00:00.1234+00:00")
    '2026-03-01 12:00Z'
    """
    return f"{moment[:16].replace('T', ' ')}Z"
