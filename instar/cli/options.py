"""What several commands take, and how each logs in to the API."""

from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from instar.client.api_token import FILE, Login

INTERRUPTED = 130
"""The status of a command that was ended by Ctrl-C."""

DATA_DIR = Path(".data")

SetName = Annotated[str, typer.Argument(metavar="SET", help="Name or whole resource id of a scale set.")]
ApiUrl = Annotated[str, typer.Option(metavar="URL", help="Where the API answers, if not where it was started.")]
DataDir = Annotated[Path, typer.Option(help="The data directory of a running `instar up`.")]
Credentials = Annotated[
    Path | None, typer.Option(help="Other credentials, as `instar credentials create` printed them.")
]
Group = Annotated[str, typer.Option(help="Needed if several sets have that name.")]
Subscription = Annotated[str, typer.Option(help="Under which the API is asked.")]


def login_of(credentials: Path | None, data_dir: Path, api: str) -> Login:
    """Whom a command speaks to the API as. Raises Trouble if there are no credentials."""
    login = Login.read(credentials or data_dir / FILE)
    return replace(login, endpoint=api or login.endpoint)
