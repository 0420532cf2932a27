"""What a set must come to, written from the rules alone (docs/rules.md P7-P9, P12, P16, B1, T1-T7, A2, C, W, G3, R2).

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
    kind: str = "osUpgrade"


@dataclass
class ReferenceModel:
    """`machines` are instance id -> version; versions are integers, a higher one is newer."""

    machines: dict[int, int]
    newest_id: int
    batch_percent: int
    offered: dict[int, set[int] | None] = field(default_factory=dict)
    """Version -> whom it makes sick; None: everybody."""
    enabled: bool = False
    waves: tuple[int | str, ...] = ()
    """Sizes of the first batches, the last one repeats (W1)."""
    kept_back_by: set[str] = field(default_factory=set)
    """The pause and the holds in force, by name (C1, C2): nothing begins."""
    rejected: set[int] = field(default_factory=set)
    """Versions that somebody says no to before the first batch (G3)."""
    sickens_late: dict[int, tuple[int, set[int]]] = field(default_factory=dict)
    """Version -> after how many batches it makes whom sick while it bakes (W2)."""
    quarantined: set[int] = field(default_factory=set)
    left_behind: dict[int, set[int]] = field(default_factory=dict)
    history: list[Attempt] = field(default_factory=list)
    had: dict[int, int] = field(default_factory=dict)
    """What each machine was on before the last upgrade that left it on another version (R2)."""

    def publish(self, version: int, sickens: set[int] | None) -> None:
        self.offered[version] = sickens
        self.look()

    def switch(self, *, on: bool) -> None:
        self.enabled = on
        self.look()

    def keep_back(self, name: str) -> None:
        self.kept_back_by.add(name)

    def let_go(self, name: str) -> None:
        self.kept_back_by.discard(name)
        self.look()

    def scale(self, size: int) -> None:
        for one in sorted(self.machines, reverse=True)[: max(0, len(self.machines) - size)]:
            del self.machines[one]
        while len(self.machines) < size:
            self.newest_id += 1
            self.machines[self.newest_id] = self.newest()

    def look(self) -> None:
        version, behind = self.newest(), self.left_behind.get(self.newest(), set())
        if (
            self.enabled
            and not self.kept_back_by
            and any(has < version and one not in behind for one, has in self.machines.items())
        ):
            self.upgrade(version, "Platform", behind)

    def newest(self) -> int:
        return max(set(self.offered) - self.quarantined)

    def by_hand(self) -> None:
        self.upgrade(max(self.offered), "User", set())

    def go_back(self) -> None:
        """Everybody who has a disk of an earlier version gets it back, and the versions left are quarantined (R2)."""
        back = {one: version for one, version in self.had.items() if one in self.machines}
        left = {self.machines[one] for one in back}
        target = max(back.values())
        there = sum(self.machines[one] in back.values() for one in self.machines if one not in back)
        self.machines.update(back)
        self.had = {}
        self.quarantined = (self.quarantined | left) - {target}
        self.history.append(Attempt("User", str(target), "Completed", there + len(back), 0, 0, "rollback"))

    def share(self, number: int) -> int:
        """Of the batch of that number: B1, and a wave within it."""
        most = max(1, len(self.machines) * self.batch_percent // 100)
        if not self.waves:
            return most
        wave = self.waves[min(number, len(self.waves)) - 1]
        size = wave if isinstance(wave, int) else max(1, len(self.machines) * int(wave.rstrip("%")) // 100)
        return min(most, size)

    def upgrade(self, version: int, started_by: str, skipped: set[int]) -> None:
        waiting = [one for one in sorted(self.machines) if self.machines[one] != version and one not in skipped]
        sickens, had = self.offered[version], dict(self.machines)
        current = sum(has == version for has in self.machines.values())
        attempted, failed, rolled_back, number = 0, 0, set[int](), 0
        status = "Cancelled" if version in self.rejected else "Completed"
        while waiting and status == "Completed":
            number += 1
            batch, waiting = waiting[: self.share(number)], waiting[self.share(number) :]
            attempted += len(batch)
            sick = {one for one in batch if sickens is None or one in sickens}
            after, late = self.sickens_late.get(version, (0, set[int]()))
            self.machines.update(dict.fromkeys(batch, version))
            sick |= late if number == after else set()
            failed += len(sick)
            if started_by == "Platform":
                rolled_back |= sick
                self.machines.update({one: had[one] for one in sick})
            status = "Faulted" if failed * 100 > attempted * 20 else status
        self.had |= {one: had[one] for one in had if self.machines[one] != had[one]}
        self.left_behind[version] = self.left_behind.get(version, set()) | rolled_back
        self.quarantined = self.quarantined | {version} if status != "Completed" else self.quarantined - {version}
        counts = (current + attempted - failed, failed, len(rolled_back))
        self.history.append(Attempt(started_by, str(version), status, *counts))
