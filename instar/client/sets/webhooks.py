"""Webhooks as a person wants them: set, tested, what was not delivered, sent again."""

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

from instar.client.api_client import ApiClient
from instar.errors import Nonsense, Trouble

Json = dict[str, Any]

ROOT = "/instar/webhooks"

TEST_SECONDS = 30.0
"""How long a test event may take: a worker takes it up at once, a receiver has 15 seconds."""

LOOK_SECONDS = 0.3

Pause = Callable[[float], None]


def path_of(name: str) -> str:
    """Where a webhook is."""
    return f"{ROOT}/{quote(name, safe='')}"


def secret_in(file: Path) -> str:
    """The secret in a file, without the end of its line. Raises Trouble."""
    try:
        return file.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise Trouble(f"cannot read the secret in {file}: {getattr(error, 'strerror', 'it is no text')}") from None


def put(api: ApiClient, name: str, wish: Json) -> tuple[Json, bool]:
    """Make or change a webhook; as it is then, and whether it is new. Raises Trouble with the API's reason."""
    answer = api.send("PUT", path_of(name), wish)
    body: Json = answer.json()
    return body, answer.status_code == 201  # noqa: PLR2004  # HTTP's own number


def deliver_a_test(api: ApiClient, name: str, pause: Pause, seconds: float = TEST_SECONDS) -> str:
    """Ask for a test event and wait until it was taken; its id. Raises Trouble with what the receiver answered."""
    path = path_of(name)
    event = str(api.send("POST", f"{path}/test").json()["event"])
    give_up_at = time.monotonic() + seconds
    while True:
        waits = [one for one in api.all(f"{path}/undelivered") if one["id"] == event]
        if not waits:
            return event
        if why := waits[0].get("lastError"):
            raise Trouble(f"the test event {event} was not delivered, and is tried again: {why}")
        if time.monotonic() > give_up_at:
            raise Trouble(f"the test event {event} was not tried within {seconds:g} s: does a worker run?")
        pause(LOOK_SECONDS)


def resend(api: ApiClient, name: str, events: Sequence[str], *, everything: bool) -> int:
    """Try anew what was given up; how many. Raises Nonsense unless either events are named or all are meant."""
    if bool(events) == everything:
        raise Nonsense("name the events to be sent again, as `instar webhooks undelivered` shows them, or give --all")
    body = {} if everything else {"events": list(events)}
    return int(api.send("POST", f"{path_of(name)}/resend", body).json()["resent"])
