"""What several commands take, and how each logs in to the API."""

from dataclasses import replace
from enum import StrEnum
from pathlib import Path
from shlex import quote
from typing import Annotated

import typer

from instar.cli.showing.completion import set_names
from instar.client.api_token import FILE, Login
from instar.program import program

DATA_DIR = Path(".data")


class Output(StrEnum):
    """How a command tells what it found."""

    TABLE = "table"
    JSON = "json"


SetName = Annotated[
    str,
    typer.Argument(metavar="SET", help="Name or whole resource id of a scale set.", autocompletion=set_names),
]
ApiUrl = Annotated[str, typer.Option(metavar="URL", help="Where the API answers, if not where it was started.")]
DataDir = Annotated[Path, typer.Option(help="The data directory of a running `instar up`.")]
Credentials = Annotated[
    Path | None, typer.Option(help="Other credentials, as `instar credentials create` printed them.")
]
Shown = Annotated[Output, typer.Option("--output", help="table for people, json for programs.")]
Group = Annotated[str, typer.Option(help="Needed if several sets have that name.")]
Subscription = Annotated[str, typer.Option(help="Under which the API is asked.")]


def command(words: str, data_dir: Path) -> str:
    """A command of ours as it can be pasted: it finds this installation, and the data directory from where it is."""
    where = "" if data_dir == DATA_DIR else f" --data-dir {quote(str(data_dir))}"
    return f"{program()} {words}{where}"


def login_of(credentials: Path | None, data_dir: Path, api: str) -> Login:
    """Whom a command speaks to the API as. Raises Trouble if there are no credentials."""
    login = Login.read(credentials or data_dir / FILE)
    return replace(login, endpoint=api or login.endpoint)
