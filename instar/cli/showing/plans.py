"""A plan, of an upgrade or of a rollback, for people and for programs (docs/rules.md C3)."""

from typing import Any

import typer
from rich.table import Table

from instar.cli.options import Output
from instar.cli.showing.told import say_json
from instar.client.sets import planning
from instar.client.showing.terminal import console
from instar.domain.legible import legible_line


def show_plan(told: dict[str, Any], output: Output) -> None:
    """What it comes to, then its batches as a table; or the API's answer as JSON."""
    if output is Output.JSON:
        say_json(told)
        return
    for line in planning.heading(told["properties"]):
        typer.echo(legible_line(line))
    if batches := planning.rows(told["properties"]):
        table = Table(*planning.COLUMNS, box=None, pad_edge=False)
        for row in batches:
            table.add_row(*(legible_line(cell) for cell in row))
        console().print(table, soft_wrap=True)
