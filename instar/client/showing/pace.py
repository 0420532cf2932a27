"""How far an upgrade is, in batches and in time, for those who look at it."""

from datetime import datetime
from typing import Any

from instar.client.showing.words import took
from instar.domain.legible import legible_line

Json = dict[str, Any]

FORECAST = "forecast"
"""The member of an upgrade's answer that tells what is to come; without it only what was is told."""


def pace_lines(upgrade: Json, batches_done: int, now: datetime) -> list[str]:
    """How long it has run and how many batches are done; below it what the API expects of it, where it says so (C6).

    >>> from datetime import UTC
    >>> now = datetime(2026, 3, 1, 12, 30, tzinfo=UTC)
    >>> began = {"startTime": "2026-03-01T12:00:00+00:00"}
    >>> pace_lines(began, 2, now)
    ['running for 30 min, batches done: 2']
    >>> pace_lines({**began, "forecast": {"told": "2 of 5 batches done in 30 minutes"}}, 2, now)
    ['running for 30 min, batches done: 2', '2 of 5 batches done in 30 minutes']
    """
    running = "endTime" not in upgrade
    line = f"{'running for' if running else 'took'} {took(upgrade, now)}, batches done: {batches_done}"
    expected = expectation(upgrade.get(FORECAST)) if running else ""
    return [line, expected] if expected else [line]


def expectation(forecast: Any) -> str:
    """The sentence of a forecast as the API gives it; "" where there is none.

    >>> expectation({"told": "2 of 5 batches done"}), expectation(None), expectation("soon")
    ('2 of 5 batches done', '', '')
    """
    return legible_line(str(forecast.get("told", ""))) if isinstance(forecast, dict) else ""


def batches_done(decisions: list[Json]) -> int:
    """How many batches came to their verdict.

    >>> batches_done([{"action": "verdict", "batch": 1}, {"action": "batch", "batch": 2}])
    1
    """
    return len({one["batch"] for one in decisions if one["action"] == "verdict"})
