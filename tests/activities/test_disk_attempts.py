"""Attempts at a slice: which one may commit, what is not done again, what becomes of each instance (F1, F2, F3)."""

import asyncio
import dataclasses
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from temporalio.exceptions import ApplicationError
from temporalio.testing import ActivityEnvironment

from activities.disks import DiskActivities
from instar.compute.errors import NotAllowed
from instar.compute.provider import Effect, Fence, MachineModel, Provider, Step
from instar.compute.simulated.file.faults import Call, Fault, FaultKind
from instar.compute.simulated.fleet import SimulatedFleet
from instar.compute.simulated.pace import NoPace
from instar.domain.images.images import ImageReference
from instar.domain.machines.instance_ids import InstanceIds
from instar.domain.machines.instances import Instance, OsDisk
from instar.domain.messages.os_upgrade import RestoreSlice, SliceOutcome, SwapSlice
from instar.domain.messages.scale_set import CollectDisks
from instar.domain.sets.scale_sets import ScaleSetIdentity
from instar.store.database.sealing import Sealer
from instar.store.store import Store
from tests.support.held import eventually
from tests.support.looks import IMAGE, NOON, plan
from tests.support.models import arm
from tests.support.stores import open_store

SET = ScaleSetIdentity(resource_id="/subscriptions/s/web", name="web", unique_id="u-1", location="westeurope")
OLD = IMAGE.at("1.0.0")
ALL = InstanceIds(ranges="0-3")


@dataclasses.dataclass
class Fleet:
    """Four machines on 1.0.0, and the activities that swap them."""

    simulated: SimulatedFleet
    store: Store
    provider: Provider | None = None

    async def act(
        self,
        call: Call,
        *,
        upgrade: int = 1,
        attempt: int = 1,
        told: SliceOutcome | None = None,
        key: str = "",
        version: str = "",
    ) -> Any:
        """One attempt at swapping or restoring all four; `told` is what the attempt before told last."""
        activities = DiskActivities(self.provider or self.simulated, self.store)
        env = ActivityEnvironment()
        details = [told.model_dump(mode="json")] if told else []
        env.info = dataclasses.replace(env.info, attempt=attempt, heartbeat_details=details)
        pinned = plan().model_copy(update={"target": IMAGE.at(version)} if version else {})
        facts: dict[str, Any] = {
            "scale_set": SET,
            "number": upgrade,
            "batch": 1,
            "plan": pinned,
            "ids": ALL,
            "key": key,
        }
        if call is Call.SWAP:
            return await env.run(activities.swap_os_disks, SwapSlice(**facts))
        return await env.run(activities.restore_os_disks, RestoreSlice(**facts))

    async def instances(self) -> dict[str, Instance]:
        return {one.instance_id: one for one in await self.simulated.list_instances(SET)}

    async def versions(self) -> str:
        return " ".join(one.os_disk.image.version if one.os_disk else "-" for one in (await self.instances()).values())


@pytest_asyncio.fixture
async def fleet(tmp_path: Path) -> AsyncIterator[Fleet]:
    store = open_store(tmp_path / "store.sqlite", Sealer.from_file(tmp_path / "seal.keys"))
    store.scale_sets.create(SET, "s", "g", arm(4), NOON)
    simulated = SimulatedFleet(tmp_path / "fleet.sqlite", clock=lambda: datetime(2026, 1, 1, tzinfo=UTC), pace=NoPace())
    for one in ALL:
        await simulated.create_instance(SET, one, OLD, MachineModel(generation=1))
    yield Fleet(simulated, store)
    simulated.close()
    store.close()


@pytest.mark.parametrize("call", [Call.SWAP, Call.RESTORE])
async def test_f2_a_late_attempt_is_refused_at_its_commit_once_its_retry_was_seen(fleet: Fleet, call: Call) -> None:
    if call is Call.RESTORE:
        await fleet.act(Call.SWAP)
    late = fleet.simulated.inject(Fault(kind=FaultKind.LATE, call=call, instance_id="0"))
    first = asyncio.create_task(fleet.act(call))
    await eventually(lambda: fleet.simulated.hits(late) == 1)
    assert (await fleet.act(call, attempt=2)).done == ALL
    fleet.simulated.release(late)
    with pytest.raises(ApplicationError) as refused:
        await first
    assert (refused.value.type, refused.value.non_retryable) == ("Superseded", False), (
        "nobody failed: the newer answers"
    )
    commits = [one for one in fleet.simulated.recorder.records() if one.kind == f"commit-{call}"]
    assert len(commits) == len(ALL)


async def test_f2_the_key_of_an_effect_is_that_of_its_upgrade(fleet: Fleet) -> None:
    await fleet.act(Call.SWAP, upgrade=7)
    assert {one.os_disk.made_by for one in (await fleet.instances()).values() if one.os_disk} == {"u-1/7"}


async def test_f1_what_an_attempt_told_before_it_died_is_not_asked_for_again(fleet: Fleet) -> None:
    told = SliceOutcome(done=InstanceIds(ranges="0"), failed=InstanceIds(ranges="1"), vanished=InstanceIds(ranges="2"))
    outcome = await fleet.act(Call.SWAP, attempt=2, told=told)
    assert outcome == told.merged(SliceOutcome(done=InstanceIds(ranges="3")))
    assert await fleet.versions() == "1.0.0 1.0.0 1.0.0 2.0.0"


