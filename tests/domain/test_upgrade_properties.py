"""Any upgrade of any set, decided by the real functions on a toy fleet: the bound of B2 holds at every moment."""

from dataclasses import dataclass, replace
from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st

from domain.batching import enrol, select_batch, share
from domain.instance_ids import InstanceIds
from domain.instances import HealthState, InstanceView, Standing
from domain.policies import RollingUpgradePolicy, StartedBy
from domain.progress import Outcome
from domain.records import ErrorCode
from domain.verdicts import check_whole_set, judge, without_vanished
from tests.support.looks import look, plan, view

SMALL = 60
"""Sets up to this size are followed to their end."""

BATCHES_OF_A_LARGE_SET = 25
"""A sick set of 2,000 takes 2,000 batches of one; the first ones show what the others would."""


@dataclass(frozen=True)
class Scene:
    """A set and its fate."""

    size: int
    policy: RollingUpgradePolicy
    sick: float
    stopped: float
    protected: float
    fails: float
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
    )
    share_of = st.sampled_from([0.0, 0.0, 0.02, 0.1, 0.3])
    return Scene(
        size=draw(st.one_of(st.integers(1, 40), st.integers(1, 300), st.sampled_from([1000, 2000]))),
        policy=policy,
        sick=draw(share_of),
        stopped=draw(share_of),
        protected=draw(share_of),
        fails=draw(share_of),
        comes_and_goes=draw(st.integers(0, 2)),
        seed=draw(st.integers(0, 2**32)),
    )


@given(scenes())
@settings(max_examples=60, deadline=None)
def test_b2_never_more_out_than_the_share_or_one_more_than_already_and_each_is_decided_once(scene: Scene) -> None:
    chance = Random(scene.seed)
    fleet: dict[str, InstanceView] = {}
    for number in range(scene.size):
        state = HealthState.UNHEALTHY if chance.random() < scene.sick else HealthState.HEALTHY
        stopped, protected = chance.random() < scene.stopped, chance.random() < scene.protected
        fleet[str(number)] = view(number, state, stopped=stopped, protected=protected)
    the_plan = plan(scene.policy)
    progress = enrol(look(*fleet.values()), the_plan, StartedBy.USER)
    members = progress.of(*Outcome)
    swapped: dict[str, int] = {}
    for _ in range(2 * scene.size + 5 if scene.size <= SMALL else BATCHES_OF_A_LARGE_SET):
        for _ in range(scene.comes_and_goes):
            fleet.pop(chance.choice(sorted(fleet)), None) if len(fleet) > 1 else None
            fresh = scene.size + len(swapped) + chance.randrange(10**6)
            fleet[str(fresh)] = view(fresh, version="2.0.0")
        now = look(*fleet.values())
        progress = without_vanished(now, progress)
        if check_whole_set(now, scene.policy, ErrorCode.UNHEALTHY_DURING, "web")[1]:
            break
        batch = select_batch(now, progress.of(Outcome.PENDING), scene.policy)
        if not batch.ids:
            break
        out = {one.instance_id for one in now.views if one.standing is not Standing.HEALTHY}
        limit = max(share(len(fleet), scene.policy.max_batch_instance_percent), len(out) + 1)
        assert len(out | set(batch.ids)) <= limit
        came_to: dict[Outcome, list[str]] = {}
        for one in batch.ids:
            swapped[one] = swapped.get(one, 0) + 1
            fails = chance.random() < scene.fails
            state = HealthState.UNHEALTHY if fails else HealthState.HEALTHY
            was = fleet[one]
            fleet[one] = replace(was, health=replace(was.health, state=state))
            outcome = Outcome.FAILED if fails else Outcome.UPGRADED
            if was.standing is Standing.STOPPED:
                outcome = Outcome.STOPPED
            came_to.setdefault(outcome, []).append(one)
        for outcome, ids in came_to.items():
            progress = progress.moved(InstanceIds.of(ids), outcome)
        verdict = judge(look(*fleet.values()), progress, scene.policy, "web")
        progress = verdict.progress
        if verdict.breach:
            break
    else:
        assert scene.size > SMALL, "the upgrade does not come to an end"
    assert all(times == 1 for times in swapped.values())
    assert not InstanceIds.of(swapped) - members
    assert sum(len(ids) for ids in progress.outcomes.values()) == len(members), "every member has exactly one outcome"
