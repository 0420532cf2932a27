"""What a set must come to, written from the rules alone (docs/rules.md P7, P8, P9, P12, P16, B1, T1-T7, A2).

It knows no time: events come one after the other, and whatever an event sets off has come to its end before the next.
"""

from dataclasses import dataclass, field
from typing import NamedTuple


class Attempt(NamedTuple):
    """One line of the history."""

    started_by: str
    version: str
    status: str
    successful: int
    failed: int
    rolled_back: int


@dataclass
class ReferenceModel:
    """`machines` are instance id -> version; versions are integers, a higher one is newer."""

    machines: dict[int, int]
    newest_id: int
    batch_percent: int
    offered: dict[int, set[int] | None] = field(default_factory=dict)
    """Version -> whom it makes sick; None: everybody."""
    enabled: bool = False
    quarantined: set[int] = field(default_factory=set)
    left_behind: dict[int, set[int]] = field(default_factory=dict)
    history: list[Attempt] = field(default_factory=list)

    def publish(self, version: int, sickens: set[int] | None) -> None:
        self.offered[version] = sickens
        self.look()

    def switch(self, *, on: bool) -> None:
        self.enabled = on
        self.look()

    def scale(self, size: int) -> None:
        for one in sorted(self.machines, reverse=True)[: max(0, len(self.machines) - size)]:
            del self.machines[one]
        while len(self.machines) < size:
            self.newest_id += 1
            self.machines[self.newest_id] = self.newest()

    def look(self) -> None:
        version, behind = self.newest(), self.left_behind.get(self.newest(), set())
        if self.enabled and any(has < version and one not in behind for one, has in self.machines.items()):
            self.upgrade(version, "Platform", behind)

    def newest(self) -> int:
        return max(set(self.offered) - self.quarantined)

    def by_hand(self) -> None:
        self.upgrade(max(self.offered), "User", set())

    def upgrade(self, version: int, started_by: str, skipped: set[int]) -> None:
        waiting = [one for one in sorted(self.machines) if self.machines[one] != version and one not in skipped]
        sickens = self.offered[version]
        current = sum(has == version for has in self.machines.values())
        size = max(1, len(self.machines) * self.batch_percent // 100)
        attempted, failed, rolled_back, status = 0, 0, set(), "Completed"
        while waiting and status == "Completed":
            batch, waiting = waiting[:size], waiting[size:]
            attempted += len(batch)
            for one in batch:
                sick = sickens is None or one in sickens
                failed += sick
                if sick and started_by == "Platform":
                    rolled_back.add(one)
                else:
                    self.machines[one] = version
            status = "Faulted" if failed * 100 > attempted * 20 else status
        self.left_behind[version] = self.left_behind.get(version, set()) | rolled_back
        self.quarantined = self.quarantined | {version} if status == "Faulted" else self.quarantined - {version}
        counts = (current + attempted - failed, failed, len(rolled_back))
        self.history.append(Attempt(started_by, str(version), status, *counts))
