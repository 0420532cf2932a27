"""What looks at a set refuses where the records are older than the machines (docs/rules.md F7)."""

from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from temporalio.exceptions import ApplicationError
from temporalio.testing import ActivityEnvironment

from activities.batches import BatchActivities
from activities.capacity import CapacityActivities
from activities.images import ImageActivities
from activities.instance_actions import InstanceActionActivities
from activities.model_changes import ModelChangeActivities
from activities.records.records_age import RecordsAgeActivities
from instar.compute.provider import Effect, Fence, MachineModel, Step
from instar.compute.simulated.fleet import SimulatedFleet
from instar.compute.simulated.pace import NoPace
from instar.domain.machines.actions import ActionKind
from instar.domain.machines.instance_ids import InstanceIds
from instar.domain.messages.capacity import PlanCapacity
from instar.domain.messages.instance_actions import ChooseInstances, InstanceAction, ResolveModelChange
from instar.domain.messages.os_upgrade import LookRequest
from instar.domain.messages.reconciliation import RecordsAge
from instar.domain.messages.scale_set import ResolveUpgrade
from instar.domain.records.progress import Progress
from instar.domain.records.records_age import RECORDS_BEHIND
from instar.domain.records.upgrades import ErrorCode
from instar.domain.sets.policies import StartedBy
from instar.domain.sets.scale_sets import ScaleSetIdentity
from instar.store.database.sealing import Sealer
from tests.support.looks import NOON, plan
from tests.support.models import IMAGE, LOCATION, NEW, OLD, arm
from tests.support.stores import open_store

SET = ScaleSetIdentity(resource_id="/subscriptions/s/web", name="web", unique_id="u-1", location=LOCATION)


class Scene:
    """Three machines that the records know, made by the capacity step."""

    def __init__(self, folder: Path) -> None:
        self.store = open_store(folder / "store.sqlite", Sealer.from_file(folder / "seal.keys"))
        self.fleet = SimulatedFleet(folder / "fleet.sqlite", clock=lambda: NOON, pace=NoPace())
        self.store.scale_sets.create(SET, "s", "g", arm(3), NOON)
        self.store.images.publish(IMAGE.publisher, IMAGE.offer, IMAGE.sku, OLD, LOCATION, {}, NOON)

    async def run(self, activity: Callable[[Any], Awaitable[Any]], request: Any) -> Any:
        return await ActivityEnvironment().run(activity, request)

    async def plan(self) -> Any:
        capacity = CapacityActivities(self.fleet, self.store, lambda: NOON)
        return await self.run(capacity.plan_capacity, PlanCapacity(scale_set=SET, generation=1))

    async def make(self, *ids: str) -> None:
        for one in ids:
            await self.fleet.create_instance(SET, one, IMAGE.at(OLD), MachineModel(generation=1))

    async def saw(self, operation: int) -> None:
        """Machine 0 has taken part in an operation that no record knows."""
        effect = Effect(SET, Fence(operation, Step.SWAP, 1), "0", drawn="unknown")
        await self.fleet.swap_os_disk(effect, IMAGE.at(NEW), MachineModel(generation=1))


@pytest_asyncio.fixture
async def scene(tmp_path: Path) -> AsyncIterator[Scene]:
    scene = Scene(tmp_path)
    yield scene
    scene.fleet.close()
    scene.store.close()


def calls(scene: Scene) -> dict[str, tuple[Callable[[Any], Awaitable[Any]], Any]]:
    changes = ModelChangeActivities(scene.fleet, scene.store, lambda: NOON)
    images = ImageActivities(scene.fleet, scene.store, lambda: NOON)
    actions = InstanceActionActivities(scene.fleet, scene.store, lambda: NOON)
    capacity = CapacityActivities(scene.fleet, scene.store, lambda: NOON)
    found: dict[str, tuple[Callable[[Any], Awaitable[Any]], Any]] = {
        "capacity": (capacity.plan_capacity, PlanCapacity(scale_set=SET, generation=1)),
        "model": (changes.resolve_model_change, ResolveModelChange(scale_set=SET)),
        "by hand": (images.resolve_upgrade, ResolveUpgrade(scale_set=SET, started_by=StartedBy.USER)),
        "look": (images.resolve_upgrade, ResolveUpgrade(scale_set=SET, started_by=StartedBy.PLATFORM, at=NOON)),
    }
    for kind in (one for one in ActionKind if one.numbered):
        action = InstanceAction(operation_id="o", kind=kind, ids=InstanceIds(ranges="1"))
        found[kind.value] = (actions.choose_instances, ChooseInstances(scale_set=SET, action=action))
    return found


