"""Where new instances go."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from instar.domain.machines.instances import Instance
from instar.domain.machines.placement import UPDATE_DOMAINS, Placement, placements

ZONES = ("1", "2", "3")


def machine(number: int, zone: str = "", update_domain: int = 0) -> Instance:
    return Instance(str(number), "v", None, 1, zone=zone, update_domain=update_domain)


def test_b4_new_instances_go_round_the_zones() -> None:
    assert [one.zone for one in placements([], ZONES, 7)] == ["1", "2", "3", "1", "2", "3", "1"]


def test_b4_what_is_there_counts() -> None:
    there = [machine(0, "1"), machine(1, "1"), machine(2, "2")]
    assert [one.zone for one in placements(there, ZONES, 3)] == ["3", "2", "3"]


def test_b4_a_set_without_zones_has_none() -> None:
    assert {one.zone for one in placements([], (), 3)} == {""}


def test_b4_a_zone_that_the_model_no_longer_names_gets_no_more() -> None:
    assert {one.zone for one in placements([machine(0, "9")], ("1", "2"), 4)} == {"1", "2"}


def test_b7_update_domains_go_round_within_each_zone_and_gaps_are_filled() -> None:
    assert [one.update_domain for one in placements([], (), 7)] == [0, 1, 2, 3, 4, 0, 1]
    assert [one.update_domain for one in placements([], ("1", "2"), 6)] == [0, 0, 1, 1, 2, 2]
    there = [machine(n, update_domain=n) for n in (0, 1, 3, 4)]
    assert placements(there, (), 1) == (Placement("", 2),)


@given(st.lists(st.sampled_from(ZONES), max_size=30), st.integers(0, 60), st.sampled_from([(), ("1",), ZONES]))
def test_b4_b7_whatever_is_there_the_emptiest_is_filled_first(
    there: list[str], count: int, zones: tuple[str, ...]
) -> None:
    machines = [machine(number, zone) for number, zone in enumerate(there)]
    places = placements(machines, zones, count)
    assert len(places) == count
    assert all(one.zone in (zones or ("",)) and one.update_domain in range(UPDATE_DOMAINS) for one in places)
    in_zone = Counter({zone: there.count(zone) for zone in zones or ("",)})
    for place in places:
        assert in_zone[place.zone] == min(in_zone.values())
        in_zone[place.zone] += 1


@pytest.mark.parametrize("split", [0, 1, 4, 9])
def test_f2_done_in_two_goes_it_comes_to_the_same(split: int) -> None:
    first = placements([], ZONES, split)
    there = [machine(number, one.zone, one.update_domain) for number, one in enumerate(first)]
    assert first + placements(there, ZONES, 9 - split) == placements([], ZONES, 9)
