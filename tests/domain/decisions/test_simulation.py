"""A plan is what the upgrade does: the same batches, in the same order, with the same gates (docs/rules.md C3)."""

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from random import Random
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from instar.domain.decisions.batching import select_batch
from instar.domain.decisions.before_batch import known_before
from instar.domain.decisions.enrolment import enrol, enrolled_anew
from instar.domain.decisions.obstacles import Standing as Stands
from instar.domain.decisions.obstacles import obstacles
from instar.domain.decisions.pace import Pace, PaceBy, pace_of, spans_of
from instar.domain.decisions.simulation import Situation, batches_at_most, simulate
from instar.domain.decisions.starts import Asked
from instar.domain.decisions.verdicts import check_whole_set, judge, without_vanished
from instar.domain.machines.instance_ids import InstanceIds
from instar.domain.machines.instances import HealthState, InstanceView, Look, Standing
from instar.domain.records.progress import Outcome, Progress
from instar.domain.records.upgrade_plan import UpgradePlan
from instar.domain.records.upgrades import Decision, ErrorCode
from instar.domain.sets.policies import RollingUpgradePolicy, StartedBy
from instar.domain.steering.bakes import bake_after
from instar.domain.steering.next_step import Park, gate_of, next_step
from instar.domain.steering.outside.answers import JudgeAnswer, JudgeOutcome
from instar.domain.steering.rollout_policy import RolloutPolicy
from instar.domain.steering.start_wishes import Limit, StartWishes
from instar.domain.steering.wishes import Approval, Gate, Hold, Pause, Wishes
from tests.support.looks import NOON, look, plan, view

FIVE = timedelta(minutes=5)
THREE = timedelta(minutes=3)
PACE = Pace(batch=THREE, longest=THREE, by=PaceBy.LAST_UPGRADES)


JUDGES = ({"name": "slo", "place": "p", "origin": "https://slo.lan"},)


def situation(**more: Any) -> Situation:
    return replace(Situation(now=NOON, pace=PACE, health_wait=FIVE, name="web"), **more)


@st.composite
def policies(draw: st.DrawFn) -> RolloutPolicy | None:
    if draw(st.booleans()):
        return None
    waves = draw(st.lists(st.one_of(st.integers(1, 9), st.sampled_from(["1%", "10%", "50%"])), max_size=3))
    canary = draw(st.sampled_from([None, {"instances": ("0", "7")}, {"bake": "PT30M"}]))
    windows = draw(st.sampled_from([(), ({"from": "11:30", "to": "12:20", "timeZone": "Europe/Berlin"},)]))
    approval = draw(st.sampled_from(["none", "first", *(["afterCanary"] if canary else [])]))
    return RolloutPolicy.model_validate(
        {
            "waves": waves, "canary": canary, "windows": windows, "approval": approval,
            "bake": draw(st.sampled_from([None, "PT10M"])), "finalBake": draw(st.sampled_from([None, "PT1H"])),
            "judges": draw(st.sampled_from([(), JUDGES])),
        }
    )  # fmt: skip


@st.composite
def sets(draw: st.DrawFn) -> tuple[Look, UpgradePlan]:
    """Sick, stopped, protected, current ones, zones, domains, phases; nobody fails what is done to it."""
    chance = Random(draw(st.integers(0, 2**32)))
    size, zones, phased = draw(st.integers(1, 60)), draw(st.sampled_from([0, 0, 1, 3])), draw(st.booleans())
    sick = draw(st.sampled_from([0.0, 0.05, 0.3]))
    views = [
        view(
            number,
            HealthState.UNHEALTHY if chance.random() < sick else HealthState.HEALTHY,
            stopped=chance.random() < 0.05,
            protected=chance.random() < 0.05,
            version=chance.choice(["1.0.0", "1.0.0", "2.0.0", "3.0.0"]),
            zone=str(chance.randrange(zones) + 1) if zones else "",
            update_domain=chance.randrange(3),
            phase=chance.choice([None, 0, 2]) if phased else None,
            skip=chance.random() < 0.03,
        )
        for number in range(size)
    ]
    limit = draw(st.integers(20, 100))
    limits = RollingUpgradePolicy(
        max_batch_instance_percent=draw(st.integers(5, limit)),
        max_unhealthy_instance_percent=limit,
        prioritize_unhealthy_instances=draw(st.booleans()),
        enable_cross_zone_upgrade=draw(st.booleans()),
        pause_time_between_batches=draw(st.sampled_from([timedelta(0), timedelta(minutes=7)])),
    )
    named = draw(st.sampled_from(["", "", "0", "0-20"]))
    wishes = StartWishes(
        instances=InstanceIds(ranges=named),
        override=tuple(draw(st.lists(st.sampled_from(list(Limit)), unique=True, max_size=2))),
    )
    pinned = plan(limits, by_update_domain=draw(st.booleans())).model_copy(
        update={"rollout": draw(policies()), "wishes": draw(st.sampled_from([None, wishes]))}
    )
    return look(*views), pinned


