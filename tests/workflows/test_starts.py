"""What starts an upgrade, when, and under which settings (docs/rules.md T1, T4, T6, B9)."""

import asyncio
from datetime import timedelta

from api.services.scale_set_gateway import ScaleSetGateway
from instar.compute.simulated.file.faults import Call, Fault, FaultKind
from instar.compute.simulated.file.scripts import VersionScript
from instar.domain.delays import Delays
from instar.domain.messages.scale_set import StartUpgrade
from instar.domain.records.operations import OperationKind
from instar.domain.records.upgrades import UpgradeStatus
from instar.domain.sets.names import scale_set_workflow_id
from instar.domain.sets.policies import StartedBy
from tests.support.held import eventually
from tests.support.models import NEW, OLD
from tests.support.world import World

ENABLED = {"enableAutomaticOSUpgrade": True}
THREE_HOURS = timedelta(hours=3, seconds=1)
OWN = {"maxBatchInstancePercent": 10}


async def test_t1_a_set_already_on_the_newest_version_gets_nothing(world: World) -> None:
    await world.has_set(3)
    await world.put(automatic=True)
    await world.pass_time(THREE_HOURS)
    assert world.store.upgrades.latest(world.scale_set.unique_id) is None
    assert all(one.os_disk and not one.os_disk.made_by for one in (await world.instances()).values())


async def test_t1_enabling_touches_no_instance(world: World) -> None:
    await world.has_set(3)
    world.publish(NEW)
    await world.put(automatic=True)
    await world.pass_time(timedelta(hours=2, minutes=59))
    assert set((await world.versions()).values()) == {OLD}
    assert world.judgement().swaps == 0


async def test_t1_in_mode_manual_instances_on_an_old_model_are_skipped(world: World) -> None:
    await world.has_set(2, mode="Manual", automatic=ENABLED)
    # The third one is made on the second generation; the other two stay on the first.
    document = world.document(osProfile={"customData": "b3RoZXI="})
    await world.put(automatic=True, document=document | {"sku": {"name": "Standard_D2s_v3", "capacity": 3}})
    world.publish(NEW)
    await world.pass_time(THREE_HOURS)
    result = await world.end_of()
    assert result.status is UpgradeStatus.COMPLETED, result.reason
    assert await world.versions() == {"0": OLD, "1": OLD, "2": NEW}
    assert world.outcomes() == {"0": "skipped", "1": "skipped", "2": "upgraded"}
    assert world.record().counts.skipped == 2


async def test_t4_a_start_by_hand_is_at_once_with_automatic_upgrades_on_too(world: World) -> None:
    await world.has_set(3, automatic=ENABLED)
    await world.put(automatic=True)
    world.publish(NEW)
    began = await world.look_at_the_clock()
    result = await world.upgraded()
    assert result.status is UpgradeStatus.COMPLETED
    record = world.record()
    assert record.started_at - began < timedelta(minutes=1)
    assert record.started_by is StartedBy.USER
    assert record.operation_id


async def test_t6_the_delays_of_a_set_are_those_that_it_began_with(world: World) -> None:
    world.delays = Delays(health_wait=timedelta(minutes=2), keep_previous_disks=timedelta(hours=1))
    await world.has_set(10)
    # An API with other settings sends the next message.
    world.delays = Delays(health_wait=timedelta(minutes=30))
    world.publish(NEW, VersionScript(never_healthy=("0",)))
    await world.upgraded()
    record = world.record()
    assert record.ended_at is not None
    assert timedelta(minutes=2) <= record.ended_at - record.started_at < timedelta(minutes=3)
    await world.pass_time(timedelta(minutes=50))
    assert (await world.instances())["0"].previous_os_disks
    await world.pass_time(timedelta(minutes=15))
    assert not (await world.instances())["0"].previous_os_disks


async def test_b9_a_start_by_hand_uses_the_policy_of_the_set(world: World) -> None:
    await world.has_set(10, policy=OWN)
    world.publish(NEW)
    await world.upgraded()
    assert world.record().policy.max_batch_instance_percent == 10
    assert world.decisions().count("batch") == 10


