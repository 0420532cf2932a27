"""What people wished and when, as they wished it: the witness that `court` believes, beside the flight recorder."""

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

FOR_EVER = datetime.max.replace(tzinfo=UTC)


@dataclass(frozen=True)
class Span:
    """A pause of a set, or a hold at a scope, from its moment to its end."""

    whom: str
    """A set's unique id, or a scope."""
    since: datetime
    until: datetime
    """The earlier of its own end and of the moment at which somebody ended it."""
    name: str = ""

    def lasts(self, moment: datetime) -> bool:
        return self.since <= moment < self.until


@dataclass(frozen=True)
class Word:
    """What was said at a gate."""

    unique_id: str
    number: int
    gate: str
    at: datetime
    approved: bool


@dataclass(frozen=True)
class Policy:
    """A rollout policy as it was sent; of all sets without one of their own where `unique_id` is empty."""

    unique_id: str
    document: dict[str, Any]
    at: datetime


@dataclass(frozen=True)
class Rings:
    """Rings as they were sent: of each the unique ids of its sets, and its bake (W5)."""

    name: str
    rings: list[tuple[list[str], str]]
    at: datetime


@dataclass
class Logbook:
    """Every wish in the order in which they were made."""

    pauses: list[Span] = field(default_factory=list)
    holds: list[Span] = field(default_factory=list)
    words: list[Word] = field(default_factory=list)
    policies: list[Policy] = field(default_factory=list)
    rings: list[Rings] = field(default_factory=list)

    def paused(self, unique_id: str, at: datetime, until: datetime | None) -> None:
        self.resumed(unique_id, at)
        self.pauses.append(Span(unique_id, at, until or FOR_EVER))

    def resumed(self, unique_id: str, at: datetime) -> None:
        self.pauses = [replace(one, until=min(one.until, at)) if one.whom == unique_id else one for one in self.pauses]

    def held(self, name: str, scope: str, at: datetime, until: datetime | None) -> None:
        self.released(name, at)
        self.holds.append(Span(scope, at, until or FOR_EVER, name))

    def released(self, name: str, at: datetime) -> None:
        self.holds = [replace(one, until=min(one.until, at)) if one.name == name else one for one in self.holds]

    def answered(self, unique_id: str, number: int, gate: str, at: datetime, *, approved: bool) -> None:
        self.words.append(Word(unique_id, number, str(gate), at, approved))

    def stored(self, unique_id: str, document: dict[str, Any], at: datetime) -> None:
        self.policies.append(Policy(unique_id, document, at))

    def ringed(self, name: str, rings: list[tuple[list[str], str]], at: datetime) -> None:
        self.rings.append(Rings(name, rings, at))

    def kept_back(self, unique_id: str, resource_id: str, moment: datetime) -> str:
        """By what a set is kept back at that moment: "C1", "C2" or ""."""
        if any(one.lasts(moment) and one.whom == unique_id for one in self.pauses):
            return "C1"
        whole = f"{resource_id}/".lower()
        if any(one.lasts(moment) and whole.startswith(f"{one.whom.rstrip('/')}/".lower()) for one in self.holds):
            return "C2"
        return ""
