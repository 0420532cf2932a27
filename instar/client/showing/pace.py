"""How far an upgrade is, in batches and in time, for those who look at it."""

from datetime import datetime
from typing import Any

from instar.client.showing.words import instant, moment, took
from instar.domain.legible import legible_line

Json = dict[str, Any]

FORECAST = "forecast"
"""The member of an upgrade's answer that tells what is to come; without it only what was is told."""


def pace_lines(upgrade: Json, batches_done: int, now: datetime) -> list[str]:
    """Elapsed, batches done and to come, and when it is expected to end, a line each.

    >>> from datetime import UTC
    >>> now = datetime(2026, 3, 1, 12, 30, tzinfo=UTC)
    >>> began = {"startTime": "2026-03-01T12:00:00+00:00"}
    >>> pace_lines(began, 2, now)
    ['running for 30 min, batches done: 2']
    >>> later = {"batchesToCome": 3, "expectedEnd": "2026-03-01T13:15:00+00:00"}
    >>> pace_lines({**began, "forecast": later}, 2, now)
    ['running for 30 min, batches done: 2, to come: 3', 'expected to end at 2026-03-01 13:15Z']
    """
    forecast = upgrade.get(FORECAST) or {}
    running = "endTime" not in upgrade
    line = f"{'running for' if running else 'took'} {took(upgrade, now)}, batches done: {batches_done}"
    if running and "batchesToCome" in forecast:
        line += f", to come: {legible_line(str(forecast['batchesToCome']))}"
    lines = [line]
    if running and (end := str(forecast.get("expectedEnd") or "")):
        lines.append(f"expected to end at {moment(end)}" if instant(end) else f"expected end: {legible_line(end)}")
    return lines


def batches_done(decisions: list[Json]) -> int:
    """How many batches came to their verdict.

    >>> batches_done([{"action": "verdict", "batch": 1}, {"action": "batch", "batch": 2}])
    1
    """
    return len({one["batch"] for one in decisions if one["action"] == "verdict"})
