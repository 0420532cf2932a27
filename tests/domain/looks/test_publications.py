"""Who looks when once something was published (docs/rules.md T2, W5)."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from instar.domain.looks.publications import Follower, ring_of, spread
from instar.domain.steering.rings.plans import RingPlan

NOON = datetime(2026, 12, 1, 12, tzinfo=UTC)
FIVE = timedelta(minutes=5)
PLAN = RingPlan.model_validate({"rings": [{"tag": {"name": "ring", "value": str(one)}} for one in range(3)]})
ODD = "/subscriptions/s/resourceGroups/g/providers/Microsoft.Compute/virtualMachineScaleSets/odd"
OTHER = RingPlan.model_validate({"rings": [{"sets": [f"{ODD}-none"]}, {"sets": [ODD]}]})

followers = st.lists(
    st.builds(
        Follower,
        unique_id=st.uuids().map(str),
        resource_id=st.sampled_from(["/web", ODD]),
        within=st.just(FIVE),
        tags=st.sampled_from([{}, {"ring": "0"}, {"Ring": "1"}, {"ring": "2"}, {"ring": "9"}]),
    ),
    max_size=30,
    unique_by=lambda one: one.unique_id,
)


@given(followers)
def test_w5_t2_all_look_within_their_five_minutes_in_the_order_of_their_rings(sets: list[Follower]) -> None:
    moments = spread(sets, [PLAN, OTHER], NOON)
    assert sorted(one for one, _ in moments) == sorted(one.unique_id for one in sets)
    assert all(NOON <= moment < NOON + FIVE for _, moment in moments)
    rings = {one.unique_id: ring_of(one, [PLAN, OTHER]) for one in sets}
    told = [rings[unique_id] for unique_id, _ in sorted(moments, key=lambda one: one[1])]
    assert told == sorted(told)


@given(followers)
def test_t2_it_is_spread_evenly_and_the_same_in_whichever_order_it_is_asked(sets: list[Follower]) -> None:
    moments = spread(sets, [PLAN], NOON)
    assert moments == spread(reversed(sets), [PLAN], NOON)
    assert [moment for _, moment in moments] == [NOON + FIVE * (index / len(sets)) for index in range(len(sets))]


def test_w5_a_set_of_several_rings_comes_with_the_last_and_one_of_none_after_all() -> None:
    of_both = Follower("u", ODD, FIVE, {"ring": "0"})
    assert ring_of(of_both, [PLAN]) == 0
    assert ring_of(of_both, [PLAN, OTHER]) == 1
    assert ring_of(Follower("u", "/web", FIVE), [PLAN, OTHER]) == float("inf")
