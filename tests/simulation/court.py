"""Judges steered upgrades by what was wished and what was done, from the rules' text alone (docs/rules.md C, W, G3).

It knows nothing of `instar.domain.steering`: windows are read minute by minute (`minutes`), bakes, waves and gates from
the documents as they were sent, rings by `order` (W5), rollbacks by `returns` (R2). B2, B4, F1, P4 and P5 are the
flight recorder's own judge's.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from isodate import parse_duration

from instar.compute.simulated.flight.judgement import judge
from instar.compute.simulated.flight.recorder import Kind
from instar.domain.records.upgrades import UpgradeStatus
from tests.simulation.flown import Flown, FlownBatch, flown
from tests.simulation.minutes import MINUTE, Minutes
from tests.simulation.order import Order
from tests.simulation.returns import judged_return
from tests.simulation.scene import Scene

NOTHING = timedelta(0)
FOREVER = timedelta(days=3650)


@dataclass(frozen=True)
class Breach:
    """A rule that was broken."""

    rule: str
    name: str
    number: int
    at: datetime
    sentence: str


@dataclass
class Court:
    """`late`: how late an upgrade that may go on may do so. `in_flight`: how old an answer a batch may begin on.

    `saw`: how old what rings go by may be. `away`: spans in which no worker was there. `percents`:
    `maxBatchInstancePercent` by set, 20 where it is not named.
    """

    scene: Scene
    late: timedelta = 2 * MINUTE
    in_flight: timedelta = MINUTE
    saw: timedelta = 2 * MINUTE
    away: list[tuple[datetime, datetime]] = field(default_factory=list)
    percents: dict[str, int] = field(default_factory=dict)
    breaches: list[Breach] = field(default_factory=list)
    _tables: dict[str, Minutes] = field(default_factory=dict)
    _began: datetime = field(init=False)

    def __post_init__(self) -> None:
        records = self.scene.fleet.recorder.records()
        self._began = records[0].time if records else self.scene.now

    def judged(self) -> list[Breach]:
        """Every rule that was broken."""
        records = self.scene.fleet.recorder.records()
        for site in self.scene.sites.values():
            own = [one for one in records if one.unique_id == site.scale_set.unique_id]
            for found in judge(own, max_batch_percent=self.percents.get(site.name, 20)).violations:
                self.breaches.append(Breach(found.rule, site.name, 0, found.time, found.sentence))
        everybody = flown(self.scene)
        order = Order(everybody, self.scene.logbook.rings, self.saw)
        for upgrade in everybody:
            self._judge(upgrade)
            for sentence in order.judged(upgrade):
                self._find("W5", upgrade, upgrade.resolved, sentence)
            if upgrade.goes_back:
                of_the_set = [one for one in everybody if one.unique_id == upgrade.unique_id]
                for sentence in judged_return(upgrade, of_the_set):
                    self._find("R2", upgrade, upgrade.record.started_at, sentence)
        return self.breaches

    def _judge(self, upgrade: Flown) -> None:
        policy = self._policy(upgrade)
        if kept := self._kept_back(upgrade, upgrade.resolved):
            self._find(kept, upgrade, upgrade.resolved, "it began while it was kept back")
        for index, batch in enumerate(upgrade.batches):
            before = upgrade.batches[:index]
            if batch.number != index + 1:
                self._find("P17", upgrade, batch.begins, f"batch {batch.number} is the {index + 1}. that was begun")
            if batch.begins - batch.asked > self.in_flight:
                self._find(
                    "C1", upgrade, batch.begins, f"batch {batch.number} began on an old answer, of {batch.asked}"
                )
            if kept := self._kept_back(upgrade, batch.asked):
                self._find(kept, upgrade, batch.asked, f"batch {batch.number} began while it was kept back")
            self._judge_window(upgrade, policy, batch, before)
            self._judge_gate(upgrade, policy, batch, before)
            self._judge_wave(upgrade, policy, batch, before)
            self._judge_bake(upgrade, policy, batch, before)
        self._judge_end(upgrade, policy)
        self._judge_liveness(upgrade, policy)

    # --- P1: what it is pinned to ------------------------------------------------------------------------------------

    def _policy(self, upgrade: Flown) -> dict[str, Any]:
        stored = [one for one in self.scene.logbook.policies if one.at <= upgrade.resolved]
        own = [one for one in stored if one.unique_id == upgrade.unique_id]
        default = [one for one in stored if not one.unique_id]
        newest = own[-1:] or default[-1:]
        document = newest[0].document if newest else {}
        pinned = upgrade.pinned.document if upgrade.pinned else upgrade.pinned
        if upgrade.pinned == [] or pinned != (_as_shown(document) if newest else None):
            self._find("P1", upgrade, upgrade.resolved, f"it goes by {pinned} and not by {document}")
        return document

    # --- W3 ----------------------------------------------------------------------------------------------------------

    def minutes(self, document: dict[str, Any]) -> Minutes:
        """The table of that policy's windows, made once."""
        key = repr((document.get("windows"), document.get("notOn")))
        if key not in self._tables:
            self._tables[key] = Minutes(document, self._began - timedelta(days=1), self.scene.now + timedelta(days=2))
        return self._tables[key]

    def _judge_window(
        self, upgrade: Flown, policy: dict[str, Any], batch: FlownBatch, before: list[FlownBatch]
    ) -> None:
        table = self.minutes(policy)
        if "window" in upgrade.waived:
            return
        if not table.is_open(batch.asked):
            self._find("W3", upgrade, batch.asked, f"batch {batch.number} began outside of its windows")
        elif before and table.left(batch.asked) + MINUTE < self._pace(before):
            self._find("W3", upgrade, batch.asked, f"batch {batch.number} could not end in its window")

    def _pace(self, before: list[FlownBatch]) -> timedelta:
        """The longest batch so far, from its first swap to its verdict."""
        return max((one.verdict - one.begins for one in before if one.verdict), default=NOTHING)

    # --- G3 ----------------------------------------------------------------------------------------------------------

    def _gate_before(self, policy: dict[str, Any], before: list[FlownBatch], following: FlownBatch | None) -> str:
        """The gate that the following batch has to pass: after the last batch of the canary, or after the first one."""
        approval = policy.get("approval", "none")
        if approval == "first" and not before:
            return "first"
        canaries = self._canary_batches(policy, [*before, following] if following else before)
        if approval == "afterCanary" and len(before) == max(1, canaries):
            return "afterCanary"
        return ""

    def _words(self, upgrade: Flown, gate: str) -> list[Any]:
        words = self.scene.logbook.words
        return [
            one
            for one in words
            if (one.unique_id, one.number, one.gate) == (upgrade.unique_id, upgrade.record.number, gate)
        ]

    def _judge_gate(self, upgrade: Flown, policy: dict[str, Any], batch: FlownBatch, before: list[FlownBatch]) -> None:
        if not (gate := self._gate_before(policy, before, batch)):
            return
        words = [one for one in self._words(upgrade, gate) if one.at <= batch.asked]
        if not words or not words[0].approved:
            self._find("G3", upgrade, batch.asked, f"batch {batch.number} began and nobody had approved it")

    # --- W1 ----------------------------------------------------------------------------------------------------------

    def _canary_batches(self, policy: dict[str, Any], batches: list[FlownBatch]) -> int:
        named = (policy.get("canary") or {}).get("instances") or []
        count = 0
        while count < len(batches) and named and all(one in named for one in batches[count].ids):
            count += 1
        return count

    def _judge_wave(self, upgrade: Flown, policy: dict[str, Any], batch: FlownBatch, before: list[FlownBatch]) -> None:
        canaries = self._canary_batches(policy, [*before, batch])
        if canaries > len(before):
            return
        waves = policy.get("waves") or []
        if not waves:
            return
        wave = waves[min(batch.number - canaries, len(waves)) - 1]
        machines = self._alive(upgrade, batch.begins)
        most = wave if isinstance(wave, int) else max(1, machines * int(wave.rstrip("%")) // 100)
        if len(batch.ids) > most:
            sentence = f"batch {batch.number} has {len(batch.ids)} instances, its wave {most}"
            self._find("W1", upgrade, batch.begins, sentence)

    def _alive(self, upgrade: Flown, moment: datetime) -> int:
        made = [one.instance_id for one in upgrade.flight if one.kind is Kind.CREATE and one.time <= moment]
        gone = [one.instance_id for one in upgrade.flight if one.kind is Kind.DELETE and one.time <= moment]
        return len(dict.fromkeys(made)) - len(dict.fromkeys(gone))

    # --- W2 ----------------------------------------------------------------------------------------------------------

    def _bake(self, policy: dict[str, Any], number: int, canaries: int, *, is_last: bool) -> timedelta:
        """The longest of those that are meant for it."""
        canary = policy.get("canary") or {}
        first = canaries or (0 if canary.get("instances") else 1)
        meant = [policy.get("bake"), policy.get("finalBake") if is_last else None]
        meant.append(canary.get("bake") if number <= first else None)
        return max((parse_duration(one) for one in meant if one), default=NOTHING)

    def _someone_bakes(self, upgrade: Flown, upto: int) -> bool:
        rows = upgrade.site.store.upgrades.instances(upgrade.unique_id, upgrade.record.number)
        return any(row.outcome == "upgraded" and 0 < row.batch <= upto for row in rows.values())

    def _judge_bake(self, upgrade: Flown, policy: dict[str, Any], batch: FlownBatch, before: list[FlownBatch]) -> None:
        if not before or not self._someone_bakes(upgrade, before[-1].number):
            return
        last = before[-1]
        baked = self._bake(policy, last.number, self._canary_batches(policy, before), is_last=False)
        if last.verdict is None or batch.begins < last.verdict + baked - timedelta(seconds=2):
            self._find("W2", upgrade, batch.begins, f"batch {batch.number} began while batch {last.number} baked")

    def _judge_end(self, upgrade: Flown, policy: dict[str, Any]) -> None:
        record, batches = upgrade.record, upgrade.batches
        if record.ended_at is None:
            return
        canaries = self._canary_batches(policy, batches)
        if record.status is UpgradeStatus.COMPLETED and batches and self._someone_bakes(upgrade, len(batches)):
            verdict = batches[-1].verdict
            baked = self._bake(policy, batches[-1].number, canaries, is_last=True)
            if verdict is None or record.ended_at < verdict + baked - timedelta(seconds=2):
                self._find("W2", upgrade, record.ended_at, f"it completed before {baked} were over")
        rejected = [
            one for gate in ("first", "afterCanary") for one in self._words(upgrade, gate)[:1] if not one.approved
        ]
        if rejected and record.status is not UpgradeStatus.CANCELLED:
            self._find("G3", upgrade, record.ended_at, f"it was rejected, and ended as {record.status}")
        if record.status is UpgradeStatus.FAULTED and record.error and record.error.code not in FAULTS:
            self._find("C2", upgrade, record.ended_at, f"it is Faulted for {record.error.code}")
        self._judge_sick(upgrade, policy)

    def _judge_sick(self, upgrade: Flown, policy: dict[str, Any]) -> None:
        """Who got sick in the bake after its batch, and stayed so, is not upgraded."""
        rows = upgrade.site.store.upgrades.instances(upgrade.unique_id, upgrade.record.number)
        slack = self.scene.delays.health_poll_most * 2 + self.late
        for batch in upgrade.batches:
            is_last = batch is upgrade.batches[-1] and upgrade.record.status is UpgradeStatus.COMPLETED
            canaries = self._canary_batches(policy, upgrade.batches)
            baked = self._bake(policy, batch.number, canaries, is_last=is_last)
            for one in upgrade.flight:
                if one.kind is not Kind.SICK or one.instance_id not in batch.ids or batch.verdict is None:
                    continue
                if not (one.sick_from and batch.verdict <= one.sick_from <= batch.verdict + baked - slack):
                    continue
                row = rows.get(one.instance_id)
                cut = upgrade.record.ended_at and upgrade.record.ended_at < one.sick_from + slack
                if one.sick_until is None and row and row.outcome == "upgraded" and not cut:
                    self._find("W2", upgrade, one.sick_from, f"{one.instance_id} got sick in a bake and counts as well")

    # --- it goes on when it may --------------------------------------------------------------------------------------

    def _judge_liveness(self, upgrade: Flown, policy: dict[str, Any]) -> None:
        """No gap has a span, longer than `late`, in which the next batch might have begun all along."""
        ready = upgrade.record.started_at
        for index in range(len(upgrade.batches) + 1):
            before = upgrade.batches[:index]
            if before:
                last = before[-1]
                if last.verdict is None:
                    return
                canaries = self._canary_batches(policy, before)
                is_last = index == len(upgrade.batches)
                # Which batch is the last is known to the upgrade alone; the longest bake is waited for, to be fair.
                ready = last.verdict + self._bake(policy, last.number, canaries, is_last=is_last)
            ended = upgrade.record.ended_at or self.scene.now
            goes_on = upgrade.batches[index].asked if index < len(upgrade.batches) else ended
            following = upgrade.batches[index] if index < len(upgrade.batches) else None
            gate = self._gate_before(policy, before, following)
            self._judge_gap(upgrade, policy, before, gate, (ready, goes_on))

    def _judge_gap(
        self,
        upgrade: Flown,
        policy: dict[str, Any],
        before: list[FlownBatch],
        gate: str,
        gap: tuple[datetime, datetime],
    ) -> None:
        takes = max(self._pace(before), self.scene.delays.health_wait) + 2 * MINUTE
        table = self.minutes(policy)
        approved = [one.at for one in self._words(upgrade, gate)[:1]] if gate else [gap[0]]
        may, moment = NOTHING, gap[0] + MINUTE
        while moment < gap[1]:
            could = (
                bool(approved)
                and approved[0] <= moment
                and ("window" in upgrade.waived or table.left(moment) >= takes)
                and not self._kept_back(upgrade, moment)
                and not any(since <= moment < until + MINUTE for since, until in self.away)
            )
            may = may + MINUTE if could else NOTHING
            if may > self.late:
                self._find("C1", upgrade, moment, f"batch {len(before) + 1} might have begun {may} ago")
                return
            moment += MINUTE

    def _kept_back(self, upgrade: Flown, moment: datetime) -> str:
        kept = self.scene.logbook.kept_back(upgrade.unique_id, upgrade.site.scale_set.resource_id, moment)
        is_free = "hold" in upgrade.waived or upgrade.goes_back  # no hold keeps a rollback back (C2)
        return "" if kept == "C2" and is_free else kept

    def _find(self, rule: str, upgrade: Flown, at: datetime, sentence: str) -> None:
        self.breaches.append(Breach(rule, upgrade.site.name, upgrade.record.number, at, sentence))


FAULTS = (
    "MaxUnhealthyInstancePercentExceededBeforeRollingUpgrade",
    "MaxUnhealthyInstancePercentExceededInRollingUpgrade",
    "MaxUnhealthyUpgradedInstancePercentExceededInRollingUpgrade",
    "RollingUpgradeImageUnusable",
)
"""What an upgrade may be Faulted for here; nothing that was wished is among it (C2, W3)."""


def _as_shown(document: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in document.items() if value not in (None, [], "none")}


def told(breaches: Iterable[Breach]) -> str:
    """A line for each."""
    return "\n".join(
        f"{one.at:%Y-%m-%d %H:%M:%S} {one.name}/{one.number} {one.rule}: {one.sentence}" for one in breaches
    )
