"""Who goes when a set becomes smaller (docs/rules.md P16)."""

from collections import Counter
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from instar.domain.machines.instances import Instance
from instar.domain.machines.scale_in import ScaleInRule, leaving
from instar.domain.sets.scale_sets import ScaleSetModel
from tests.support.looks import NOON

DEFAULT, NEWEST, OLDEST = ScaleInRule
ZONES = ("", "1", "2", "3")


def machine(number: int, *, zone: str = "", age: int = 0, **facts: Any) -> Instance:
    """`age` in hours."""
    return Instance(str(number), "v", None, 1, zone=zone, created_at=NOON - timedelta(hours=age), **facts)


@pytest.mark.parametrize(
    ("rule", "expected"),
    [(DEFAULT, ("10", "9")), (NEWEST, ("1", "10")), (OLDEST, ("2", "9"))],
)
def test_p16_without_zones_the_rule_decides(rule: ScaleInRule, expected: tuple[str, ...]) -> None:
    there = [machine(1, age=0), machine(2, age=9), machine(9, age=8), machine(10, age=1)]
    assert leaving(there, 2, rule) == expected


def test_p16_of_the_same_age_the_highest_id_is_the_newest() -> None:
    there = [machine(n) for n in (2, 10, 9)]
    assert leaving(there, 1, NEWEST) == ("10",)
    assert leaving(there, 1, OLDEST) == ("2",)


@pytest.mark.parametrize("rule", ScaleInRule)
def test_p16_the_fullest_zone_gives_first_whatever_the_rule(rule: ScaleInRule) -> None:
    there = [machine(0, zone="1", age=9), machine(1, zone="2"), machine(2, zone="2"), machine(9, zone="3")]
    [one] = leaving(there, 1, rule)
    assert one in ("1", "2")


def test_p16_the_fullest_is_looked_for_anew_for_each() -> None:
    there = [machine(n, zone="1" if n < 3 else "2") for n in range(5)]
    assert leaving(there, 3) == ("2", "4", "1")


def test_p16_of_equally_full_zones_the_rule_decides() -> None:
    there = [machine(0, zone="2", age=3), machine(1, zone="1", age=1), machine(2, zone="3", age=2)]
    assert leaving(there, 3) == ("2", "1", "0")
    assert leaving(there, 3, NEWEST) == ("1", "2", "0")
    assert leaving(there, 3, OLDEST) == ("0", "2", "1")


@pytest.mark.parametrize("protection", ["protected", "protected_from_scale_in"])
def test_p16_protected_instances_never_go(protection: str) -> None:
    kept: dict[str, Any] = {protection: True}
    there = [machine(0), machine(1, **kept), machine(2, **kept)]
    assert leaving(there, 3) == ("0",)


def test_p16_protected_instances_count_in_their_zone() -> None:
    there = [machine(n, zone="1", protected_from_scale_in=n < 3) for n in range(4)] + [machine(9, zone="2")]
    assert leaving(there, 2) == ("3", "9")


@given(
    st.lists(st.tuples(st.sampled_from(ZONES), st.integers(0, 9), st.booleans()), max_size=40),
    st.integers(0, 50),
    st.sampled_from(ScaleInRule),
)
def test_p16_zones_end_as_even_as_protection_allows(
    made: list[tuple[str, int, bool]], count: int, rule: ScaleInRule
) -> None:
    there = [machine(n, zone=zone, age=age, protected=kept) for n, (zone, age, kept) in enumerate(made)]
    gone = leaving(there, count, rule)
    by_id = {one.instance_id: one for one in there}
    assert len(set(gone)) == len(gone) == min(count, sum(not one.protected for one in there))
    assert not any(by_id[one].protected for one in gone)
    left = Counter(one.zone for one in there if one.instance_id not in gone)
    free = Counter(one.zone for one in there if one.instance_id not in gone and not one.protected)
    for zone in {by_id[one].zone for one in gone}:
        assert all(left[zone] + 1 >= left[other] for other in free), "a fuller zone had one to give"


def model(rules: object) -> ScaleSetModel:
    return ScaleSetModel.from_arm({"properties": {"scaleInPolicy": {"rules": rules}}}, 1)


@pytest.mark.parametrize(
    ("rules", "expected"),
    [(None, DEFAULT), ([], DEFAULT), (["Default"], DEFAULT), (["newestvm"], NEWEST), (["OldestVM"], OLDEST)],
)
def test_p16_the_rule_is_read_from_the_model(rules: object, expected: ScaleInRule) -> None:
    assert model(rules).scale_in is expected


@pytest.mark.parametrize("rules", [["Random"], ["Default", "OldestVM"], "Default", [None], 7, {"a": 1}])
def test_p16_a_rule_that_does_not_exist_is_refused(rules: object) -> None:
    with pytest.raises(ValueError, match="must be a list of one of Default, NewestVM, OldestVM"):
        model(rules)
