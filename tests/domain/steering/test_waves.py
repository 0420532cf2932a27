"""How large batches are by a wave plan, who is the canary, and how long is baked after which batch."""

from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from instar.domain.decisions.batching import Batch, select_batch
from instar.domain.decisions.enrolment import enrol
from instar.domain.machines.instance_ids import InstanceIds
from instar.domain.machines.instances import HealthState, InstanceView
from instar.domain.records.progress import Outcome
from instar.domain.records.upgrade_plan import UpgradePlan
from instar.domain.sets.policies import RollingUpgradePolicy, StartedBy
from instar.domain.steering.bakes import bake_after
from instar.domain.steering.rollout_policy import RolloutPolicy
from instar.domain.steering.waves import size_of_batch
from tests.support.looks import look, plan, view


def rolled_out(policy: RolloutPolicy | None, share: int = 20, **more: bool) -> UpgradePlan:
    limits = RollingUpgradePolicy(max_batch_instance_percent=share, max_unhealthy_instance_percent=max(share, 20))
    return plan(limits, **more).model_copy(update={"rollout": policy})


def batches(views: list[InstanceView], the_plan: UpgradePlan, *, asked_twice: bool = False) -> list[Batch]:
    """Every batch of an upgrade in which all goes well."""
    progress, found = enrol(look(*views), the_plan, StartedBy.USER), list[Batch]()
    while True:
        batch = select_batch(look(*views), progress, the_plan, len(found))
        progress = progress.model_copy(update={"canary_batches": batch.canary_batches})
        if asked_twice:
            assert select_batch(look(*views), progress, the_plan, len(found)) == batch
        if not batch.ids:
            return found
        found.append(batch)
        progress = progress.moved(batch.ids, Outcome.UPGRADED)


def sizes(views: list[InstanceView], the_plan: UpgradePlan) -> list[int]:
    return [len(batch.ids) for batch in batches(views, the_plan)]


def machines(count: int) -> list[InstanceView]:
    return [view(number) for number in range(count)]


def test_w1_waves_are_the_sizes_of_the_first_batches_and_the_last_one_repeats() -> None:
    assert sizes(machines(100), rolled_out(RolloutPolicy(waves=(1, "5%", 10)))) == [1, 5, *[10] * 9, 4]
    assert sizes(machines(100), rolled_out(RolloutPolicy(waves=("20%",)))) == [20] * 5
    assert size_of_batch(["19%"], 1, 10) == 1
    assert size_of_batch(["1%"], 7, 3) == 1


def test_w1_b1_a_wave_is_never_larger_than_the_share() -> None:
    assert sizes(machines(100), rolled_out(RolloutPolicy(waves=(50, "100%")))) == [20] * 5
    assert sizes(machines(100), rolled_out(RolloutPolicy(waves=(50, 3)))) == [20, *[3] * 26, 2]


def test_w1_b2_machines_that_are_out_make_a_wave_smaller() -> None:
    views = [*machines(97), *(view(number, HealthState.UNHEALTHY, protected=True) for number in range(97, 100))]
    assert sizes(views, rolled_out(RolloutPolicy(waves=("19%",))))[0] == 17
    assert sizes(views, rolled_out(RolloutPolicy(waves=("5%",))))[0] == 5


def test_w1_without_a_policy_or_without_waves_nothing_changes() -> None:
    before = batches(machines(37), rolled_out(None))
    assert batches(machines(37), rolled_out(RolloutPolicy(bake=timedelta(minutes=1)))) == before
    assert before[0].reason == (
        "7 of 37 waiting instances: at most 7 of 37 (20 %) may be out of service, 0 already are"
    )


def test_w1_the_canary_is_the_first_batch_of_those_named_that_exist_and_are_due() -> None:
    policy = RolloutPolicy.model_validate({"canary": {"instances": ["7", "3", "99", "5"]}, "waves": [2, 4]})
    views = [*machines(5), view(5, version="2.0.0"), *machines(20)[6:]]
    found = batches(views, rolled_out(policy))
    assert [batch.ids.ranges for batch in found][:3] == ["3,7", "0-1", "2,4,6,8"]
    assert found[0].reason.startswith("canary: 2 of 2 waiting instances")
    assert found[1].reason.startswith("wave 1: 2 of 17 waiting instances")
    assert found[1].reason.endswith("; the wave is of 2")


def test_w1_canaries_that_nobody_has_are_no_batch() -> None:
    policy = RolloutPolicy.model_validate({"canary": {"instances": ["99"]}, "waves": [2, 4]})
    assert sizes(machines(20), rolled_out(policy)) == [2, 4, 4, 4, 4, 2]