@dataclass
class Upgrade:
    """The loop of an upgrade, on a toy fleet in which each batch takes three minutes and nothing fails."""

    fleet: Look
    plan: UpgradePlan
    now: datetime = NOON
    batches: list[tuple[InstanceIds, datetime, Gate | None]] = field(default_factory=list)
    parked: list[str] = field(default_factory=list)
    breach: bool = False
    at_most: int | None = None
    progress: Progress = field(default_factory=Progress)

    def run(self) -> "Upgrade":
        limits, waived = self.plan.policy, self.plan.waived
        self.breach = check_whole_set(self.fleet, limits, ErrorCode.UNHEALTHY_BEFORE, "web", waived)[1] is not None
        if self.breach:
            return self
        self.progress = enrol(self.fleet, self.plan, StartedBy.USER)
        approved: list[Approval] = []
        takes, begun, judged = FIVE, 0, None
        while self.progress.of(Outcome.PENDING):
            wishes = Wishes(approvals=tuple(approved))
            known = known_before(self.plan, self.progress, begun, wishes, self.now, takes, judged)
            step, judged = next_step(known), None
            if isinstance(step, Park) and step.asks:
                judged = [JudgeAnswer(outcome=JudgeOutcome.YES, reason="") for _ in JUDGES]
                continue
            if isinstance(step, Park) and step.gate:
                approved.append(Approval(gate=step.gate, approved=True, by="ann", at=self.now))
                continue
            if isinstance(step, Park):
                self.parked.append(step.reason)
                assert step.until is not None
                self.now = step.until
                continue
            assert step is None
            self.progress = without_vanished(self.fleet, self.progress)
            assert check_whole_set(self.fleet, limits, ErrorCode.UNHEALTHY_DURING, "web", waived)[1] is None
            self.progress = enrolled_anew(self.fleet, self.progress, self.plan, StartedBy.USER)
            batch = select_batch(self.fleet, self.progress, self.plan, begun, self.at_most)
            if not batch.ids:
                break
            self.progress = self.progress.model_copy(update={"canary_batches": batch.canary_batches})
            self.batches.append((batch.ids, self.now, gate_of(known)))
            self.settle(batch.ids)
            begun, takes = begun + 1, THREE
            self.now += THREE
            assert judge(self.fleet, self.progress, limits, "web").breach is None
            left = self.progress.of(Outcome.PENDING)
            self.now += bake_after(
                self.plan.rollout, batch=begun, canary_batches=batch.canary_batches, is_last=not left
            )
            self.now += self.plan.policy.pause_time_between_batches if left else timedelta(0)
        return self

    def settle(self, ids: InstanceIds) -> None:
        views = []
        for one in self.fleet.views:
            if one.instance_id in ids:
                outcome = Outcome.STOPPED if one.standing is Standing.STOPPED else Outcome.UPGRADED
                self.progress = self.progress.moved(InstanceIds.of([one.instance_id]), outcome)
                views.append(replace(one, health=replace(one.health, state=HealthState.HEALTHY)))
            else:
                views.append(one)
        self.fleet = look(*views)


