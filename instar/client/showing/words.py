"""Moments, spans and counts of the API's answers in the few letters that a table has room for."""

from datetime import datetime
from typing import Any

from instar.domain.legible import legible_line
from instar.domain.moments import instant, minute
from instar.domain.spans import briefly

Json = dict[str, Any]

KINDS = {"osUpgrade": "upgrade", "modelChange": "model change", "instanceAction": "machines"}
"""What kinds of upgrades are called; others by their own word."""

STYLES = {
    "Completed": "green",
    "Faulted": "red",
    "Cancelled": "yellow",
    "RollingForward": "cyan",
    "RollingBack": "magenta",
}
"""Of the statuses of an upgrade, where there is a terminal. No fact is told by a colour alone."""


def moment(text: str) -> str:
    """A moment to the minute, as it is told everywhere; what is none, as it is.

    >>> moment("2026-03-01T12:00:59.1234+00:00"), moment("soon")
    ('2026-03-01 12:00Z', 'soon')
    """
    at = instant(text)
    return legible_line(text) if at is None else minute(at)


def took(upgrade: Json, now: datetime) -> str:
    """How long an upgrade took, or takes until now; "" where its answer does not say when it began."""
    began = instant(upgrade.get("startTime", ""))
    end = instant(upgrade.get("endTime", "")) or now
    return "" if began is None else briefly(end - began)


def kind_of(upgrade: Json) -> str:
    """What it is called."""
    kind = str(upgrade.get("kind", ""))
    return KINDS.get(kind, legible_line(kind))


def who(upgrade: Json) -> str:
    """Who began it: by itself, or by hand, and by whom where that is known.

    >>> who({"startedBy": "Platform"}), who({"startedBy": "User"}), who({"startedBy": "User", "by": "ann"})
    ('by itself', 'by hand', 'by ann')
    """
    if upgrade.get("by"):
        return f"by {legible_line(str(upgrade['by']))}"
    return "by hand" if upgrade.get("startedBy") == "User" else "by itself"


def what_it_is(upgrade: Json) -> str:
    """Which upgrade, who began it, where to, and where from as far as that is known.

    >>> what_it_is({"kind": "osUpgrade", "number": 3, "startedBy": "User", "targetVersion": "2.0", "from": ["1.0"]})
    'upgrade 3 by hand to 2.0 from 1.0'
    """
    sources = ", ".join(map(legible_line, upgrade.get("from") or ()))
    to = legible_line(upgrade["targetVersion"] or f"model {upgrade['generation']}")
    return f"{kind_of(upgrade)} {upgrade['number']} {who(upgrade)} to {to}{f' from {sources}' if sources else ''}"


def progressed(upgrade: Json) -> str:
    """How many of its machines are done.

    >>> progressed({"progress": {"successfulInstanceCount": 4, "failedInstanceCount": 1, "pendingInstanceCount": 15}})
    '5/20'
    """
    counts = upgrade.get("progress") or {}
    done = counts.get("successfulInstanceCount", 0) + counts.get("failedInstanceCount", 0)
    to_come = counts.get("inProgressInstanceCount", 0) + counts.get("pendingInstanceCount", 0)
    return f"{done}/{done + to_come}"


def counted(upgrade: Json) -> str:
    """What became of its machines, without what there is none of.

    >>> counted({"progress": {"successfulInstanceCount": 4, "failedInstanceCount": 1, "rolledBackInstanceCount": 1}})
    '4 ok, 1 failed, 1 back'
    """
    words = (
        ("successful", "ok"),
        ("failed", "failed"),
        ("rolledBack", "back"),
        ("needsPerson", "for a person"),
        ("inProgress", "under way"),
        ("pending", "waiting"),
        ("skipped", "left out"),
    )
    counts = upgrade.get("progress") or {}
    told = [(counts.get(f"{name}InstanceCount", 0), word) for name, word in words]
    return ", ".join(f"{count} {word}" for count, word in told if count) or "none"


def why(upgrade: Json) -> str:
    """Its error, or what was decided last."""
    error = (upgrade.get("error") or {}).get("message") or (upgrade.get("lastDecision") or {}).get("reason") or ""
    return legible_line(str(error))
