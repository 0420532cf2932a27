"""Judges a run by its flight records alone: were the rules kept, whoever gave the orders?

Out of service is a machine that is stopped for a swap or restore, or runs and is not healthy yet, or is scripted as
sick at that moment. One that its owner stopped, or that was deleted, is not (docs/rules.md P18).

Machines that were made in zones are judged zone by zone: B2 counts those of the zone, and no batch may have machines of
two (B4). A rollback after a breach may, and what is done to single instances (batch 0): they are no batches.
"""

import heapq
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime

from instar.compute.simulated.flight.recorder import FlightRecord, Kind


@dataclass(frozen=True, slots=True)
class Violation:
    """A rule that was broken, by which instance, and when."""

    rule: str
    instance_id: str
    time: datetime
    sentence: str


@dataclass(frozen=True, slots=True)
class Judgement:
    """The verdict and its figures."""

    violations: tuple[Violation, ...]
    most_out_at_once: int
    """At any stop or commit, the most of one set."""

    swaps_per_instance: int
    """The most that one operation swapped one machine; 1 in a right run that swapped any."""

    swaps: int
    restores: int
    data_disks_unchanged: bool
    given_back: int = 0
    """Machines on a disk again that an earlier operation had put aside (R2)."""

    @property
    def clean(self) -> bool:
        """Whether no rule was broken."""
        return not self.violations


COMMITS = (Kind.COMMIT_SWAP, Kind.COMMIT_RESTORE, Kind.COMMIT_GIVE_BACK, Kind.COMMIT_APPLY)

Place = tuple[str, str]
"""A machine: its set's unique id, its instance id."""


@dataclass(slots=True)
class _Machine:
    zone: str = ""
    alive: bool = True
    owner_stopped: bool = False
    stopped: bool = False
    healthy_from: datetime | None = None
    sick_from: datetime | None = None
    sick_until: datetime | None = None
    os_disk: str = ""
    kept_disks: tuple[str, ...] = ()
    data_disks: tuple[str, ...] = ()

    def apply(self, record: FlightRecord) -> None:  # noqa: C901  # a closed set, a line for each
        match record.kind:
            case Kind.CREATE | Kind.START | Kind.COMMIT_APPLY:
                self._starts(record)
            case Kind.COMMIT_SWAP | Kind.COMMIT_RESTORE | Kind.COMMIT_GIVE_BACK:
                self._starts(record)
                self.kept_disks = record.kept_disks
            case Kind.STOP:
                self.stopped = True
            case Kind.HEALTHY_FROM:
                self.healthy_from = record.healthy_from
            case Kind.SICK:
                self.sick_from, self.sick_until = record.sick_from, record.sick_until
            case Kind.POWER:
                self.owner_stopped = record.power == "stopped"
            case Kind.DISCARD:
                self.os_disk = "" if self.os_disk in record.discarded else self.os_disk
                self.kept_disks = tuple(one for one in self.kept_disks if one not in record.discarded)
            case Kind.STOCK:
                self.os_disk, self.kept_disks = record.os_disk, record.kept_disks
            case Kind.DELETE:
                self.alive = False
            case Kind.EXTENSIONS:
                return  # how they ended is the machine's health, not the orchestrator's deed

    def _starts(self, record: FlightRecord) -> None:
        self.stopped, self.healthy_from = False, record.healthy_from
        self.os_disk = record.os_disk or self.os_disk

    def out_at(self, moment: datetime) -> bool:
        if not self.alive or self.owner_stopped:
            return False
        if self.stopped or self.healthy_from is None or self.healthy_from > moment:
            return True
        if self.sick_from is None or self.sick_from > moment:
            return False
        return self.sick_until is None or moment < self.sick_until


Zone = tuple[str, str]
"""A set's unique id, and a zone of it: "" for a set without any, and for one that is judged across its zones."""


@dataclass(slots=True)
class _Batch:
    """What a batch stops in one zone."""

    out_at_start: int
    union: set[Place]
    alive: int
    """The most machines that there were when it may have been chosen: since a batch stopped one before it."""
    stopped: set[Place] = field(default_factory=set)


