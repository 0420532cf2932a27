"""Sets of ids are what Python's own sets are, in little space; nothing of what is remembered leaves the object."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from instar.domain.machines.instance_ids import InstanceIds
from instar.domain.records.progress import Outcome, Progress

NUMBERS = st.sets(st.integers(0, 40))


def ids(numbers: set[int]) -> InstanceIds:
    return InstanceIds.of(map(str, numbers))


@given(NUMBERS, NUMBERS)
def test_they_are_what_sets_are(one: set[int], other: set[int]) -> None:
    a, b = ids(one), ids(other)
    for found, wanted in ((a | b, one | other), (a - b, one - other), (a & b, one & other)):
        assert list(found.numbers()) == sorted(wanted)
        assert found == ids(wanted) == InstanceIds(ranges=found.ranges)
        assert len(found) == len(wanted)
        assert bool(found) is bool(wanted)
        assert len(list(found.spans())) == len([one for one in wanted if one - 1 not in wanted]), "neighbours are one"
    assert [number for number in range(-1, 42) if str(number) in a] == sorted(one)


@given(NUMBERS, st.integers(1, 12))
def test_slices_are_even_in_order_and_none_is_empty(numbers: set[int], at_most: int) -> None:
    parts = ids(numbers).slices(at_most)
    assert [number for part in parts for number in part.numbers()] == sorted(numbers)
    assert len(parts) == min(at_most, len(numbers))
    sizes = [len(part) for part in parts]
    assert not sizes or max(sizes) - min(sizes) <= 1
    assert all(part == InstanceIds(ranges=part.ranges) for part in parts)


@given(NUMBERS)
def test_what_is_remembered_is_no_part_of_them(numbers: set[int]) -> None:
    asked, fresh = ids(numbers), ids(numbers)
    assert ("3" in asked) is (3 in numbers)
    assert asked.bounds
    assert (asked, hash(asked)) == (fresh, hash(fresh))
    assert asked.model_dump_json() == fresh.model_dump_json() == f'{{"ranges":"{fresh.ranges}"}}'
    progress = Progress(outcomes={Outcome.PENDING: asked})
    assert Progress.model_validate_json(progress.model_dump_json()) == Progress(outcomes={Outcome.PENDING: fresh})


@pytest.mark.parametrize("ranges", ["3-1", "1,1", "2-4,4", "5,1", "a", "-1", "1--2"])
def test_nonsense_is_refused(ranges: str) -> None:
    with pytest.raises(ValidationError):
        InstanceIds(ranges=ranges)


def test_an_id_that_is_no_number_is_refused() -> None:
    with pytest.raises(ValueError, match="invalid literal"):
        InstanceIds.of(["web"])
