"""What `rollingUpgrades/latest` says, arranged for an eye: batches, cells, the newest reasons."""

from collections import Counter
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from instar.client.showing.pace import FORECAST, expectation, pace_lines
from instar.client.showing.words import moment
from instar.domain.legible import legible_line
from instar.domain.records.progress import Outcome
from instar.domain.records.set_state import PARKED_ACTIONS
from instar.domain.records.upgrades import UpgradeStatus


@dataclass(frozen=True, slots=True)
class Decision:
    """One decision as the API tells it (docs/rules.md P17)."""

    sequence: int
    at: str
    batch: int
    action: str
    reason: str

    @property
    def line(self) -> str:
        """For one line of text."""
        where = f"batch {self.batch}" if self.batch else "upgrade"
        return f"{self.at[11:19]} {where:<8} {self.action:<9} {self.reason}"


@dataclass(frozen=True, slots=True)
class Machine:
    """One machine in the upgrade; `batch` is 0 before it is in one."""

    instance_id: str
    outcome: Outcome
    batch: int
    reason: str = ""


DONE = frozenset(Outcome) - {Outcome.PENDING, Outcome.IN_PROGRESS}


@dataclass(frozen=True, slots=True)
class BatchView:
    """The machines of one batch, by their ids."""

    number: int
    machines: tuple[Machine, ...]

    @property
    def done(self) -> int:
        """How many have come to an outcome."""
        return sum(machine.outcome in DONE for machine in self.machines)

    @property
    def summary(self) -> str:
        """For example `3 upgraded, 1 rolledBack`."""
        counts = Counter(machine.outcome for machine in self.machines)
        return ", ".join(f"{counts[outcome]} {outcome}" for outcome in Outcome if counts[outcome])


@dataclass(frozen=True, slots=True)
class UpgradeView:
    """One moment of an upgrade."""

    status: UpgradeStatus
    started_at: str
    counts: dict[str, int]
    batches: tuple[BatchView, ...]
    waiting: tuple[Machine, ...]
    """In no batch: pending, already current, or skipped."""
    decisions: tuple[Decision, ...]
    error: str = ""
    forecast: str = ""
    """How far it is and when it would end, as a sentence; "" where nobody asked (C6)."""
    waits_for: str = ""
    waits_since: str = ""

    @property
    def parked(self) -> bool:
        """Whether it waits before its next batch."""
        return not self.status.ended and bool(self.decisions) and self.decisions[-1].action in PARKED_ACTIONS

    def pace(self, now: datetime) -> list[str]:
        """How far it is, in batches and in time, a line each."""
        told: dict[str, Any] = {"startTime": self.started_at, FORECAST: {"told": self.forecast}}
        if self.status.ended:
            told["endTime"] = self.decisions[-1].at if self.decisions else self.started_at
        done = len({decision.batch for decision in self.decisions if decision.action == "verdict"})
        return pace_lines(told, done, now)

    @property
    def waits(self) -> str:
        """What it waits for and since when; "" while it does not."""
        return f"waits since {moment(self.waits_since)}: {self.waits_for}" if self.waits_for else ""

    @property
    def headline(self) -> str:
        """Status and counts in one line."""
        counted = ", ".join(f"{count} {name}" for name, count in self.counts.items())
        return f"{self.status}: {counted}"


_COUNTS = {
    "successful": "successfulInstanceCount",
    "failed": "failedInstanceCount",
    "in progress": "inProgressInstanceCount",
    "pending": "pendingInstanceCount",
}


def upgrade_view(latest: dict[str, Any]) -> UpgradeView:
    """Read the answer of `rollingUpgrades/latest?$expand=decisions,instances`. Raises KeyError, ValueError."""
    properties = latest["properties"]
    machines = [
        Machine(
            legible_line(key),
            Outcome(one["outcome"]),
            int(one.get("batch") or 0),
            legible_line(one.get("reason") or ""),
        )
        for key, one in sorted((properties.get("instances") or {}).items(), key=lambda item: int(item[0]))
    ]
    numbers = sorted({machine.batch for machine in machines} - {0})
    return UpgradeView(
        status=UpgradeStatus(properties["runningStatus"]["code"]),
        started_at=properties["runningStatus"]["startTime"],
        counts={name: int(properties["progress"][key]) for name, key in _COUNTS.items()},
        batches=tuple(
            BatchView(number, tuple(machine for machine in machines if machine.batch == number)) for number in numbers
        ),
        waiting=tuple(machine for machine in machines if not machine.batch),
        decisions=tuple(
            Decision(
                one["sequence"],
                legible_line(one["time"]),
                one["batch"],
                legible_line(one["action"]),
                legible_line(one["reason"]),
            )
            for one in properties.get("decisions") or ()
        ),
        error=legible_line((properties.get("error") or {}).get("message", "")),
        waits_for=legible_line(properties.get("waitsFor") or ""),
        waits_since=properties.get("waitsSince") or "",
        forecast=expectation(properties.get(FORECAST)),
    )
