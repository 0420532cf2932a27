"""Bakes, windows and gates in an upgrade (docs/rules.md W2, W3, G3)."""

from datetime import timedelta
from typing import Any

from instar.domain.records.upgrades import UpgradeStatus
from instar.domain.steering.rollout_policy import parsed
from instar.domain.steering.wishes import Approval, Gate
from tests.support.models import NEW
from tests.support.wishing import parked, tell
from tests.support.world import World

TWO = {"maxBatchInstancePercent": 50, "maxUnhealthyInstancePercent": 50, "maxUnhealthyUpgradedInstancePercent": 50}


async def begun(world: World, size: int = 4, **policy: Any) -> None:
    """A set with that policy, and its upgrade in two batches."""
    await world.has_set(size, policy=TWO)
    unique_id = world.scale_set.unique_id
    world.store.rollout_policies.put(unique_id, parsed(policy, world.clock()), "ann", world.clock(), "", lambda _: None)
    world.publish(NEW)
    await world.start()


def said(world: World, approved: bool, gate: Gate) -> None:  # a test's word
    word = Approval(gate=gate, approved=approved, by="ann", at=world.clock(), reason="looks well" if approved else "no")
    world.store.wishes.approve(world.scale_set.unique_id, 1, word)


async def on_new(world: World) -> int:
    return list((await world.versions()).values()).count(NEW)


async def test_w2_each_batch_bakes_and_the_last_one_longer(world: World) -> None:
    await begun(world, bake="PT20M", finalBake="PT2H")
    await world.pass_time(timedelta(minutes=12))
    assert world.decisions() == ["started", "batch", "verdict", "bake"]
    assert await on_new(world) == 2
    result = await world.end_of()
    assert result.status is UpgradeStatus.COMPLETED
    assert world.decisions() == ["started", "batch", "verdict", "bake", "batch", "verdict", "bake", "completed"]
    took = world.record().ended_at
    assert took is not None
    assert took - world.record().started_at >= timedelta(minutes=140)
    assert "bakes for 20 minutes: 2 instances are watched" in world.reasons()
    assert "bakes for 2 hours: 4 instances are watched" in world.reasons()


async def test_w2_who_gets_sick_in_a_bake_has_failed_and_p9_judges_anew(world: World) -> None:
    await begun(world, size=4, bake="PT1H")
    await world.pass_time(timedelta(minutes=12))
    world.sick("0", "1")
    result = await world.end_of()
    assert result.status is UpgradeStatus.FAULTED
    assert world.outcomes()["0"] in ("failed", "rolledBack")
    assert await on_new(world) <= 2
    assert world.decisions()[:4] == ["started", "batch", "verdict", "bake"]
    assert "2 not healthy (0-1), kept as they are: no automatic rollback" in world.reasons()


async def test_w2_the_batch_before_is_the_last_where_all_that_were_to_come_are_left_out(world: World) -> None:
    await begun(world, bake="PT20M", finalBake="PT2H")
    await world.pass_time(timedelta(minutes=12))
    assert world.decisions() == ["started", "batch", "verdict", "bake"]
    for one in ("2", "3"):
        world.script(one, protected=True)
    result = await world.end_of()
    assert result.status is UpgradeStatus.COMPLETED
    assert world.decisions() == ["started", "batch", "verdict", "bake", "bake", "completed"]
    assert "bakes for 20 minutes: 2 instances are watched" in world.reasons()
    assert "bakes for 1 hour 40 minutes: 2 instances are watched" in world.reasons(), "two hours in all"
    assert world.outcomes()["2"] == "skipped"
    took = world.record().ended_at
    assert took is not None
    assert took - world.record().started_at >= timedelta(minutes=120)


async def test_w2_p9_who_gets_sick_in_the_final_bake_that_came_late_has_failed(world: World) -> None:
    await begun(world, bake="PT20M", finalBake="PT2H")
    await world.pass_time(timedelta(minutes=12))
    for one in ("2", "3"):
        world.script(one, protected=True)
    await world.pass_time(timedelta(minutes=30))
    assert world.decisions() == ["started", "batch", "verdict", "bake", "bake"]
    world.sick("0", "1")
    result = await world.end_of()
    assert result.status is UpgradeStatus.FAULTED
    assert world.record().counts.failed == 2


async def test_w2_without_a_final_bake_nobody_is_watched_again(world: World) -> None:
    await begun(world, bake="PT20M")
    await world.pass_time(timedelta(minutes=12))
    for one in ("2", "3"):
        world.script(one, protected=True)
    assert (await world.end_of()).status is UpgradeStatus.COMPLETED
    assert world.decisions() == ["started", "batch", "verdict", "bake", "completed"]


async def test_w2_a_cancel_ends_a_bake_at_once(world: World) -> None:
    await begun(world, bake="P1D")
    await world.pass_time(timedelta(minutes=12))
    await world.cancel()
    result = await world.end_without_timers()
    assert result.status is UpgradeStatus.CANCELLED
    assert await on_new(world) == 2


async def test_w3_no_batch_begins_outside_and_it_goes_on_where_it_stopped(world: World) -> None:
    opens = (world.clock() + timedelta(hours=3)).replace(minute=0, second=0, microsecond=0)
    window = {"from": opens.strftime("%H:%M"), "to": (opens + timedelta(hours=2)).strftime("%H:%M"), "timeZone": "UTC"}
    await begun(world, windows=[window])
    await parked(world)
    assert await on_new(world) == 0
    wait = world.store.waits.of_upgrade(world.scale_set.unique_id, 1)
    assert wait is not None
    assert "outside of its windows: the next one opens at" in wait.reason
    result = await world.end_of()
    assert result.status is UpgradeStatus.COMPLETED
    batches = [one for one in world.store.upgrades.decisions(world.scale_set.unique_id, 1) if one.action == "batch"]
    assert len(batches) == 2
    assert all(opens <= one.at < opens + timedelta(hours=2) for one in batches)


async def test_g3_before_its_first_batch_somebody_has_to_approve(world: World) -> None:
    await begun(world, approval="first")
    await parked(world)
    assert await on_new(world) == 0
    assert world.decisions() == ["started", "approval"], "webhooks are told that a person is waited for"
    said(world, True, Gate.FIRST)
    await tell(world)
    assert (await world.end_of()).status is UpgradeStatus.COMPLETED


async def test_g3_a_rejection_after_the_canary_ends_it_as_cancelled(world: World) -> None:
    await begun(world, canary={"instances": ["3"], "bake": "PT5M"}, approval="afterCanary")
    await world.pass_time(timedelta(minutes=17))
    await parked(world)
    assert await on_new(world) == 1
    said(world, False, Gate.AFTER_CANARY)
    await tell(world)
    result = await world.end_without_timers()
    assert result.status is UpgradeStatus.CANCELLED
    assert "rejected by ann" in result.reason
    await world.until(lambda: bool(world.status().quarantine.versions))


async def test_g3_a_gate_that_closes_unanswered_ends_it(world: World) -> None:
    await begun(world, approval="first", approvalDeadline="PT1H")
    result = await world.end_of()
    assert result.status is UpgradeStatus.CANCELLED
    assert "nobody approved it until" in result.reason
    assert await on_new(world) == 0
