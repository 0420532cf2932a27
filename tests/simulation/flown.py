"""What was done, upgrade by upgrade and batch by batch, as flight recorder, store and engine tell it."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from instar.compute.simulated.flight.recorder import FlightRecord, Kind
from instar.domain.machines.instance_ids import InstanceIds
from instar.domain.records.operation_keys import operation_key
from instar.domain.records.upgrades import Decision, UpgradeKind, UpgradeRecord
from instar.domain.sets.names import os_upgrade_workflow_id
from instar.domain.steering.start_wishes import StartWishes
from tests.simulation.acting import Deed
from tests.simulation.scene import Scene, Site

STEPS = (Kind.STOP, Kind.COMMIT_SWAP, Kind.COMMIT_GIVE_BACK)
OF_A_BATCH = ("swap", "give_back")
"""What is done to a machine whose turn it is; the restore of one that failed is none."""

CHECKS = ("pre_check", "check_and_select")
LOOKS = (*CHECKS, "select_batch", "judge_batch", "judge_and_select")


@dataclass
class FlownBatch:
    """One batch. `asked`: when it was asked whether it may begin, and the answer was yes."""

    number: int
    begins: datetime
    ids: list[str]
    asked: datetime
    verdict: datetime | None = None


@dataclass
class Flown:
    """One upgrade."""

    site: Site
    record: UpgradeRecord
    decisions: Sequence[Decision]
    batches: list[FlownBatch]
    resolved: datetime
    """When it was asked whether it may begin."""
    pinned: Any
    """The rollout policy that it goes by, as every activity of it was told; [] where they were told several."""
    waived: tuple[str, ...] = ()
    """The limits that whoever started it waived by name (C4)."""
    flight: list[FlightRecord] = field(default_factory=list)
    """All that happened to the set's machines."""
    wishes: StartWishes | None = None

    @property
    def key(self) -> str:
        """What marks its effects."""
        return operation_key(self.unique_id, self.record.number, self.record.key)

    @property
    def goes_back(self) -> bool:
        """A rollback afterwards (R2)."""
        return self.record.kind is UpgradeKind.ROLLBACK

    @property
    def unique_id(self) -> str:
        return self.site.scale_set.unique_id


def flown(scene: Scene) -> list[Flown]:
    """Every OS upgrade of every set."""
    flight: dict[str, list[FlightRecord]] = {}
    for line in scene.fleet.recorder.records():
        flight.setdefault(line.unique_id, []).append(line)
    deeds: dict[str, list[Deed]] = {}
    for deed in scene.engine.activities.deeds:
        deeds.setdefault(deed.workflow_id, []).append(deed)
    resolved = [one for one in scene.engine.activities.deeds if one.name == "resolve_upgrade" and one.answer]
    found = []
    for site in scene.sites.values():
        for record in site.history():
            its = deeds.get(os_upgrade_workflow_id(site.scale_set, record.number), [])
            decisions = site.store.upgrades.decisions(site.scale_set.unique_id, record.number)
            records = flight.get(site.scale_set.unique_id, [])
            wishes = _wishes(its)
            key = operation_key(site.scale_set.unique_id, record.number, record.key)
            found.append(
                Flown(
                    site=site,
                    record=record,
                    decisions=decisions,
                    batches=list(_batches((one for one in records if one.effect == key), its, decisions)),
                    resolved=max(
                        one.at
                        for one in resolved
                        if one.answer.plan and one.asked.scale_set == site.scale_set and one.at <= record.started_at
                    ),
                    pinned=_pinned(its),
                    waived=tuple(str(limit) for limit in wishes.override) if wishes else (),
                    wishes=wishes,
                    flight=records,
                )
            )
    return found


def _batches(
    records: Iterable[FlightRecord], deeds: Sequence[Deed], decisions: Sequence[Decision]
) -> Iterable[FlownBatch]:
    found: dict[int, FlownBatch] = {}
    for record in records:
        if record.step not in OF_A_BATCH or record.kind not in STEPS:
            continue
        batch = found.get(record.batch)
        if batch is None:
            asked = [
                one.at
                for one in deeds
                if one.at <= record.time and _chosen(one) and one.asked.batch == record.batch - 1
            ]
            verdicts = [one.at for one in decisions if one.action == "verdict" and one.batch == record.batch]
            batch = found[record.batch] = FlownBatch(
                record.batch, record.time, [], max(asked), verdicts[0] if verdicts else None
            )
        if record.instance_id not in batch.ids:
            batch.ids.append(record.instance_id)
    return found.values()


def _chosen(deed: Deed) -> InstanceIds:
    """The batch that a look has chosen; nobody where it has not."""
    if deed.name == "select_batch":
        choice = deed.answer
    elif deed.name in {"check_and_select", "judge_and_select"}:
        choice = deed.answer and deed.answer.choice
    else:
        return InstanceIds()
    return choice.batch if choice else InstanceIds()


def _pinned(deeds: Sequence[Deed]) -> Any:
    plans = [one.asked.plan.rollout for one in deeds if one.name in LOOKS]
    return plans[0] if plans and all(one == plans[0] for one in plans) else []


def _wishes(deeds: Sequence[Deed]) -> StartWishes | None:
    found: list[StartWishes | None] = [one.asked.plan.wishes for one in deeds if one.name in CHECKS]
    return found[0] if found else None
