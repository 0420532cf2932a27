"""How far the records know a set's machines, and what is taken over from these (docs/rules.md F7)."""

from datetime import timedelta
from typing import Any

import pytest

from instar.domain.decisions.reconciliation import Adoption, adoption
from instar.domain.machines.instances import Instance
from instar.domain.records.records_age import Known
from instar.store.errors import Conflict, Missing
from instar.store.sets.fleet_marks import NO_IDS
from instar.store.store import Store
from tests.store.samples import NOW, SUBSCRIPTION, document, extension, identity, upgrade


def create(store: Store, capacity: int = 3, **os_profile: Any) -> None:
    body = document(capacity, extension("setup", {"key": "s3cret"}), **os_profile)
    store.scale_sets.create(identity(), SUBSCRIPTION, "Rg", body, NOW)


def known(store: Store, *numbers: int) -> Known:
    found = store.fleet_marks.known("u-1", numbers)
    assert found is not None
    return found


def survey(store: Store, *machines: Instance, capacity: int = 3) -> Adoption:
    return adoption(known(store, *(one.last_operation for one in machines)), capacity, machines, "web")


def test_f7_a_new_set_has_asked_for_no_machine_and_one_of_release_0_1_has_kept_no_count(store: Store) -> None:
    create(store)
    assert known(store) == Known(generation=1, last_number=0, ids_up_to=NO_IDS)
    with store.database.writing() as connection:
        connection.exec_driver_sql("DELETE FROM fleet_marks")
    assert known(store).ids_up_to is None


def test_f7_ids_that_were_asked_for_stay_so(store: Store) -> None:
    create(store)
    for up_to in (4, 2, 7, 7):
        store.fleet_marks.reserve_ids("u-1", up_to)
    assert known(store).ids_up_to == 7
    store.scale_sets.delete("u-1")
    store.fleet_marks.reserve_ids("u-1", 9)
    assert store.fleet_marks.known("u-1") is None


def test_f7_the_keys_of_operations_are_read_from_their_records(store: Store) -> None:
    create(store)
    store.upgrades.write(upgrade(number=1))
    store.upgrades.write(upgrade(number=2).model_copy(update={"key": "drawn"}))
    found = known(store, 1, 2, 5)
    assert (found.last_number, found.keys) == (2, {1: "", 2: "drawn"})


def test_f7_what_machines_have_is_taken_over_in_one_go_and_again_it_changes_nothing(store: Store) -> None:
    create(store, customData="Zmlyc3Q=")
    machines = [Instance(str(number), "vm", None, generation=3, last_operation=5, last_key="x") for number in range(5)]
    found = survey(store, *machines)
    assert found.reason
    stored = store.reconciliations.adopt("u-1", found, NOW + timedelta(hours=1))
    assert (stored.generation, stored.machine_generation, stored.document["sku"]["capacity"]) == (4, 1, 5)
    assert stored.etag == 2
    assert "saw operation 5" in survey(store, *machines, capacity=5).reason, "killed here the set is held"
    store.reconciliations.finish("u-1", found)
    assert store.upgrades.last_number("u-1") == 5
    assert (known(store, 5).adopted, known(store).ids_up_to) == (5, 4)
    for generation in (1, 2, 3, 4):
        model = store.scale_sets.open_model("u-1", generation)
        profile = model["properties"]["virtualMachineProfile"]
        assert profile["osProfile"]["customData"] == "Zmlyc3Q="
        protected = profile["extensionProfile"]["extensions"][0]["properties"]["protectedSettings"]
        assert protected == {"key": "s3cret"}
    assert store.scale_sets.model("u-1", 3)["sku"]["capacity"] == 3
    again = survey(store, *machines, capacity=5)
    assert not again.changes
    assert store.reconciliations.adopt("u-1", again, NOW) == stored


def test_f7_a_model_changed_since_the_survey_a_deletion_and_a_set_that_is_gone_take_nothing_over(store: Store) -> None:
    create(store)
    machine = Instance("9", "vm", None, generation=1, last_operation=5)
    found = survey(store, machine)
    store.scale_sets.put_model("u-1", document(4), 1, NOW)
    with pytest.raises(Conflict, match="was changed"):
        store.reconciliations.adopt("u-1", found, NOW)
    newer = survey(store, machine, capacity=4)
    store.scale_sets.mark_deleting("u-1")
    with pytest.raises(Conflict, match="is being deleted"):
        store.reconciliations.adopt("u-1", newer, NOW)
    assert (known(store).adopted, known(store).ids_up_to) == (0, NO_IDS)
    store.scale_sets.delete("u-1")
    with pytest.raises(Missing):
        store.reconciliations.adopt("u-1", newer, NOW)