def test_w1_b4_canaries_in_three_zones_are_three_batches_and_the_waves_follow() -> None:
    policy = RolloutPolicy.model_validate({"canary": {"instances": ["0", "10", "20"]}, "waves": [1, 2]})
    views = [view(number, zone=str(number // 10 + 1)) for number in range(30)]
    found = [batch.ids.ranges for batch in batches(views, rolled_out(policy))]
    assert found[:5] == ["0", "10", "20", "1", "2-3"]


def test_w1_b1_canaries_beyond_the_share_are_several_batches() -> None:
    policy = RolloutPolicy.model_validate({"canary": {"instances": ["1", "2", "3", "4", "5"]}, "waves": [1, 2]})
    found = [batch.ids.ranges for batch in batches(machines(10), rolled_out(policy))]
    assert found == ["1-2", "3-4", "5", "0", "6-7", "8-9"]


def test_w1_b5_canaries_come_before_any_phase() -> None:
    policy = RolloutPolicy.model_validate({"canary": {"instances": ["9"]}})
    views = [view(number, phase=number) for number in range(10)]
    found = [batch.ids.ranges for batch in batches(views, rolled_out(policy))]
    assert found[:3] == ["9", "0", "1"]


def test_w1_one_that_is_asked_twice_before_its_batch_gets_the_same_answer() -> None:
    policy = RolloutPolicy.model_validate({"canary": {"instances": ["1", "2", "3"]}, "waves": [1, 2]})
    for share in (10, 20, 50):
        the_plan = rolled_out(policy, share)
        assert batches(machines(10), the_plan, asked_twice=True) == batches(machines(10), the_plan)


def test_w1_canaries_that_vanish_before_their_batch_leave_the_first_wave_to_others() -> None:
    policy = RolloutPolicy.model_validate({"canary": {"instances": ["1"]}, "waves": [1, 2]})
    the_plan, views = rolled_out(policy), machines(10)
    progress = enrol(look(*views), the_plan, StartedBy.USER)
    canary = select_batch(look(*views), progress, the_plan, 0)
    assert (canary.ids.ranges, canary.canary_batches) == ("1", 1)
    counted = progress.model_copy(update={"canary_batches": 1}).moved(InstanceIds(ranges="1"), Outcome.VANISHED)
    again = select_batch(look(*views[:1], *views[2:]), counted, the_plan, 0)
    assert (again.ids.ranges, again.canary_batches) == ("0", 0)


WAVES = st.lists(st.integers(1, 30) | st.integers(1, 100).map(lambda percent: f"{percent}%"), max_size=5).map(tuple)


@settings(deadline=None)
@given(
    count=st.integers(1, 60),
    waves=WAVES,
    canaries=st.lists(st.integers(0, 70).map(str), unique=True, min_size=1, max_size=5),
    zones=st.integers(1, 3),
    share=st.integers(5, 100),
)
def test_w1_b1_b2_no_policy_makes_a_batch_larger_or_leaves_anybody_out(
    count: int, waves: tuple[int | str, ...], canaries: list[str], zones: int, share: int
) -> None:
    views = [view(number, zone=str(number % zones + 1)) for number in range(count)]
    policy = RolloutPolicy.model_validate({"waves": waves, "canary": {"instances": canaries}})
    found = batches(views, rolled_out(policy, share))
    assert sorted(int(one) for batch in found for one in batch.ids) == list(range(count))
    named = [one for one in canaries if int(one) < count]
    zone_of = {one.instance_id: one.instance.zone for one in views}
    for number, batch in enumerate(found, start=1):
        [zone] = {zone_of[one] for one in batch.ids}
        of_zone = [one for one in zone_of.values() if one == zone]
        assert len(batch.ids) <= max(1, len(of_zone) * share // 100)
        if number <= found[-1].canary_batches:
            assert all(one in named for one in batch.ids)
        elif waves:
            assert len(batch.ids) <= (size_of_batch(waves, number - found[-1].canary_batches, count) or 0)
    assert {one for batch in found[: found[-1].canary_batches] for one in batch.ids} == set(named)


@pytest.mark.parametrize(
    ("policy", "batch", "canaries", "last", "minutes"),
    [
        (None, 1, 0, False, 0),
        ({}, 1, 0, True, 0),
        ({"bake": "PT10M"}, 1, 0, False, 10),
        ({"bake": "PT10M", "finalBake": "PT5M"}, 3, 0, True, 10),
        ({"bake": "PT10M", "finalBake": "PT30M"}, 3, 0, True, 30),
        ({"canary": {"bake": "PT60M"}, "bake": "PT10M"}, 1, 0, False, 60),
        ({"canary": {"bake": "PT60M"}, "bake": "PT10M"}, 2, 0, False, 10),
        ({"canary": {"instances": ["1"], "bake": "PT60M"}, "bake": "PT10M"}, 2, 2, False, 60),
        ({"canary": {"instances": ["1"], "bake": "PT60M"}, "bake": "PT10M"}, 3, 2, False, 10),
        ({"canary": {"instances": ["1"], "bake": "PT60M"}, "bake": "PT10M"}, 1, 0, False, 10),
        ({"canary": {"instances": ["1"]}, "finalBake": "PT30M"}, 1, 1, True, 30),
    ],
)
def test_w2_the_longest_bake_that_is_meant_for_a_batch_is_its(
    policy: dict[str, object] | None, batch: int, canaries: int, last: bool, minutes: int
) -> None:
    model = None if policy is None else RolloutPolicy.model_validate(policy)
    found = bake_after(model, batch=batch, canary_batches=canaries, is_last=last)
    assert found == timedelta(minutes=minutes)
