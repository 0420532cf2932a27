"""What is taken over from machines into old records (docs/rules.md F7)."""

from hypothesis import given
from hypothesis import strategies as st

from instar.domain.decisions.reconciliation import adoption
from instar.domain.images.images import ImageReference
from instar.domain.machines.instances import Instance, OsDisk
from instar.domain.messages.reconciliation import OperationOfDisks
from instar.domain.records.records_age import Known, records_behind

IMAGE = ImageReference(publisher="Canonical", offer="UbuntuServer", sku="18.04-LTS", version="18.04.1")
OLD = Known(generation=2, last_number=1, keys={1: "a"}, ids_up_to=2)


def machine(number: int, operation: int = 3, key: str = "c", generation: int = 4, *aside: str) -> Instance:
    kept = tuple(OsDisk(f"disk-{one}", IMAGE, replaced_by=one) for one in aside)
    return Instance(
        str(number),
        "vm",
        OsDisk("disk", IMAGE),
        generation=generation,
        last_operation=operation,
        last_key=key,
        previous_os_disks=kept,
    )


def test_f7_the_model_asks_for_as_many_as_there_are_as_a_new_generation_above_all_that_machines_have() -> None:
    found = adoption(OLD, 3, [machine(number) for number in range(5)], "web")
    assert (found.found_capacity, found.capacity) == (3, 5)
    assert (found.found_generation, found.generation) == (2, 5)
    assert (found.last_number, found.ids_up_to) == (3, 4)
    assert found.unknown_instances.ranges == "3-4"
    assert {number: ids.ranges for number, ids in found.unknown_operations.items()} == {3: "0-4"}
    assert {version: ids.ranges for version, ids in found.versions.items()} == {"18.04.1": "0-4"}
    assert found.changes


def test_f7_fewer_machines_than_the_model_says_lower_no_capacity_and_make_no_generation() -> None:
    found = adoption(OLD, 3, [machine(0, generation=2)], "web")
    assert (found.capacity, found.generation) == (3, 2)


def test_f7_operations_whose_disks_are_still_kept_are_named_with_their_keys() -> None:
    found = adoption(OLD, 1, [machine(0, 3, "c", 2, "u-1/3/c", "u-1/2"), machine(1, 3, "c", 2, "u-1/3/c")], "web")
    assert found.collect == (OperationOfDisks(number=2), OperationOfDisks(number=3, key="c"))


def test_f7_records_that_know_their_machines_learn_nothing() -> None:
    found = adoption(OLD, 3, [machine(number, 1, "a", 2) for number in range(3)], "web")
    assert (found.changes, found.reason, found.generation) == (False, "", 2)


@given(
    st.lists(
        st.tuples(st.integers(0, 50), st.integers(0, 9), st.sampled_from(["", "a", "b"]), st.integers(1, 9)),
        unique_by=lambda one: one[0],
        max_size=8,
    ),
    st.integers(0, 9),
)
def test_f7_after_it_the_records_know_every_machine_and_none_is_too_many(
    machines: list[tuple[int, int, str, int]], capacity: int
) -> None:
    there = [machine(*one) for one in machines]
    found = adoption(OLD, capacity, there, "web")
    then = Known(
        generation=found.generation, last_number=1, keys={1: "a"}, adopted=found.last_number, ids_up_to=found.ids_up_to
    )
    assert records_behind(then, there, "web") == ""
    assert found.capacity >= len(there)
    again = adoption(then, found.capacity, there, "web")
    assert not again.changes
