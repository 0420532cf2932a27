"""An upgrade that a person starts as it is wished, and how it ended or what it is parked for."""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from rich.console import Console

from instar.client.api_client import ApiAway, ApiClient
from instar.client.watch import AWAY_SECONDS, LOOK_SECONDS, Lines, look
from instar.domain.records.upgrades import UpgradeStatus
from instar.errors import Trouble

FAILED = "failed"
"""In place of ids: those that the last upgrade left behind."""

IDS_AT_MOST = 10_000

PARKED_ACTIONS = ("parked", "approval")
"""The newest decision of an upgrade that waits for somebody or something before its next batch."""

FAULTED_EXIT, CANCELLED_EXIT, PARKED_EXIT = 3, 4, 5
"""Exit codes of a wait; 0 is completed. 1 says that the command itself failed, 2 that it was not understood."""

EXITS = {UpgradeStatus.COMPLETED: 0, UpgradeStatus.FAULTED: FAULTED_EXIT, UpgradeStatus.CANCELLED: CANCELLED_EXIT}

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
            body["instances"] = FAILED if self.instances == FAILED else ids_of(self.instances)
        if not self.rollback:
            body["rollback"] = "none"
        if self.override:
            body["override"] = list(self.override)
        if self.reason:
            body["reason"] = self.reason
        return body


def ids_of(text: str) -> list[str]:
    """The ids of `0,3-5`. Raises Trouble.

    >>> ids_of("0,3-5")
    ['0', '3', '4', '5']
    """
    ids: list[str] = []
    for part in text.split(","):
        first, dash, last = part.strip().partition("-")
        numbers = [first, last] if dash else [first, first]
        if not all(one.isascii() and one.isdigit() and len(one) <= 9 for one in numbers):  # noqa: PLR2004  # as the API
            raise Trouble(f"'{text}' names no instances: write 0,3-5, or {FAILED} for those that the last upgrade left")
        begin, end = int(numbers[0]), int(numbers[1])
        if end < begin or end - begin + len(ids) >= IDS_AT_MOST:
            raise Trouble(
                f"'{part.strip()}' is no range of at most {IDS_AT_MOST} instances, from the lower to the higher"
            )
        ids += [str(number) for number in range(begin, end + 1)]
    return ids


def wait(  # which one, how it is shown, how long
    api: ApiClient, scale_set: str, console: Console, pause: Pause, timeout: float | None = None
) -> int:
    """Show the latest upgrade until it has ended or is parked; the exit code that tells which.

    Raises Trouble when the time is over, or the API is away for long.
    """
    screen = Lines(scale_set.rsplit("/", 1)[-1], console)
    last_answer = time.monotonic()
    give_up_at = math.inf if timeout is None else last_answer + timeout
    while True:
        try:
            view = look(api, scale_set)
        except ApiAway as away:
            if time.monotonic() - last_answer > AWAY_SECONDS:
                raise
            screen.say(f"the API is away, trying again: {away}")
        else:
            last_answer = time.monotonic()
            if view is not None:
                screen.show(view)
                if view.status.ended:
                    return EXITS[view.status]
                if view.decisions and view.decisions[-1].action in PARKED_ACTIONS:
                    return PARKED_EXIT
        if time.monotonic() >= give_up_at:
            raise Trouble(f"the upgrade has neither ended nor parked within {timeout:g} s: it goes on")
        pause(LOOK_SECONDS)
