"""The API to ask, and the scale set that a command is about."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from instar.cli.options import login_of
from instar.client.api_client import ApiClient
from instar.client.watch import find
from instar.errors import ended


@contextmanager
def asked(api: str, data_dir: Path, credentials: Path | None) -> Iterator[ApiClient]:
    """The API; trouble becomes its sentence."""
    with ended(), ApiClient(login_of(credentials, data_dir, api)) as there:
        yield there


@contextmanager
def found(  # noqa: PLR0917  # passed on
    scale_set: str, api: str, data_dir: Path, credentials: Path | None, group: str, subscription: str
) -> Iterator[tuple[ApiClient, str]]:
    """The API and the set's resource id, "" where none is named; trouble becomes its sentence."""
    with asked(api, data_dir, credentials) as there:
        yield there, find(there, scale_set, subscription, group) if scale_set else ""