async def test_f7_ids_are_written_down_before_any_machine_of_them_is_asked_for(scene: Scene) -> None:
    assert (await scene.plan()).create.ranges == "0-2"
    known = scene.store.fleet_marks.known("u-1")
    assert known is not None
    assert known.ids_up_to == 2
    await scene.make("0", "1")  # and then its worker was killed
    assert (await scene.plan()).create.ranges == "2"


async def test_f7_whatever_would_act_on_old_records_is_refused_for_good_with_the_reason(scene: Scene) -> None:
    await scene.plan()
    await scene.make("0", "1", "2")
    await scene.saw(4)
    for name, (activity, request) in calls(scene).items():
        with pytest.raises(ApplicationError) as refused:
            await scene.run(activity, request)
        assert (name, refused.value.type, refused.value.non_retryable) == (name, RECORDS_BEHIND, True)
        assert "instance 0 saw operation 4" in refused.value.message
    age = RecordsAgeActivities(scene.fleet, scene.store)
    assert "saw operation 4" in (await scene.run(age.records_age, RecordsAge(scale_set=SET))).reason


async def test_f7_with_records_of_now_none_of_it_is_refused(scene: Scene) -> None:
    await scene.plan()
    await scene.make("0", "1", "2")
    for activity, request in calls(scene).values():
        await scene.run(activity, request)
    age = RecordsAgeActivities(scene.fleet, scene.store)
    assert (await scene.run(age.records_age, RecordsAge(scale_set=SET))).reason == ""


async def test_f7_an_upgrade_stops_at_each_of_its_looks_without_a_fault_of_the_image(scene: Scene) -> None:
    await scene.plan()
    await scene.make("0", "1", "2", "3")
    batches = BatchActivities(scene.fleet, scene.store, lambda: NOON)
    request = LookRequest(scale_set=SET, number=1, started_by=StartedBy.USER, plan=plan(), progress=Progress(), batch=1)
    for look in (batches.pre_check, batches.select_batch, batches.judge_batch):
        found = await scene.run(look, request)
        assert found.breach.code == ErrorCode.RECORDS_BEHIND
        assert "instance 3 is there, and the records have asked for no id above 2" in found.reason
        assert found.unhealthy == InstanceIds()
    checked, judged = [await scene.run(look, request) for look in (batches.check_and_select, batches.judge_and_select)]
    assert checked.choice is judged.choice is None
    assert {one.breach.code for one in (checked.checked, judged.judged)} == {ErrorCode.RECORDS_BEHIND}


async def test_f7_ids_of_a_set_of_release_0_1_are_counted_from_the_first_look_on(scene: Scene) -> None:
    with scene.store.database.writing() as connection:
        connection.exec_driver_sql("DELETE FROM fleet_marks")
    await scene.make("0", "1", "7")
    age = RecordsAgeActivities(scene.fleet, scene.store)
    for _ in range(2):
        assert (await scene.run(age.records_age, RecordsAge(scale_set=SET))).reason == ""
    await scene.make("8")
    assert "instance 8 is there" in (await scene.run(age.records_age, RecordsAge(scale_set=SET))).reason


@pytest.mark.parametrize("kind", [ActionKind.DELETE, ActionKind.PROTECT])
async def test_f7_what_a_person_names_is_not_held_back(scene: Scene, kind: ActionKind) -> None:
    await scene.plan()
    await scene.make("0", "1", "2")
    await scene.saw(4)
    actions = InstanceActionActivities(scene.fleet, scene.store, lambda: NOON)
    action = InstanceAction(operation_id="o", kind=kind, ids=InstanceIds(ranges="1"))
    found = await scene.run(actions.choose_instances, ChooseInstances(scale_set=SET, action=action))
    assert found.ids.ranges == "1"
