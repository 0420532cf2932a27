"""Small scenes of one steered set, each at the moment that matters (C1, C2, G3, W2, W3)."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from instar.compute.simulated.file.scripts import VersionScript
from instar.domain.records.operations import OperationStatus
from instar.domain.records.upgrades import UpgradeKind, UpgradeStatus
from tests.simulation.court import Court, told
from tests.simulation.minutes import utc
from tests.simulation.scene import Scene, Site, a_scene
from tests.support.models import GROUP, IMAGE, NEW, OLD

SOON, MINUTE, HOUR, DAY = timedelta(seconds=15), timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
BEGINS = utc("2027-03-19 08:00")
LIMITS = {"maxBatchInstancePercent": 25, "maxUnhealthyInstancePercent": 100, "maxUnhealthyUpgradedInstancePercent": 100}


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Scene]:
    """After each test the court has found nothing."""
    with a_scene(tmp_path, BEGINS) as scene:
        yield scene
        court = Court(scene, late=2 * HOUR + 5 * MINUTE, percents={"web": 25})
        assert not (found := court.judged()), told(found)


def begun(scene: Scene, script: VersionScript | None = None, sick_at_most: int = 100, **policy: Any) -> Site:
    """A set of four, one at a time, and its upgrade by the platform: in its first batch, or parked before it."""
    scene.publish(OLD)
    site = scene.has_set("web", 4, policy=LIMITS | {"maxUnhealthyInstancePercent": sick_at_most})
    if policy:
        scene.policy(site, **policy)
    scene.until(BEGINS + HOUR)
    scene.publish(NEW, script)
    said = {"batch", "parked", "approval"}
    scene.engine.run(scene.now + HOUR, lambda: site.running() is not None and bool(said & set(site.decisions(1))))
    scene.pass_time(timedelta(seconds=1))
    return site


def on_new(site: Site) -> int:
    return list(site.version_of().values()).count(NEW)


def paused_after_one(scene: Scene, until: datetime | None = None) -> Site:
    site = begun(scene)
    scene.pause(site, until)
    scene.pass_time(10 * MINUTE)
    assert on_new(site) == 1
    assert "paused by ann" in site.waits_for()
    return site


def test_c1_told_that_it_is_resumed_it_goes_on_at_once(scene: Scene) -> None:
    site = paused_after_one(scene)
    scene.pass_time(7 * HOUR)
    assert on_new(site) == 1
    assert site.decisions(1).count("parked") == 1
    scene.resume(site)
    scene.pass_time(timedelta(seconds=1))
    assert site.decisions(1).count("batch") == 2
    assert site.waits_for() == "", "readers are told that it goes on"
    assert scene.until_rest(HOUR)
    assert site.record(1).status is UpgradeStatus.COMPLETED


def test_c1_a_lost_word_costs_two_hours_at_most(scene: Scene) -> None:
    site = paused_after_one(scene)
    scene.tells = lambda: False
    scene.resume(site)
    scene.pass_time(2 * HOUR + MINUTE)
    assert site.decisions(1).count("batch") >= 2


def test_c1_a_lost_word_costs_no_more_where_the_pause_had_a_later_end(scene: Scene) -> None:
    site = paused_after_one(scene, BEGINS + 3 * DAY)
    scene.tells = lambda: False
    scene.resume(site)
    scene.pass_time(2 * HOUR + MINUTE)
    assert site.decisions(1).count("batch") >= 2


def test_c1_at_its_own_end_it_goes_on_by_itself(scene: Scene) -> None:
    site = paused_after_one(scene, BEGINS + 2 * HOUR)
    scene.until(BEGINS + 2 * HOUR - timedelta(seconds=1))
    assert site.decisions(1).count("batch") == 1
    scene.until(BEGINS + 2 * HOUR + timedelta(seconds=1))
    assert site.decisions(1).count("batch") == 2


def test_c1_a_word_that_comes_while_it_is_being_asked_is_not_lost(scene: Scene) -> None:
    site = paused_after_one(scene)
    scene.engine.activities.takes = lambda: timedelta(seconds=5)
    asked = len(scene.engine.activities.deeds)
    scene.engine.run(
        scene.now + 3 * HOUR, lambda: any(one.name == "select_batch" for one in scene.engine.activities.deeds[asked:])
    )
    scene.pass_time(timedelta(seconds=2))
    scene.resume(site)
    scene.pass_time(SOON)
    assert site.decisions(1).count("batch") == 2


def test_c1_c2_a_cancel_ends_a_parked_upgrade_at_once_and_a_start_is_refused(scene: Scene) -> None:
    site = paused_after_one(scene)
    scene.hold(scope=GROUP)
    scene.cancel(site)
    scene.pass_time(timedelta(seconds=1))
    assert site.record(1).status is UpgradeStatus.CANCELLED
    operation = scene.start(site)
    scene.pass_time(MINUTE)
    row = site.store.operations.get(operation)
    assert row is not None
    assert "held by 'freeze'" in row.error_message
    assert site.running() is None


def test_c2_nothing_is_begun_by_the_platform_while_it_is_held_and_then_it_is(scene: Scene) -> None:
    scene.publish(OLD)
    site = scene.has_set("web", 4, policy=LIMITS)
    scene.until(BEGINS + HOUR)
    scene.hold(scope=GROUP)
    scene.publish(NEW)
    scene.pass_time(DAY)
    assert site.latest() is None
    scene.release()
    scene.pass_time(HOUR)
    assert on_new(site) == 4


def test_c1_killed_while_it_is_parked_it_stays_parked_and_goes_on(scene: Scene) -> None:
    site = paused_after_one(scene)
    for _ in range(3):
        scene.engine.kill(10 * MINUTE)
        scene.pass_time(HOUR)
    assert on_new(site) == 1
    scene.resume(site)
    scene.pass_time(SOON)
    assert site.decisions(1).count("batch") == 2


@pytest.mark.parametrize("steps", range(8))
def test_c5_killed_between_the_cancelled_end_and_the_rollback_it_goes_back_all_the_same(
    scene: Scene, steps: int
) -> None:
    """Workers die so many steps after the end of the upgrade is written down, and come back after 10 minutes."""
    site = begun(scene)
    scene.engine.run(scene.now + HOUR, lambda: site.decisions(1).count("batch") == 2)
    operation = scene.cancel(site, revert=True)
    seen = 0

    def so_many_steps_on() -> bool:
        nonlocal seen
        seen += site.running() is None
        return seen > steps

    scene.engine.run(scene.now + HOUR, so_many_steps_on)
    assert site.record(1).status is UpgradeStatus.CANCELLED
    scene.engine.kill(10 * MINUTE)
    scene.pass_time(HOUR)
    back = site.record(2)
    assert (back.kind, back.status) == (UpgradeKind.ROLLBACK, UpgradeStatus.COMPLETED)
    assert on_new(site) == 0
    assert back.counts.successful == 1, "nobody else was moved"
    told = scene.store.operations.get(operation)
    assert told is not None
    assert told.status is OperationStatus.SUCCEEDED
    assert site.status().quarantine.of(NEW) is not None


def test_c5_p2_a_revert_goes_back_out_of_a_sick_set_and_nobody_had_to_waive_it(scene: Scene) -> None:
    """Three of four are sick, one of them by the version that is left; more than half is too many for any start."""
    site = begun(scene, sick_at_most=50)
    scene.fleet.script_version(IMAGE.at(NEW), VersionScript(never_healthy="all"))
    scene.sick(site, "2", "3")
    scene.pass_time(timedelta(seconds=1))
    scene.cancel(site, revert=True)
    scene.pass_time(HOUR)
    back = site.record(2)
    assert (back.kind, back.status, on_new(site)) == (UpgradeKind.ROLLBACK, UpgradeStatus.COMPLETED, 0)
    reasons = site.reasons(2)
    assert "undoing the upgrade that was cancelled, for which unhealthySet is waived" in reasons.splitlines()[0]
    assert "limit 50 %, which is waived (unhealthySet)" in reasons
    start = site.store.upgrades.starts(site.scale_set.unique_id, [2])[2]
    assert start.wishes is not None
    assert start.wishes.override == (), "nobody has named it: it took no Owner"


def test_c1_a_set_that_is_deleted_while_it_is_parked_is_deleted(scene: Scene) -> None:
    site = paused_after_one(scene)
    scene.delete(site)
    scene.pass_time(10 * MINUTE)
    assert not site.version_of()
    assert site.store.wishes.pause_of(site.scale_set.unique_id) is None


def test_c1_paused_twice_the_newest_end_counts(scene: Scene) -> None:
    site = paused_after_one(scene, BEGINS + 2 * HOUR)
    scene.pause(site, BEGINS + 5 * HOUR)
    scene.until(BEGINS + 5 * HOUR - MINUTE)
    assert on_new(site) == 1
    scene.pause(site, BEGINS + 5 * HOUR + MINUTE)
    scene.until(BEGINS + 5 * HOUR + MINUTE + SOON)
    assert site.decisions(1).count("batch") == 2


def test_c1_c2_resumed_while_it_is_held_it_waits_for_the_hold(scene: Scene) -> None:
    site = paused_after_one(scene)
    scene.hold()
    scene.resume(site)
    scene.pass_time(HOUR)
    assert on_new(site) == 1
    assert "held by 'freeze'" in site.waits_for()
    scene.release()
    scene.pass_time(SOON)
    assert site.decisions(1).count("batch") == 2


def test_g3_approved_it_goes_on_at_once_and_is_asked_once(scene: Scene) -> None:
    site = begun(scene, approval="first")
    scene.pass_time(DAY)
    assert on_new(site) == 0
    assert scene.answer(site, approved=True)
    scene.pass_time(timedelta(seconds=1))
    assert site.decisions(1).count("batch") == 1
    assert not scene.answer(site, approved=False), "the first word counts"
    assert scene.until_rest(HOUR)
    assert site.record(1).status is UpgradeStatus.COMPLETED


def test_g3_t5_rejected_it_ends_at_once_as_cancelled_and_the_version_is_not_tried_again(scene: Scene) -> None:
    site = begun(scene, approval="first")
    scene.answer(site, approved=False)
    scene.pass_time(timedelta(seconds=1))
    assert site.record(1).status is UpgradeStatus.CANCELLED
    assert "rejected by ann" in site.reasons(1)
    scene.pass_time(3 * DAY)
    assert len(site.history()) == 1


def test_g3_a_deadline_closes_at_its_moment(scene: Scene) -> None:
    site = begun(scene, approval="first", approvalDeadline="PT5H")
    asked = site.store.upgrades.decisions(site.scale_set.unique_id, 1)[-1].at
    scene.until(asked + 5 * HOUR - timedelta(seconds=1))
    assert site.running() is not None
    scene.until(asked + 5 * HOUR + timedelta(seconds=1))
    assert site.record(1).status is UpgradeStatus.CANCELLED
    assert "nobody approved it" in site.reasons(1)


NIGHT = {"days": ["Sat", "Sun"], "from": "01:00", "to": "01:11", "timeZone": "UTC"}


def test_w3_a_batch_that_would_not_end_inside_does_not_begin(scene: Scene) -> None:
    """The first batch takes five minutes and a half, for its machine goes back: what is left is less than that."""
    site = begun(scene, VersionScript(never_healthy=("0",)), windows=[NIGHT])
    scene.until(utc("2027-03-20 08:00"))
    assert site.decisions(1).count("batch") == 1
    assert "and would not end in its window" in site.reasons(1)
    scene.until(utc("2027-03-21 08:00"))
    assert site.record(1).status is UpgradeStatus.COMPLETED


def test_w3_on_a_day_off_nothing_begins_and_no_window_is_needed_for_that(scene: Scene) -> None:
    site = begun(scene, notOn=["2027-03-19/2027-03-21"])
    scene.until(utc("2027-03-22 00:00") - timedelta(seconds=1))
    assert on_new(site) == 0
    scene.until(utc("2027-03-22 00:00") + SOON)
    assert site.decisions(1).count("batch") == 1


def baking(scene: Scene) -> Site:
    site = begun(scene, bake="PT1H", finalBake="PT3H")
    scene.pass_time(10 * MINUTE)
    assert site.decisions(1)[-1] == "bake"
    return site


def test_w2_each_batch_bakes_whole_and_the_last_one_longer(scene: Scene) -> None:
    site = baking(scene)
    begins = site.record(1).started_at
    scene.until(begins + 3 * HOUR)
    assert site.decisions(1).count("batch") == 3
    scene.until(begins + 6 * HOUR)
    assert site.running() is not None
    scene.until(begins + 6 * HOUR + 20 * MINUTE)
    assert site.record(1).status is UpgradeStatus.COMPLETED


def test_w2_p7_whoever_gets_sick_in_a_bake_goes_back_one_after_the_other_and_the_others_go_on(scene: Scene) -> None:
    site = baking(scene)
    scene.sick(site, "0", until=scene.now + 5 * MINUTE)
    scene.pass_time(HOUR)
    assert site.outcomes(1)["0"] == "rolledBack"
    assert site.decisions(1).count("batch") == 2
    scene.pass_time(HOUR + 10 * MINUTE)
    assert site.outcomes(1)["2"] == "upgraded"
    for one in ("1", "2"):
        scene.sick(site, one, until=scene.now + 5 * MINUTE)
        scene.pass_time(20 * MINUTE)
        assert site.outcomes(1)[one] == "rolledBack"
    assert scene.until_rest(8 * HOUR)
    assert site.record(1).counts.rolled_back == 3
    assert site.outcomes(1)["3"] == "upgraded"


def test_w2_p9_a_late_breach_ends_it_and_nothing_more_begins(scene: Scene) -> None:
    scene.publish(OLD)
    site = scene.has_set("web", 4, policy=LIMITS | {"maxUnhealthyUpgradedInstancePercent": 20})
    scene.policy(site, bake="PT1H")
    scene.until(BEGINS + HOUR)
    scene.publish(NEW)
    scene.pass_time(30 * MINUTE)
    scene.sick(site, "0", until=scene.now + 5 * MINUTE)
    scene.pass_time(20 * MINUTE)
    assert site.record(1).status is UpgradeStatus.FAULTED
    assert site.decisions(1)[-3:] == ["rollback", "verdict", "faulted"]
    assert on_new(site) == 0