async def test_b9_the_platform_uses_the_default_policy(world: World) -> None:
    await world.has_set(10, policy=OWN, automatic=ENABLED)
    world.publish(NEW)
    await world.put(automatic=True)
    await world.pass_time(THREE_HOURS)
    await world.end_of()
    assert world.record().policy.max_batch_instance_percent == 20
    assert world.decisions().count("batch") == 5


async def test_b9_the_platform_uses_the_policy_of_the_set_where_that_is_told(world: World) -> None:
    await world.has_set(10, policy=OWN, automatic=ENABLED | {"useRollingUpgradePolicy": True})
    world.publish(NEW)
    await world.put(automatic=True)
    await world.pass_time(THREE_HOURS)
    await world.end_of()
    assert world.record().policy.max_batch_instance_percent == 10
    assert world.decisions().count("batch") == 10


async def test_p15_a_start_by_hand_while_the_platform_looks_starts_one_upgrade(world: World) -> None:
    await world.has_set(5)
    world.publish(NEW)
    await world.put(automatic=True)
    # The platform's look takes its time: the compute does not answer.
    away = world.fleet.inject(Fault(kind=FaultKind.UNAVAILABLE, call=Call.LIST, times=20))
    await world.pass_time(THREE_HOURS)
    by_hand = asyncio.create_task(world.start())
    async with world.env.time_skipping_unlocked():  # type: ignore[attr-defined]  # the time-skipping one has it
        await eventually(lambda: world.fleet.hits(away) == 20)
        await by_hand
    assert (await world.end_of()).status is UpgradeStatus.COMPLETED
    assert world.record().started_by is StartedBy.USER
    await world.pass_time(THREE_HOURS)
    assert world.store.upgrades.last_number(world.scale_set.unique_id) == 1


async def test_t6_the_api_hands_its_delays_to_a_set_that_begins(world: World) -> None:
    await world.has_set(5)
    world.publish(NEW, VersionScript(never_healthy="all"))
    await world.client.get_workflow_handle(scale_set_workflow_id(world.scale_set)).terminate("to begin anew")
    gateway = ScaleSetGateway(world.client, world.store, Delays(health_wait=timedelta(minutes=2)))
    await gateway.send(world.scale_set, StartUpgrade(operation_id=world.operation(OperationKind.OS_UPGRADE)))
    await world.end_of()
    record = world.record()
    assert record.ended_at is not None
    assert timedelta(minutes=2) <= record.ended_at - record.started_at < timedelta(minutes=3)


async def test_p15_t1_the_platform_starts_nothing_while_an_upgrade_runs(world: World) -> None:
    await world.has_set(5, policy={"pauseTimeBetweenBatches": "PT1H"}, automatic=ENABLED)
    await world.put(automatic=True)
    await world.pass_time(timedelta(hours=2, minutes=58))
    world.publish(NEW)
    await world.start()
    # The first trigger of the set falls into the first pause.
    await world.pass_time(timedelta(minutes=11))
    assert world.store.upgrades.last_number(world.scale_set.unique_id) == 1
    assert world.record().status is UpgradeStatus.ROLLING_FORWARD
    await world.cancel()
    await world.end_of()


async def test_t3_what_is_pending_is_dropped_at_once_and_its_deadline_stays(world: World) -> None:
    await world.has_set(5)
    world.publish(NEW)
    await world.put(automatic=True)
    await world.pass_time(timedelta(hours=2))
    await world.put(automatic=False)
    await world.pass_time(timedelta(hours=2))
    assert world.store.upgrades.latest(world.scale_set.unique_id) is None
    await world.put(automatic=True)
    # Its three hours were over while it was disabled.
    await eventually(lambda: world.store.upgrades.latest(world.scale_set.unique_id) is not None)
    assert (await world.end_of()).status is UpgradeStatus.COMPLETED
