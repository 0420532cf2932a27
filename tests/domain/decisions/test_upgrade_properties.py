"""Any upgrade of any set, decided by the real functions on a toy fleet: B2, B4, B5 and B7 hold at every moment.

What must hold is worked out here a second time, from the views alone and without the order's own code.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st

from instar.domain.decisions.batching import select_batch
from instar.domain.decisions.enrolment import enrol, enrolled_anew
from instar.domain.decisions.verdicts import check_whole_set, judge, without_vanished
from instar.domain.machines.instance_ids import InstanceIds
from instar.domain.machines.instances import HealthState, InstanceView, Standing
from instar.domain.records.progress import Outcome, Progress
from instar.domain.records.upgrade_plan import UpgradePlan
from instar.domain.records.upgrades import ErrorCode
from instar.domain.sets.policies import RollingUpgradePolicy, StartedBy
from tests.support.looks import look, plan, view

SMALL = 60
"""Sets up to this size are followed to their end."""

BATCHES_OF_A_LARGE_SET = 25
"""A sick set of 2,000 takes 2,000 batches of one; the first ones show what the others would."""

LAST_PHASE = 10**9
PHASES = (None, None, 0, 1, 7)


@dataclass(frozen=True)
class Scene:
    """A set and its fate. Parts of one: how likely each instance is sick, stopped, …"""

    size: int
    plan: UpgradePlan
    zones: int
    phased: bool
    sick: float
    stopped: float
    protected: float
    skips: float
    fails: float
    unrest: float
    comes_and_goes: int
    seed: int


@st.composite
def scenes(draw: st.DrawFn) -> Scene:
    unhealthy = draw(st.integers(5, 100))
    policy = RollingUpgradePolicy(
        max_batch_instance_percent=draw(st.integers(5, unhealthy)),
        max_unhealthy_instance_percent=unhealthy,
        max_unhealthy_upgraded_instance_percent=draw(st.integers(0, 100)),
        prioritize_unhealthy_instances=draw(st.booleans()),
        enable_cross_zone_upgrade=draw(st.booleans()),
    )
    share_of = st.sampled_from([0.0, 0.0, 0.02, 0.1, 0.3])
    return Scene(
        size=draw(st.one_of(st.integers(1, 40), st.integers(1, 300), st.sampled_from([1000, 2000]))),
        plan=plan(policy, by_update_domain=draw(st.booleans())),
        zones=draw(st.sampled_from([0, 0, 1, 2, 3, 11])),
        phased=draw(st.booleans()),
        sick=draw(share_of),
        stopped=draw(share_of),
        protected=draw(share_of),
        skips=draw(share_of),
        fails=draw(share_of),
        unrest=draw(st.sampled_from([0.0, 0.0, 0.01, 0.05])),
        comes_and_goes=draw(st.integers(0, 2)),
        seed=draw(st.integers(0, 2**32)),
    )


@dataclass
class Run:
    """One upgrade of one scene, and what the test knows of it."""

    scene: Scene
    chance: Random = field(init=False)
    fleet: dict[str, InstanceView] = field(default_factory=dict)
    progress: Progress = field(default_factory=Progress)
    phase_at_start: dict[str, int] = field(default_factory=dict)
    swapped: list[str] = field(default_factory=list)
    turns: list[tuple[int, int, int]] = field(default_factory=list)
    """Phase, zone, update domain of each batch."""

    def __post_init__(self) -> None:
        self.chance = Random(self.scene.seed)
        for number in range(self.scene.size):
            self.fleet[str(number)] = self.newcomer(number)
        for one in self.fleet.values():
            phase = one.health.phase if one.standing is Standing.HEALTHY else None
            self.phase_at_start[one.instance_id] = LAST_PHASE if phase is None else phase
        self.progress = enrol(look(*self.fleet.values()), self.scene.plan, StartedBy.USER)

    def is_so(self, likely: float) -> bool:
        return self.chance.random() < likely

    def newcomer(self, number: int, version: str = "1.0.0") -> InstanceView:
        scene = self.scene
        return view(
            number,
            HealthState.UNHEALTHY if self.is_so(scene.sick) else HealthState.HEALTHY,
            stopped=self.is_so(scene.stopped),
            protected=self.is_so(scene.protected),
            version=version,
            zone=str(self.chance.randrange(scene.zones) + 1) if scene.zones else "",
            update_domain=self.chance.randrange(5),
            phase=self.chance.choice(PHASES) if scene.phased else None,
            skip=self.is_so(scene.skips),
        )

    def time_passes(self) -> None:
        """Between two looks: arrivals, departures, sickness, protection, and custom metrics that say something else."""
        for _ in range(self.scene.comes_and_goes):
            if len(self.fleet) > 1:
                del self.fleet[self.chance.choice(list(self.fleet))]
            fresh = 10**6 + self.chance.randrange(10**9)
            self.fleet[str(fresh)] = self.newcomer(fresh, version="2.0.0")
        for one in [one for one in self.fleet if self.is_so(self.scene.unrest)]:
            was = self.fleet[one]
            self.fleet[one] = self.newcomer(
                int(one), was.instance.os_disk.image.version if was.instance.os_disk else ""
            )
            moved = replace(self.fleet[one].instance, zone=was.instance.zone, update_domain=was.instance.update_domain)
            self.fleet[one] = replace(self.fleet[one], instance=moved)

    def turn_of(self, one: InstanceView) -> tuple[int, int, int]:
        zoned = self.scene.zones and not self.scene.plan.policy.enable_cross_zone_upgrade
        return (
            self.phase_at_start[one.instance_id],
            int(one.instance.zone) if zoned else 0,
            one.instance.update_domain if self.scene.plan.by_update_domain else 0,
        )

    def place_of(self, one: InstanceView) -> tuple[bool, int]:
        first = self.scene.plan.policy.prioritize_unhealthy_instances and one.standing is Standing.UNHEALTHY
        return (not first, int(one.instance_id))

    def check(self, pending: list[InstanceView], ids: Iterable[str]) -> None:
        """B5, B4, B7, B2 of one batch."""
        batch = [self.fleet[one] for one in ids]
        [turn] = {self.turn_of(one) for one in batch}
        assert turn == min(self.turn_of(one) for one in pending), "the one before it is not finished"
        self.turns.append(turn)
        waiting = sorted((one for one in pending if self.turn_of(one) == turn), key=self.place_of)
        assert {one.instance_id for one in waiting[: len(batch)]} == {one.instance_id for one in batch}
        counted = [one for one in self.fleet.values() if turn[1] in (0, int(one.instance.zone or 0))]
        out = {one.instance_id for one in counted if one.standing is not Standing.HEALTHY}
        share = max(1, len(counted) * self.scene.plan.policy.max_batch_instance_percent // 100)
        taken = {one.instance_id for one in batch}
        assert len(out | taken) <= max(share, len(out) + 1)
        for more in waiting[len(batch) : len(batch) + 1]:
            assert len(batch) == share or len(out | taken | {more.instance_id}) > share, "one more would have fitted"

    def settle(self, ids: InstanceIds) -> None:
        """The batch is swapped, and some of it fails."""
        came_to: dict[Outcome, list[str]] = {}
        for one in ids:
            self.swapped.append(one)
            fails = self.is_so(self.scene.fails)
            state = HealthState.UNHEALTHY if fails else HealthState.HEALTHY
            was = self.fleet[one]
            self.fleet[one] = replace(was, health=replace(was.health, state=state))
            outcome = Outcome.FAILED if fails else Outcome.UPGRADED
            if was.standing is Standing.STOPPED:
                outcome = Outcome.STOPPED
            came_to.setdefault(outcome, []).append(one)
        for outcome, some in came_to.items():
            self.progress = self.progress.moved(InstanceIds.of(some), outcome)

    def one_batch(self) -> bool:
        """Whether the upgrade goes on after it."""
        policy = self.scene.plan.policy
        now = look(*self.fleet.values())
        self.progress = without_vanished(now, self.progress)
        if check_whole_set(now, policy, ErrorCode.UNHEALTHY_DURING, "web")[1]:
            return False
        self.progress = enrolled_anew(now, self.progress, self.scene.plan, StartedBy.USER)
        pending = [self.fleet[one] for one in self.progress.of(Outcome.PENDING)]
        ids = select_batch(now, self.progress, self.scene.plan).ids
        if not ids:
            assert not pending
            return False
        self.check(pending, ids)
        self.settle(ids)
        verdict = judge(look(*self.fleet.values()), self.progress, policy, "web")
        self.progress = verdict.progress
        return not verdict.breach


@given(scenes())
@settings(max_examples=60, deadline=None)
def test_b2_b4_b5_b7_hold_at_every_moment_and_each_instance_is_decided_once(scene: Scene) -> None:
    run = Run(scene)
    members = run.progress.of(*Outcome)
    for _ in range(2 * scene.size + 5 if scene.size <= SMALL else BATCHES_OF_A_LARGE_SET):
        run.time_passes()
        if not run.one_batch():
            break
    else:
        assert scene.size > SMALL, "the upgrade does not come to an end"
    assert run.turns == sorted(run.turns), "a phase, zone or update domain was begun again"
    assert len(set(run.swapped)) == len(run.swapped)
    assert not InstanceIds.of(run.swapped) - members
    assert sum(len(ids) for ids in run.progress.outcomes.values()) == len(members), "each member has one outcome"