@given(sets(), st.sampled_from([None, None, 1, 3]))
@settings(max_examples=80, deadline=None)
def test_c3_w4_a_plans_batches_are_those_that_the_upgrade_takes(
    scene: tuple[Look, UpgradePlan], at_most: int | None
) -> None:
    fleet, pinned = scene
    upgrade = Upgrade(fleet, pinned, at_most=at_most).run()
    planned = simulate(fleet, pinned, situation(at_most=at_most))
    assert [(one.ids, one.begins, one.gate) for one in planned.batches] == upgrade.batches
    assert bool(planned.stop) is upgrade.breach
    assert [one.waits for one in planned.batches if one.waits] == upgrade.parked
    assert [one.number for one in planned.batches] == list(range(1, len(upgrade.batches) + 1))
    if not upgrade.breach:
        assert planned.progress == upgrade.progress
        assert planned.ends == (upgrade.now if upgrade.batches else None)
    assert not planned.left


@given(sets(), st.integers(1, 5))
@settings(max_examples=30, deadline=None)
def test_c6_c3_from_the_middle_the_rest_is_what_was_planned(scene: tuple[Look, UpgradePlan], done: int) -> None:
    """What a running upgrade has before it is the end of what was planned before it began."""
    fleet, pinned = scene
    whole = simulate(fleet, pinned, situation())
    if whole.stop or len(whole.batches) <= done:
        return
    upgrade = Upgrade(fleet, pinned)
    upgrade.progress = enrol(fleet, pinned, StartedBy.USER)
    for begun in range(done):
        batch = select_batch(upgrade.fleet, upgrade.progress, pinned, begun)
        upgrade.progress = upgrade.progress.model_copy(update={"canary_batches": batch.canary_batches})
        upgrade.settle(batch.ids)
    rest = whole.batches[done:]
    middle = situation(now=rest[0].begins, progress=upgrade.progress, begun=done)
    again = simulate(upgrade.fleet, pinned, middle)
    assert [(one.number, one.ids, one.begins) for one in again.batches] == [
        (one.number, one.ids, one.begins) for one in rest
    ]


def test_c3_p2_a_sick_set_stops_it_and_waived_it_rolls_forward_in_ones() -> None:
    fleet = look(*(view(number, HealthState.UNHEALTHY if number < 5 else HealthState.HEALTHY) for number in range(10)))
    stopped = simulate(fleet, plan(), situation())
    assert (stopped.batches, stopped.stop) == ((), "stopped: 5 of 10 instances unhealthy (50 %), limit 20 %")
    waived = plan().model_copy(update={"wishes": StartWishes(override=(Limit.UNHEALTHY_SET,))})
    sizes = [len(one.ids) for one in simulate(fleet, waived, situation()).batches]
    assert sizes[:3] == [1, 1, 1], "B2: more than the share is out"
    assert sum(sizes) == 10


def test_c3_p2a_machines_that_boot_are_healthy_by_then() -> None:
    booting = [replace(view(number, HealthState.UNKNOWN), boots=True) for number in range(10)]
    assert [len(one.ids) for one in simulate(look(*booting), plan(), situation()).batches] == [2] * 5


def test_c3_w3_where_no_window_is_long_enough_it_says_so() -> None:
    # Long enough for a batch at the pace of the last upgrade, not for one that takes its whole health wait (W3).
    short = RolloutPolicy(windows=[{"from": "01:00", "to": "01:04", "timeZone": "UTC"}])
    pinned = plan().model_copy(update={"rollout": short})
    planned = simulate(look(view(0), view(1)), pinned, situation())
    assert planned.batches == ()
    assert planned.left.ranges == "0-1"
    assert "none of its windows within a year is as long" in planned.stop
    found = obstacles(Stands(), StartWishes(), (), Asked("2.0.0"), planned)
    assert [(one.what, one.override, one.stops) for one in found] == [("window", "window", False)]


def test_c3_a_large_set_in_small_batches_is_told_in_part() -> None:
    """The work of it is bounded: a request waits for it."""
    assert [batches_at_most(machines) for machines in (0, 100, 2_500, 5_000, 10_000, 10**6)] == [
        200,
        200,
        200,
        100,
        50,
        20,
    ]
    pinned = plan().model_copy(update={"rollout": RolloutPolicy(waves=(1, 2))})
    planned = simulate(look(*(view(number) for number in range(450))), pinned, situation())
    assert len(planned.batches) == 200
    assert len(planned.left) == 450 - 1 - 2 * 199
    assert planned.more == 26
    assert not planned.stop


