"""How far a running upgrade is, and when it ends by its pace (docs/rules.md C6)."""

from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from hypothesis import given, settings

from instar.domain.decisions.enrolment import enrol
from instar.domain.decisions.forecast import Forecast, Parked, Written, forecast
from instar.domain.decisions.pace import PaceBy
from instar.domain.decisions.simulation import simulate
from instar.domain.machines.instance_ids import InstanceIds
from instar.domain.machines.instances import HealthState, Look
from instar.domain.records.progress import Outcome, Progress
from instar.domain.records.upgrade_plan import UpgradePlan
from instar.domain.records.upgrades import Decision
from instar.domain.sets.policies import RollingUpgradePolicy, StartedBy
from instar.domain.steering.next_step import Known, Park, next_step
from instar.domain.steering.rollout_policy import RolloutPolicy
from instar.domain.steering.wishes import Approval, Gate, Pause, Wishes
from tests.domain.decisions.test_simulation import FIVE, THREE, Upgrade, sets, situation
from tests.support.looks import NOON, look, plan, view

APPROVED = Wishes(approvals=tuple(Approval(gate=gate, approved=True, by="ann", at=NOON) for gate in Gate))


def told(
    written: Written, pinned: UpgradePlan, fleet: Look | None, now: datetime, wishes: Wishes = APPROVED
) -> Forecast:
    return forecast(written, pinned, fleet, wishes, before=[THREE], health_wait=FIVE, name="web", now=now)


def written_of(progress: Progress, taken: list[tuple[InstanceIds, datetime]]) -> Written:
    """What an upgrade has written down after these batches of three minutes each."""
    decisions = [Decision(sequence=1, at=NOON, batch=0, action="started", reason="r")]
    batches: dict[str, int] = {}
    for number, (ids, at) in enumerate(taken, 1):
        for action, moment in (("batch", at), ("verdict", at + THREE)):
            decisions.append(Decision(sequence=len(decisions) + 1, at=moment, batch=number, action=action, reason="r"))
        batches |= dict.fromkeys(ids, number)
    outcomes = {one: outcome for outcome, ids in progress.outcomes.items() for one in ids}
    return Written(started_at=NOON, decisions=decisions, outcomes=outcomes, batches=batches)


@given(sets())
@settings(max_examples=40, deadline=None)
def test_c6_whenever_it_is_asked_it_tells_the_end_that_comes(scene: tuple[Look, UpgradePlan]) -> None:
    fleet, pinned = scene
    whole = simulate(fleet, pinned, situation())
    if whole.stop or not whole.batches:
        return
    upgrade = Upgrade(fleet, pinned)
    upgrade.progress = enrol(fleet, pinned, StartedBy.USER)
    taken: list[tuple[InstanceIds, datetime]] = []
    for batch in whole.batches:
        found = told(
            written_of(upgrade.progress, taken), pinned, upgrade.fleet, taken[-1][1] + THREE if taken else NOON
        )
        assert (found.done, found.works, found.to_come) == (len(taken), False, len(whole.batches) - len(taken))
        assert found.ends == whole.ends
        assert found.pace.by is (PaceBy.THIS_UPGRADE if taken else PaceBy.LAST_UPGRADES)
        # In the middle of it.
        working = upgrade.progress.moved(batch.ids, Outcome.IN_PROGRESS)
        half = written_of(working, [*taken, (batch.ids, batch.begins)])
        half = replace(half, decisions=half.decisions[:-1])
        found = told(half, pinned, upgrade.fleet, batch.begins + timedelta(minutes=1))
        assert (found.done, found.works, found.to_come) == (len(taken), True, len(whole.batches) - len(taken) - 1)
        assert found.ends == whole.ends
        upgrade.settle(batch.ids)
        taken.append((batch.ids, batch.begins))


TEN = look(*(view(number) for number in range(10)))


def two_of_five(*more: tuple[str, timedelta, str]) -> Written:
    """Ten machines by two; two batches are done in six minutes, and then something is decided."""
    progress = (
        Progress().moved(InstanceIds(ranges="0-3"), Outcome.UPGRADED).moved(InstanceIds(ranges="4-9"), Outcome.PENDING)
    )
    taken = [(InstanceIds(ranges="0-1"), NOON), (InstanceIds(ranges="2-3"), NOON + THREE)]
    written = written_of(progress, taken)
    decisions = [*written.decisions]
    for action, after, reason in more:
        decisions.append(Decision(sequence=len(decisions) + 1, at=NOON + after, batch=2, action=action, reason=reason))
    return replace(written, decisions=decisions)


def test_c6_batches_done_and_to_come_elapsed_and_the_end_by_the_pace_so_far() -> None:
    found = told(two_of_five(), plan(), TEN, NOON + 2 * THREE)
    assert (found.done, found.to_come, found.elapsed, found.remaining) == (2, 3, 2 * THREE, 3 * THREE)
    assert found.ends == NOON + 5 * THREE
    assert found.sentence == (
        "2 of 5 batches done in 6 minutes; about 9 minutes more, until 2026-11-24 12:15Z by its pace so far"
    )