async def test_f3_each_instance_of_a_slice_comes_to_its_own_end(fleet: Fleet) -> None:
    await fleet.simulated.delete_instance(SET, "0")
    fleet.simulated.inject(Fault(kind=FaultKind.DISK_NOT_MADE, call=Call.SWAP, instance_id="1"))
    outcome = await fleet.act(Call.SWAP)
    assert (outcome.vanished.ranges, outcome.failed.ranges, outcome.done.ranges) == ("0", "1", "2-3")
    assert outcome.reasons == {"1": "instance 1: its OS disk cannot be made"}
    assert not outcome.impossible


async def test_f3_what_may_work_later_fails_the_attempt_after_the_others_came_to_their_end(fleet: Fleet) -> None:
    soon = timedelta(seconds=15)
    fleet.simulated.inject(Fault(kind=FaultKind.THROTTLED, call=Call.SWAP, instance_id="0", retry_after=soon))
    fleet.simulated.inject(Fault(kind=FaultKind.UNAVAILABLE, call=Call.SWAP, instance_id="1"))
    with pytest.raises(ApplicationError) as failed:
        await fleet.act(Call.SWAP)
    assert not failed.value.non_retryable
    assert failed.value.next_retry_delay == soon
    assert await fleet.versions() == "1.0.0 1.0.0 2.0.0 2.0.0"
    assert (await fleet.act(Call.SWAP, attempt=2)).done == ALL


async def test_f3_what_the_compute_refuses_for_good_gives_up_the_upgrade(fleet: Fleet) -> None:
    fleet.provider = Refusing(fleet.simulated)
    outcome = await fleet.act(Call.SWAP)
    assert outcome.failed == ALL
    assert outcome.impossible == "no machine of this size is allowed here"


class Refusing:
    """A compute that refuses every swap for good."""

    def __init__(self, fleet: SimulatedFleet) -> None:
        self._fleet = fleet

    def __getattr__(self, name: str) -> Any:
        return getattr(self._fleet, name)

    async def swap_os_disk(self, _effect: Effect, _image: ImageReference, _model: MachineModel) -> OsDisk:
        raise NotAllowed("no machine of this size is allowed here")


async def test_p5_collecting_takes_the_disks_of_the_named_upgrades_only(fleet: Fleet) -> None:
    await fleet.act(Call.SWAP, upgrade=1)
    later = Effect(SET, Fence(2, Step.SWAP, 1), "0")
    await fleet.simulated.swap_os_disk(later, IMAGE.at("3.0.0"), MachineModel(generation=1))
    activities = DiskActivities(fleet.simulated, fleet.store)
    collected = await ActivityEnvironment().run(activities.collect_os_disks, CollectDisks(scale_set=SET, numbers=(2,)))
    assert collected == 1
    kept = {one: len(machine.previous_os_disks) for one, machine in (await fleet.instances()).items()}
    assert kept == {"0": 1, "1": 1, "2": 1, "3": 1}


async def test_f7_a_number_given_again_moves_every_machine_and_each_key_has_its_disks_collected(fleet: Fleet) -> None:
    await fleet.act(Call.SWAP, upgrade=2, key="before the restore")
    outcome = await fleet.act(Call.SWAP, upgrade=2, key="after it", version="3.0.0")
    assert outcome.done == ALL
    assert await fleet.versions() == "3.0.0 3.0.0 3.0.0 3.0.0"
    activities = DiskActivities(fleet.simulated, fleet.store)
    for key in ("after it", "before the restore"):
        request = CollectDisks(scale_set=SET, numbers=(2,), keys=(key,))
        assert await ActivityEnvironment().run(activities.collect_os_disks, request) == len(ALL)


@pytest.mark.parametrize("call", [Call.SWAP, Call.RESTORE])
async def test_f7_an_operation_that_a_newer_one_has_overtaken_says_nothing_of_any_machine(
    fleet: Fleet, call: Call
) -> None:
    await fleet.act(Call.SWAP, upgrade=1, key="one")
    await fleet.act(Call.SWAP, upgrade=2, key="two", version="3.0.0")
    outcome = await fleet.act(call, upgrade=1, key="one", attempt=5)
    assert (outcome.failed, outcome.done, outcome.impossible) == (InstanceIds(), InstanceIds(), "")
    assert outcome.not_begun == ALL
    assert "operation 1 is older than 2, which was seen" in outcome.overtaken
    assert outcome.what_failed == f"stopped: {outcome.overtaken}"
    assert await fleet.versions() == "3.0.0 3.0.0 3.0.0 3.0.0"


async def test_f7_an_attempt_that_a_newer_one_has_overtaken_is_made_again_and_then_is_the_newest(fleet: Fleet) -> None:
    await fleet.act(Call.SWAP, attempt=2)
    with pytest.raises(ApplicationError) as refused:
        await fleet.act(Call.SWAP, attempt=1)
    assert (refused.value.type, refused.value.non_retryable) == ("Superseded", False)
    assert (await fleet.act(Call.SWAP, attempt=3)).done == ALL