def test_c3_every_obstacle_is_told_with_the_override_that_helps() -> None:
    held = Wishes(
        pause=Pause(reason="full", by="ann", since=NOON),
        holds=(Hold(name="freeze", scope="/", reason="no", by="bob", since=NOON),),
    )
    sick = look(view(0, HealthState.UNHEALTHY))
    stands = Stands(wishes=held, running=4, held="records are behind")
    asked = Asked("2.0.0", "version 2.0.0 is quarantined", quarantined=True)
    found = obstacles(stands, StartWishes(), ("not eligible",), asked, simulate(sick, plan(), situation()))
    assert [(one.what, one.override) for one in found] == [
        ("eligibility", ""), ("upgrade", ""), ("records", ""), ("hold", "hold"), ("pause", ""),
        ("quarantine", "quarantine"), ("unhealthySet", "unhealthySet"),
    ]  # fmt: skip
    assert all(one.stops for one in found)
    waits = plan().model_copy(
        update={
            "rollout": RolloutPolicy(approval="first", windows=[{"from": "01:00", "to": "03:00", "timeZone": "UTC"}])
        }
    )
    simulation = simulate(look(view(0)), waits, situation())
    found = obstacles(Stands(wishes=held), StartWishes(override=(Limit.HOLD,)), (), Asked("2.0.0"), simulation)
    assert [(one.what, one.stops) for one in found] == [("pause", True), ("approval", False), ("window", False)]


def test_c3_the_pace_is_that_of_batches_that_came_to_a_verdict() -> None:
    def decided(sequence: int, minutes: float, action: str) -> Decision:
        at = NOON + timedelta(minutes=minutes)
        return Decision(sequence=sequence, at=at, batch=1, action=action, reason="r")

    decisions = [
        decided(1, 0, "started"), decided(2, 0, "batch"), decided(3, 2, "rollback"), decided(4, 4, "verdict"),
        decided(5, 30, "verdict"), decided(6, 60, "parked"), decided(7, 90, "batch"), decided(8, 92, "verdict"),
        decided(9, 93, "batch"),
    ]  # fmt: skip
    assert spans_of(decisions[::-1]) == [timedelta(minutes=4), timedelta(minutes=2)]
    assert pace_of(spans_of(decisions), [FIVE], FIVE).by is PaceBy.THIS_UPGRADE
    assert pace_of([], [THREE], FIVE) == PACE
    assert pace_of([], [], FIVE) == Pace(FIVE, FIVE, PaceBy.HEALTH_WAIT)


def test_c3_stopped_and_unfinished_ones_are_counted_as_in_an_upgrade() -> None:
    fleet = look(view(0, stopped=True), view(1), view(2, protected=True))
    planned = simulate(fleet, plan(), situation())
    assert planned.progress.of(Outcome.STOPPED).ranges == "0"
    assert planned.progress.of(Outcome.SKIPPED).ranges == "2"
    views: list[InstanceView] = list(fleet.views)
    assert views == list(fleet.views), "what was looked at stays as it was"


def test_c3_c6_g2_a_judge_stands_in_the_way_of_no_plan() -> None:
    judged = plan().model_copy(update={"rollout": RolloutPolicy.model_validate({"judges": JUDGES})})
    fleet = look(*(view(number) for number in range(10)))
    planned = simulate(fleet, judged, situation())
    assert (planned.stop, [len(one.ids) for one in planned.batches]) == ("", [2] * 5)
    assert [one.waits for one in planned.batches] == [""] * 5


def test_c3_g3_the_gate_after_canaries_in_several_batches_is_one() -> None:
    policy = {"canary": {"instances": ("0", "1", "2")}, "waves": (1,), "approval": "afterCanary"}
    gated = plan().model_copy(update={"rollout": RolloutPolicy.model_validate(policy)})
    fleet = look(*(view(number) for number in range(10)))
    planned = simulate(fleet, gated, situation(at_most=1)).batches
    assert [one.number for one in planned if one.gate] == [4]
