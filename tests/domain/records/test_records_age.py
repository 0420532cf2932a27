"""Whether records are older than machines: what tells it, and what must never be taken for it (docs/rules.md F7)."""

import pytest

from instar.domain.machines.instances import Instance
from instar.domain.records.records_age import Known, records_behind

KNOWN = Known(generation=4, last_number=3, keys={3: "c", 2: "b"}, ids_up_to=5)


def machine(instance_id: int = 0, operation: int = 3, key: str = "c", generation: int = 4) -> Instance:
    return Instance(str(instance_id), "vm", None, generation=generation, last_operation=operation, last_key=key)


@pytest.mark.parametrize(
    "instance",
    [
        machine(),
        machine(operation=2, key="b"),
        machine(operation=0, key=""),
        machine(operation=3, key=""),
        machine(operation=1, key="of a record that is gone"),
        machine(instance_id=5),
        machine(generation=1),
    ],
    ids=[
        "the newest operation",
        "an older one: this machine was no part of the newest",
        "a machine that saw none",
        "a machine that remembers no key, as of release 0.1",
        "an operation of which no record is kept",
        "the highest id that was asked for",
        "a machine on an old model",
    ],
)
def test_f7_what_the_records_may_know_is_no_alarm(instance: Instance) -> None:
    assert records_behind(KNOWN, [instance], "web") == ""


def test_f7_an_operation_that_is_recorded_and_has_done_nothing_yet_is_no_alarm() -> None:
    ahead = Known(generation=9, last_number=8, keys={}, ids_up_to=100)
    assert records_behind(ahead, [machine(), machine(1, operation=7, key="x")], "web") == ""


def test_f7_a_set_of_release_0_1_has_no_keys_and_no_count_of_ids_and_is_no_alarm() -> None:
    old = Known(generation=1, last_number=2, keys={2: ""}, ids_up_to=None)
    assert records_behind(old, [machine(77, operation=2, key="", generation=1)], "web") == ""
    assert records_behind(old, [machine(77, operation=2, key="drawn", generation=1)], "web") == ""


@pytest.mark.parametrize(
    ("instance", "sentence"),
    [
        (machine(operation=4, key="d"), "instance 0 saw operation 4, and the records know none after 3"),
        (machine(operation=4, key=""), "instance 0 saw operation 4, and the records know none after 3"),
        (machine(key="other"), "instance 0 saw another operation 3 than the one that the records know"),
        (machine(6), "instance 6 is there, and the records have asked for no id above 5"),
        (machine(generation=5), "instance 0 has model generation 5, and the newest stored is 4"),
    ],
    ids=["a newer operation", "a newer one without a key", "a number given again", "a machine", "a model"],
)
def test_f7_what_no_record_knows_tells_that_they_are_old(instance: Instance, sentence: str) -> None:
    told = records_behind(KNOWN, [machine(1), instance], "web")
    assert sentence in told
    assert "'instar reconcile web'" in told


def test_f7_every_reason_is_told_and_the_machines_by_ranges() -> None:
    strange = [machine(one, operation=9, generation=7) for one in range(4, 8)]
    told = records_behind(KNOWN, strange, "web")
    assert "instances 4-7 saw operation 9" in told
    assert "instances 6-7 are there" in told
    assert "instances 4-7 have model generation 7" in told


def test_f7_what_was_taken_over_from_the_machines_is_known_whatever_its_key() -> None:
    adopted = Known(generation=4, last_number=3, keys={3: "c"}, adopted=6, ids_up_to=5)
    assert records_behind(adopted, [machine(operation=6, key="x"), machine(1, key="other")], "web") == ""
    assert "saw operation 7" in records_behind(adopted, [machine(operation=7, key="y")], "web")


def test_f7_a_set_without_machines_says_nothing_of_its_records() -> None:
    assert records_behind(Known(generation=1, last_number=0, ids_up_to=-1), [], "web") == ""
