"""An upgrade that a person starts as it is wished, and how it ended or what it is parked for."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import httpx
from rich.console import Console

from instar.client.api_client import ApiClient
from instar.client.ends import status_of
from instar.client.sets.named_ids import ids_of
from instar.client.watch import LOOK_SECONDS, Waiting, follow

FAILED = "failed"
"""In place of ids: those that the last upgrade left behind."""

FREE_SECONDS = 30.0
"""How long the set of an upgrade that has ended may take to be free for the next one; it takes part of a second."""

Pause = Callable[[float], None]
Json = dict[str, Any]


@dataclass(frozen=True)
class Wish:
    """What is wished of an upgrade; what is left out is as the platform does it."""

    version: str = ""
    instances: str = ""
    """`0,3-5`, or `failed`."""
    rollback: bool = True
    override: tuple[str, ...] = field(default=())
    reason: str = ""

    @property
    def body(self) -> Json:
        """As the API takes it. Raises Trouble for instances that cannot be meant.

        >>> Wish(version="1.2", instances="7,3-5", rollback=False).body
        {'version': '1.2', 'instances': ['7', '3', '4', '5'], 'rollback': 'none'}
        >>> Wish().body, Wish(instances="failed").body
        ({}, {'instances': 'failed'})
        """
        body: Json = {"version": self.version} if self.version else {}
        if self.instances:
            known = f"0,3-5, or {FAILED} for those that the last upgrade left"
            body["instances"] = FAILED if self.instances == FAILED else ids_of(self.instances, known)
        if not self.rollback:
            body["rollback"] = "none"
        if self.override:
            body["override"] = list(self.override)
        if self.reason:
            body["reason"] = self.reason
        return body


def wait(  # noqa: PLR0917  # which one, how it is shown, how long
    api: ApiClient,
    scale_set: str,
    accepted: httpx.Response,
    console: Console,
    pause: Pause,
    timeout: float | None = None,
) -> int:
    """Show the upgrade that was started until it has ended or is parked; the status that tells which (`ends`).

    `accepted`: the answer to its start. Raises Trouble when the time is over, or the API is away for long.
    """
    view = follow(api, scale_set, console, pause, Waiting(timeout, until_parked=True))
    if view.status.ended:
        _until_free(api, accepted, pause)
    return status_of(view.status)


def _until_free(api: ApiClient, accepted: httpx.Response, pause: Pause) -> None:
    """An upgrade's end is written down before its set is free for the next; its operation ends after both."""
    operation, give_up_at = accepted.headers["Azure-AsyncOperation"], time.monotonic() + FREE_SECONDS
    while api.get(operation)["status"] == "InProgress" and time.monotonic() < give_up_at:
        pause(LOOK_SECONDS)