@dataclass(slots=True)
class _Court:
    max_batch_percent: int
    cross_zone: bool
    machines: dict[Place, _Machine] = field(default_factory=dict)
    alive: Counter[Zone] = field(default_factory=Counter)
    most_alive: Counter[Zone] = field(default_factory=Counter)
    """Since a batch last stopped one."""
    out: dict[str, set[Place]] = field(default_factory=dict)
    changes: list[tuple[datetime, Place]] = field(default_factory=list)
    batches: dict[tuple[str, int, Zone, bool], _Batch] = field(default_factory=dict)
    """By operation, batch, zone, and whether it gives disks back."""
    zones_of_batch: dict[tuple[str, int], list[str]] = field(default_factory=dict)
    commits: Counter[tuple[Kind, Place, str]] = field(default_factory=Counter)
    violations: list[Violation] = field(default_factory=list)
    most_out: int = 0
    data_disks_unchanged: bool = True

    def hear(self, record: FlightRecord) -> None:
        """Take in what happened next."""
        while self.changes and self.changes[0][0] <= record.time:
            moment, place = heapq.heappop(self.changes)
            self._recount(place, moment)
        place = (record.unique_id, record.instance_id)
        made = record.kind is Kind.CREATE and place not in self.machines
        machine = self.machines.setdefault(place, _Machine(zone=record.zone, data_disks=record.data_disks))
        if made:
            zone = self._zone(place)
            self.alive[zone] += 1
            self.most_alive[zone] = max(self.most_alive[zone], self.alive[zone])
        self._judge(record, place, machine)
        if record.kind is Kind.DELETE and machine.alive:
            self.alive[self._zone(place)] -= 1
        machine.apply(record)
        for change in (machine.healthy_from, machine.sick_from, machine.sick_until):
            if change is not None and change > record.time:
                heapq.heappush(self.changes, (change, place))
        self._recount(place, record.time)
        if record.kind is Kind.STOP or record.kind in COMMITS:
            self.most_out = max(self.most_out, len(self.out[record.unique_id]))

    def _judge(self, record: FlightRecord, place: Place, machine: _Machine) -> None:
        match record.kind:
            case Kind.STOP:
                self._judge_zone(record, machine)
                self._judge_stop(record, place)
            case Kind.COMMIT_SWAP | Kind.COMMIT_RESTORE | Kind.COMMIT_GIVE_BACK | Kind.COMMIT_APPLY:
                self._judge_zone(record, machine)
                self._judge_commit(record, place)
                self._judge_os_disks(record, machine)
                self._judge_data_disks(record, machine)
            case Kind.DISCARD if machine.os_disk in record.discarded:
                self._find("P5", record, f"its OS disk {machine.os_disk} was deleted while in use")
            case Kind.STOCK:
                self._judge_data_disks(record, machine)
            case _:
                return

    def _recount(self, place: Place, moment: datetime) -> None:
        out = self.out.setdefault(place[0], set())
        if self.machines[place].out_at(moment):
            out.add(place)
        else:
            out.discard(place)

    def _zone(self, place: Place) -> Zone:
        return (place[0], "" if self.cross_zone else self.machines[place].zone)

    def _judge_zone(self, record: FlightRecord, machine: _Machine) -> None:
        # A machine that its owner had stopped is part of a batch without being stopped for it: its commit tells.
        if self.cross_zone or not record.batch or record.step == "restore":
            return
        zones = self.zones_of_batch.setdefault((record.effect, record.batch), [])
        if machine.zone in zones:
            return
        zones.append(machine.zone)
        if len(zones) > 1:
            self._find("B4", record, f"batch {record.batch} crosses the zones {', '.join(zones)}")

    def _judge_stop(self, record: FlightRecord, place: Place) -> None:
        zone = self._zone(place)
        out = {one for one in self.out.setdefault(record.unique_id, set()) if self._zone(one) == zone}
        goes_back = record.step == "restore"
        key = (record.effect, record.batch, zone, goes_back)
        batch = self.batches.get(key)
        # While a batch bakes, machines are rolled back as they get sick: once all of one rollback are healthy again,
        # the next one begins anew (docs/rules.md W2).
        if batch is None or (goes_back and not batch.stopped & out):
            # The batch begins with what was out before its first stop.
            batch = self.batches[key] = _Batch(out_at_start=len(out), union=out, alive=self.most_alive[zone])
        batch.union.add(place)
        batch.stopped.add(place)
        share = max(1, max(batch.alive, self.alive[zone]) * self.max_batch_percent // 100)
        self.most_alive[zone] = self.alive[zone]
        limit = max(share, batch.out_at_start + 1)
        if len(batch.union) > limit:
            where = f" of zone {zone[1]}" if zone[1] else ""
            sentence = f"{len(batch.union)} machines{where} out of service with batch {record.batch}, limit {limit}"
            self._find("B2", record, sentence)

    def _judge_commit(self, record: FlightRecord, place: Place) -> None:
        key = (record.kind, place, record.effect)
        self.commits[key] += 1
        if self.commits[key] > 1:
            self._find("F1", record, f"{record.kind} of one operation for the {self.commits[key]}. time")

    def _judge_os_disks(self, record: FlightRecord, machine: _Machine) -> None:
        left = machine.os_disk
        if record.kind is Kind.COMMIT_APPLY or not left or left == record.os_disk:
            return
        if left not in record.kept_disks:
            self._find("P5", record, f"its OS disk {left} was not kept when it moved to {record.os_disk}")
        if record.kind is Kind.COMMIT_GIVE_BACK and record.os_disk not in machine.kept_disks:
            self._find("R2", record, f"it was given {record.os_disk}, which was not kept for it")

    def _judge_data_disks(self, record: FlightRecord, machine: _Machine) -> None:
        if record.data_disks != machine.data_disks:
            self.data_disks_unchanged = False
            self._find("P4", record, "a data disk has changed or is gone")
            machine.data_disks = record.data_disks  # one change is one violation

    def _find(self, rule: str, record: FlightRecord, sentence: str) -> None:
        self.violations.append(Violation(rule, record.instance_id, record.time, sentence))

    def close(self, end: datetime | None) -> Judgement:
        """Say the verdict."""
        for (_, instance_id), machine in self.machines.items():
            if machine.alive and not machine.os_disk and end is not None:
                self.violations.append(Violation("F1", instance_id, end, "left without an OS disk"))
        swaps = {key: count for key, count in self.commits.items() if key[0] is Kind.COMMIT_SWAP}
        return Judgement(
            violations=tuple(self.violations),
            most_out_at_once=self.most_out,
            swaps_per_instance=max(swaps.values(), default=0),
            swaps=sum(swaps.values()),
            restores=sum(count for key, count in self.commits.items() if key[0] is Kind.COMMIT_RESTORE),
            data_disks_unchanged=self.data_disks_unchanged,
            given_back=sum(count for key, count in self.commits.items() if key[0] is Kind.COMMIT_GIVE_BACK),
        )


def judge(records: Iterable[FlightRecord], *, max_batch_percent: int = 20, cross_zone: bool = False) -> Judgement:
    """Judge a run from the beginning of its records. max_batch_percent: what the run was held to, 1 to 100 (B1).

    cross_zone: whether the run was told to take no heed of zones (`enableCrossZoneUpgrade`).

    Broken can be: F1 (more than one swap, restore or model for a machine by one operation; a machine left without an OS
    disk), B2 (at a stop, the machines out when its batch began and those of the batch stopped so far are more than
    max(share of B1, out when it began + 1); of the machines that there were when it may have been chosen, since a batch
    before it stopped one; a rollback is judged by itself, for it stops who is out already), B4 (a batch in two zones),
    P4 (data disks), P5 (a disk in use deleted, a disk that a machine left not kept), R2 (a machine given back a disk
    that was not kept for it).
    """
    court, end = _Court(max_batch_percent, cross_zone), None
    for record in records:
        court.hear(record)
        end = record.time
    return court.close(end)
