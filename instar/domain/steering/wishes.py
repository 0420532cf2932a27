"""What operators wish of upgrades, as it is written down: who, since when, why, until when (docs/rules.md C1, C2, G3).

A wish is owned by the store, never by a workflow: no workflow that ends takes it along.
"""

from collections.abc import Iterable
from datetime import datetime
from enum import StrEnum

from pydantic import BaseModel, ConfigDict

from instar.domain.access import is_within
from instar.domain.legible import legible
from instar.domain.moments import minute

REASON_AT_MOST = 500
"""Characters."""


class _Wish(BaseModel):
    """`until` is None where it lasts until somebody ends it."""

    model_config = ConfigDict(frozen=True)

    reason: str
    by: str
    since: datetime
    until: datetime | None = None

    def lasts(self, now: datetime) -> bool:
        """Whether it has not ended by itself."""
        return self.until is None or now < self.until

    @property
    def _told(self) -> str:
        told = f"by {legible(self.by)} since {minute(self.since)}: {legible(self.reason)}"
        return told if self.until is None else f"{told}; until {minute(self.until)}"


class Pause(_Wish):
    """A set begins nothing new (C1)."""

    @property
    def sentence(self) -> str:
        """The sentence for every reader (P17).

        >>> from datetime import UTC
        >>> Pause(reason="disk is full", by="ann", since=datetime(2026, 11, 30, 4, tzinfo=UTC)).sentence
        'paused by ann since 2026-11-30 04:00Z: disk is full'
        """
        return f"paused {self._told}"


class Hold(_Wish):
    """No upgrade goes on at a scope or below it (C2)."""

    name: str
    scope: str

    def covers(self, resource_id: str) -> bool:
        """Whether a resource is at its scope or below.

        >>> from datetime import UTC
        >>> hold = Hold(name="x", scope="/", reason="r", by="ann", since=datetime(2026, 11, 30, tzinfo=UTC))
        >>> hold.covers("/subscriptions/s")
        True
        """
        return is_within(resource_id, self.scope)

    @property
    def sentence(self) -> str:
        """The sentence for every reader (P17)."""
        return f"held by '{self.name}' on {self.scope} {self._told}"


class Gate(StrEnum):
    """Where an upgrade asks for an approval (G3)."""

    FIRST = "first"
    AFTER_CANARY = "afterCanary"


class Approval(BaseModel):
    """What a person said at a gate of one upgrade."""

    model_config = ConfigDict(frozen=True)

    gate: Gate
    approved: bool
    by: str
    at: datetime
    reason: str = ""

    @property
    def sentence(self) -> str:
        """The sentence for every reader (P17)."""
        why = f": {legible(self.reason)}" if self.reason else ""
        return f"{'approved' if self.approved else 'rejected'} by {legible(self.by)} at {minute(self.at)}{why}"


class Wishes(BaseModel):
    """All that is wished of a set at one moment."""

    model_config = ConfigDict(frozen=True)

    pause: Pause | None = None
    holds: tuple[Hold, ...] = ()
    """Those that cover it, by name."""
    approvals: tuple[Approval, ...] = ()
    """Of the upgrade that runs."""
    asked: dict[Gate, datetime] = {}
    """Since when it waits at each gate."""

    @property
    def open_gate(self) -> Gate | None:
        """The gate at which a person is waited for."""
        return next((gate for gate in self.asked if self.approval(gate) is None), None)

    def approval(self, gate: Gate) -> Approval | None:
        """What was said at a gate."""
        return next((one for one in self.approvals if one.gate is gate), None)


def in_force(pause: Pause | None, holds: Iterable[Hold], resource_id: str, now: datetime) -> Wishes:
    """What of these binds a set now."""
    return Wishes(
        pause=pause if pause and pause.lasts(now) else None,
        holds=tuple(sorted((one for one in holds if one.lasts(now) and one.covers(resource_id)), key=lambda h: h.name)),
    )
