"""`instar watch --all`: look on while many sets are upgraded."""

import math
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from datetime import datetime
from typing import Any

from rich.console import Console, Group
from rich.live import Live
from rich.text import Text

from instar.client.api_client import ApiAway, ApiClient, ApiRefused
from instar.client.sets import overviews
from instar.client.showing.board import (
    Line,
    Rank,
    board,
    counted,
    in_order,
    names_of,
    rank_of,
    runs,
    steady_facts_of,
    target_of,
    waits_of,
)
from instar.client.showing.screens import can_draw
from instar.client.watch import Pause, is_away
from instar.compute.clock import utc_now
from instar.domain.legible import legible_line

LOOK_SECONDS = 2.0
"""One request for each 500 sets."""

FORECASTS_EVERY = 15.0
"""Seconds from one forecast of a set to the next: the API looks at its machines for each."""

FORECASTS_AT_ONCE = 2
"""In one look: another one must not wait for many."""

Json = dict[str, Any]


def watch_all(api: ApiClient, scope: str, console: Console, pause: Pause, timeout: float | None) -> None:
    """Show what goes on at a scope until the time is over, in seconds; None: until Ctrl-C.

    An API that goes away meanwhile is waited for. Raises Trouble if it is away at first, or refuses.
    """
    shown: Board | Changes = Board(console) if can_draw(console) else Changes(console)
    ends = Ends(api)
    give_up_at = math.inf if timeout is None else time.monotonic() + timeout
    sets = overviews.all_sets(api, scope, versions=False)
    with shown.context:
        while True:
            shown.show(sets, utc_now(), ends.of(sets) if isinstance(shown, Board) else {})
            while True:
                if time.monotonic() >= give_up_at:
                    return
                pause(min(LOOK_SECONDS, max(0.0, give_up_at - time.monotonic())))
                try:
                    sets = overviews.all_sets(api, scope, versions=False)
                    break
                except (ApiAway, ApiRefused) as away:
                    if not is_away(away):
                        raise
                    shown.away(f"the API is away, trying again: {away}")


class Ends:
    """When running upgrades would end, asked for in turn."""

    def __init__(self, api: ApiClient, clock: Callable[[], float] = time.monotonic) -> None:
        self._api = api
        self._clock = clock
        self._told: dict[str, str] = {}
        self._asked: dict[str, float] = {}

    def of(self, sets: Sequence[Json]) -> dict[str, str]:
        """What is known, by the sets' ids; of those that are shown first, first. Never raises for an API away."""
        running = [one["id"] for one in in_order(sets) if one["properties"]["state"] == "upgrading"]
        self._told = {one: told for one, told in self._told.items() if one in set(running)}
        now = self._clock()
        due = [one for one in running if now - self._asked.get(one, -math.inf) >= FORECASTS_EVERY]
        for one in sorted(due, key=lambda one: self._asked.get(one, -math.inf))[:FORECASTS_AT_ONCE]:
            self._asked[one] = now
            try:
                told = overviews.forecast(self._api, one) or {}
            except (ApiAway, ApiRefused):
                break
            self._told[one] = str(told.get("ends", ""))
        return self._told


class Board:
    """A screen that is drawn again in place, as high as the terminal is."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._live = Live(console=console, refresh_per_second=4)
        self._lines: list[Line] = []

    @property
    def context(self) -> AbstractContextManager[object]:
        """Open while it is shown."""
        return self._live

    def show(self, sets: Sequence[Json], now: datetime, ends: dict[str, str]) -> None:
        """How it stands."""
        self._lines = board(sets, self._console.width, self._console.height - 1, now, ends)
        self._draw(self._lines)

    def away(self, line: str) -> None:
        """The API does not answer; what was known last stays."""
        self._draw([Line(legible_line(line), "bold red"), *self._lines][: self._console.height - 1])

    def _draw(self, lines: Sequence[Line]) -> None:
        texts = (Text(line.text, style=line.style, no_wrap=True, overflow="ellipsis") for line in lines)
        self._live.update(Group(*texts))


class Changes:
    """Lines for a file or a pipe: how all stand at first, then one for each change."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._said: dict[str, tuple[str, str]] | None = None
        self._is_away = False

    @property
    def context(self) -> AbstractContextManager[object]:
        """Nothing has to be opened."""
        return nullcontext()

    def show(self, sets: Sequence[Json], now: datetime, _ends: dict[str, str]) -> None:
        """What has changed since the last time."""
        del now  # how long something takes changes all the time
        if self._is_away:
            self._say("the API is back")
        self._is_away = False
        names, before = names_of(sets), self._said
        self._said = {one["id"]: (names[one["id"]], sentence(one)) for one in sets}
        if before is None:
            self._say(counted(sets))
            for one in in_order(sets):
                if rank_of(one) is not Rank.REST:
                    self._say(": ".join(self._said[one["id"]]))
            return
        for one in in_order(sets):
            name, now_said = self._said[one["id"]]
            if before.get(one["id"], ("", ""))[1] != now_said:
                self._say(f"{name}: {now_said}")
        for gone in sorted(before.keys() - self._said.keys()):
            self._say(f"{before[gone][0]}: is gone")

    def away(self, line: str) -> None:
        """Each try fails in words of its own: one is enough."""
        if not self._is_away:
            self._is_away = True
            self._say(line)

    def _say(self, line: str) -> None:
        self._console.print(legible_line(line), markup=False, highlight=False, soft_wrap=True)


def sentence(one: Json) -> str:
    """How a set stands, in words that change only when something does."""
    told = one["properties"]
    upgrade = told.get("upgrade") or {}
    if runs(one):
        words = f"{told['state']} {'  '.join(steady_facts_of(one))}"
    else:
        last = f", last upgrade {upgrade['status']} to {target_of(upgrade)}" if upgrade else ""
        words = f"{told['state']}{last}"
    return legible_line(": ".join(filter(None, (words, waits_of(one)))))
