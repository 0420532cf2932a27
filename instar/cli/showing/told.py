"""What a command did, told at its end: lines for people, for programs the document as the API has it then."""

import json
from collections.abc import Callable
from typing import Any

import typer
from rich.console import Console

from instar.cli.options import Output
from instar.client.api_client import ApiClient
from instar.client.sets import overviews
from instar.domain.legible import legible_line

Json = dict[str, Any]


def tell(output: Output, document: Callable[[], Json], *lines: str) -> None:
    """`document` is asked for only where a program reads."""
    if output is Output.JSON:
        typer.echo(json.dumps(document(), indent=2))
        return
    for line in lines:
        typer.echo(legible_line(line))


def progress(output: Output) -> Console:
    """Where it is told how something goes on: beside the document, where a program reads that."""
    return Console(highlight=False, stderr=output is Output.JSON)


def newest_upgrade(api: ApiClient, scale_set: str) -> Json:
    """The newest upgrade of a set, as the API tells it; {} where there was none. Raises Trouble."""
    return overviews.upgrade(api, scale_set, "latest", "") or {}


def standing(api: ApiClient, scale_set: str) -> Json:
    """How a set stands with automatic upgrades, its pause, what holds it and what is quarantined. Raises Trouble."""
    return dict(api.get(f"{scale_set}/instar/automaticOSUpgrades"))
