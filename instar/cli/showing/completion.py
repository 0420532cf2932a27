"""What a shell offers behind a command: names of scale sets, if they are known within a second, else nothing.

A completion must never hang a shell, nor print into a line that somebody is typing.
"""

from dataclasses import replace
from pathlib import Path
from threading import Thread
from typing import Any

from typer import Context

from instar.client.api_client import ApiClient
from instar.client.api_token import FILE, Login

SECONDS = 1.0
"""All of it, the login too: after that nothing is offered."""

OFFERED = 500
"""Names at the most."""


def set_names(context: Context, incomplete: str) -> list[str]:
    """Names of the sets that may be read and begin so; [] where nobody can say in time. Never raises."""
    found: list[str] = []
    asking = Thread(target=_ask, args=(dict(context.params), found), daemon=True)
    asking.start()
    asking.join(SECONDS)
    return [name for name in list(found) if name.startswith(incomplete) and name.isprintable()]


def _ask(given: dict[str, Any], found: list[str]) -> None:
    try:
        login = Login.read(Path(given.get("credentials") or Path(given.get("data_dir") or ".data") / FILE))
        with ApiClient(replace(login, endpoint=given.get("api") or login.endpoint)) as api:
            page = api.get("/instar/scaleSets", _top=str(OFFERED))
        found += sorted({str(one["name"]) for one in page["value"]})
    except Exception:  # noqa: BLE001  # whatever it is, a shell is no place to tell it
        found.clear()
