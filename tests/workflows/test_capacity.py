"""Growing and shrinking, before, during and after an upgrade (P16): where new machines go, and who leaves."""

from collections import Counter
from datetime import timedelta
from typing import Any

from instar.domain.records.operations import Operation, OperationStatus
from instar.domain.records.upgrades import UpgradeStatus
from tests.support.models import NEW, OLD
from tests.support.world import World

ZONES = ("1", "2", "3")
PAUSE = {"pauseTimeBetweenBatches": "PT10M"}
NEWER = "18.04.202403030"


async def resize(world: World, capacity: int, **changes: Any) -> Operation:
    """PUT another capacity, and wait until it is applied."""
    stored = world.store.scale_sets.by_unique_id(world.scale_set.unique_id)
    assert stored is not None
    sku = {"name": "Standard_D2s_v3", "capacity": capacity}
    return await world.put(automatic=False, document=stored.document | {"sku": sku} | changes)


async def places(world: World) -> dict[str, tuple[str, int]]:
    return {one: (view.zone, view.update_domain) for one, view in (await world.instances()).items()}


async def zones(world: World) -> Counter[str]:
    return Counter(zone for zone, _ in (await places(world)).values())


async def test_b4_b7_a_zonal_set_is_balanced_over_zones_and_update_domains(world: World) -> None:
    await world.has_set(9, zones=ZONES)
    assert await places(world) == {str(n): (str(n % 3 + 1), n // 3) for n in range(9)}
    await resize(world, 20)
    assert sorted((await zones(world)).values()) == [6, 7, 7]
    domains = Counter((await places(world)).values())
    assert max(domains.values()) == 2


async def test_b7_a_set_without_zones_has_five_update_domains(world: World) -> None:
    await world.has_set(7)
    assert [domain for _, domain in (await places(world)).values()] == [0, 1, 2, 3, 4, 0, 1]


async def test_p16_a_scale_in_balances_zones_and_takes_the_highest_ids(world: World) -> None:
    await world.has_set(9, zones=ZONES)
    await world.fleet.delete_instance(world.scale_set, "0")
    await resize(world, 6)
    assert sorted(await world.instances()) == ["1", "2", "3", "4", "5", "6"]
    assert await zones(world) == {"1": 2, "2": 2, "3": 2}


async def test_p16_a_scale_in_by_the_oldest(world: World) -> None:
    await world.has_set(3, scale_in="OldestVM")
    await world.pass_time(timedelta(hours=1))
    await resize(world, 5)
    await resize(world, 2)
    assert sorted(await world.instances()) == ["3", "4"]


async def test_p16_protected_machines_never_leave_and_what_cannot_shrink_is_said(world: World) -> None:
    await world.has_set(5)
    for one in ("2", "3", "4"):
        world.script(one, protected=True)
    await resize(world, 4)
    assert sorted(await world.instances()) == ["0", "2", "3", "4"]
    operation = await resize(world, 1)
    assert sorted(await world.instances()) == ["2", "3", "4"]
    assert operation.status is OperationStatus.FAILED
    assert operation.error_message == (
        "2 instances more than the capacity of 1 are left: they are protected from scale-in. Lift that (PUT of "
        "each instance, properties.protectionPolicy), and send the capacity again"
    )


async def test_p16_before_an_upgrade_new_machines_are_members_and_current(world: World) -> None:
    await world.has_set(6, zones=ZONES)
    world.publish(NEW)
    await resize(world, 9)
    assert Counter((await world.versions()).values()) == {OLD: 6, NEW: 3}
    await world.pass_time(timedelta(hours=1))
    result = await world.upgraded()
    assert result.status is UpgradeStatus.COMPLETED, result.reason
    assert set((await world.versions()).values()) == {NEW}
    assert [world.outcomes()[one] for one in ("6", "7", "8")] == ["current"] * 3
    assert world.record().counts.successful == 9
    assert world.judgement().violations == ()


async def test_p16_during_an_upgrade_they_get_the_newest_fill_their_zone_and_are_no_members(world: World) -> None:
    await world.has_set(6, zones=ZONES, policy=PAUSE)
    world.publish(NEW)
    started = await world.start()
    await world.pass_time(timedelta(minutes=7))
    world.publish(NEWER)
    await resize(world, 9)
    result = await world.end_of(started.number)
    assert result.status is UpgradeStatus.COMPLETED, result.reason
    assert Counter((await world.versions()).values()) == {NEW: 6, NEWER: 3}
    assert await zones(world) == {"1": 3, "2": 3, "3": 3}
    assert world.record().counts.successful == 6
    assert world.judgement().violations == ()


async def test_p16_a_scale_in_during_an_upgrade_is_no_failure(world: World) -> None:
    await world.has_set(9, zones=ZONES, policy=PAUSE)
    world.publish(NEW)
    started = await world.start()
    await world.pass_time(timedelta(minutes=7))
    await resize(world, 4)
    assert await zones(world) == {"1": 2, "2": 1, "3": 1}
    result = await world.end_of(started.number)
    assert result.status is UpgradeStatus.COMPLETED, result.reason
    counts = world.record().counts
    assert (counts.successful, counts.failed, counts.pending) == (4, 0, 0)
    assert [world.outcomes()[str(one)] for one in range(4, 9)] == ["vanished"] * 5
    assert set((await world.versions()).values()) == {NEW}


async def test_p16_after_an_upgrade_they_get_what_it_brought_in_the_emptiest_zone(world: World) -> None:
    await world.has_set(6, zones=ZONES)
    world.publish(NEW)
    await world.upgraded()
    await world.fleet.delete_instance(world.scale_set, "1")
    await world.fleet.delete_instance(world.scale_set, "4")
    await resize(world, 6)
    assert set((await world.versions()).values()) == {NEW}
    assert [(await places(world))[one] for one in ("6", "7")] == [("2", 0), ("2", 1)]