def test_c6_a_batch_that_takes_longer_than_its_like_moves_the_end() -> None:
    late = two_of_five(("batch", 2 * THREE, "batch 3"))
    working = dict.fromkeys(("4", "5"), Outcome.IN_PROGRESS)
    late = replace(late, batches=dict(late.batches) | {"4": 3, "5": 3}, outcomes=dict(late.outcomes) | working)
    found = told(late, plan(), TEN, NOON + 2 * THREE + timedelta(minutes=10))
    assert (found.done, found.works, found.to_come) == (2, True, 2)
    assert found.ends == NOON + 2 * THREE + timedelta(minutes=10) + 2 * THREE


def test_c6_a_parked_one_tells_what_it_waits_for_and_since_when() -> None:
    now, since = NOON + timedelta(hours=2), NOON + timedelta(minutes=7)
    pause = Pause(reason="full", by="ann", since=NOON)
    step = next_step(Known(now=now, wishes=Wishes(pause=pause)))
    assert isinstance(step, Park)
    written = two_of_five(("parked", timedelta(minutes=7), f"parked: {step.reason}"))
    found = told(written, plan(), TEN, now, Wishes(pause=pause))
    assert found.parked == Parked(reason=pause.sentence, since=since, what="pause")
    assert (found.ends, found.remaining, found.to_come) == (None, 3 * THREE, 3)
    assert found.sentence.endswith("waits since 2026-11-24 12:07Z, then about 9 minutes more")
    until = now + timedelta(hours=1)
    ends = Pause(reason="full", by="ann", since=NOON, until=until)
    written = two_of_five(("parked", timedelta(minutes=7), f"parked: {ends.sentence}"))
    found = told(written, plan(), TEN, now, Wishes(pause=ends))
    assert found.parked is not None
    assert (found.parked.until, found.ends) == (until, until + 3 * THREE)


def test_c6_what_only_the_upgrade_knows_it_waits_for_is_told_all_the_same() -> None:
    written = two_of_five(("parked", timedelta(minutes=7), "parked: waits for its turn: 3 of 3 upgrades run"))
    found = told(written, plan(), TEN, NOON + timedelta(hours=1))
    assert found.parked == Parked(reason="waits for its turn: 3 of 3 upgrades run", since=NOON + timedelta(minutes=7))
    assert found.ends is None
    goes_on = two_of_five(("parked", timedelta(minutes=7), "parked: x"), ("batch", timedelta(minutes=9), "batch 3"))
    assert told(goes_on, plan(), TEN, NOON + timedelta(minutes=10)).parked is None


def test_c6_w2_a_bake_and_a_pause_are_waited_out() -> None:
    baked = plan().model_copy(update={"rollout": RolloutPolicy(bake=timedelta(minutes=30))})
    found = told(two_of_five(("bake", 2 * THREE, "bakes")), baked, TEN, NOON + 2 * THREE + timedelta(minutes=10))
    half_hour = timedelta(minutes=30)
    assert found.ends == NOON + 2 * THREE + half_hour + 3 * (THREE + half_hour)


def test_c6_without_a_look_it_tells_what_is_written_down() -> None:
    found = told(two_of_five(), plan(), None, NOON + 2 * THREE)
    assert (found.done, found.to_come, found.ends, found.elapsed) == (2, None, None, 2 * THREE)
    assert found.sentence == "2 batches done in 6 minutes"


@pytest.mark.parametrize("fleet", [TEN, None])
def test_c6_one_that_ends_begins_no_batch_more(fleet: Look | None) -> None:
    found = told(replace(two_of_five(), ends_soon=True), plan(), fleet, NOON + 2 * THREE)
    assert (found.to_come, found.ends) == (0, None)


def test_c6_p3_a_set_that_became_sick_is_told_to_stop() -> None:
    sick = look(*(view(n, HealthState.UNHEALTHY if n > 5 else HealthState.HEALTHY) for n in range(10)))
    found = told(two_of_five(), plan(), sick, NOON + 2 * THREE)
    assert found.stop == "stopped: 4 of 10 instances unhealthy (40 %), limit 20 %"
    assert found.to_come == 0
    assert "4 of 10 instances unhealthy" in found.sentence


def test_c6_before_its_pre_check_it_is_all_to_come() -> None:
    nothing = Written(started_at=NOON, decisions=[], outcomes={}, batches={})
    found = told(nothing, plan(), TEN, NOON)
    assert (found.done, found.to_come, found.ends) == (0, 5, NOON + 5 * THREE)


def test_c6_w1_waves_are_counted_from_the_last_batch_of_named_canaries() -> None:
    """Ten machines: the canary, then waves of 1 and 1, then as many as may be out."""
    half = RollingUpgradePolicy(max_batch_instance_percent=50, max_unhealthy_instance_percent=50)
    rollout = RolloutPolicy(waves=(1, 1, 8), canary={"instances": ("0",)})
    pinned = plan(half).model_copy(update={"rollout": rollout})
    progress = Progress().moved(InstanceIds(ranges="0"), Outcome.UPGRADED)
    progress = progress.moved(InstanceIds(ranges="1-9"), Outcome.PENDING)
    found = told(written_of(progress, [(InstanceIds(ranges="0"), NOON)]), pinned, TEN, NOON + THREE)
    assert (found.done, found.to_come) == (1, 4), "1, 1, 5, 2"
