"""Who goes back to what (docs/rules.md R1, R2)."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from instar.domain.decisions.enrolment import NOT_NAMED
from instar.domain.decisions.going_back import (
    NO_ONE_VERSION,
    NOBODY_LEAVES,
    NOT_MOVED,
    NOTHING_KEPT,
    left_versions,
    nobody_goes,
    way_back,
)
from instar.domain.images.images import ImageReference
from instar.domain.machines.instance_ids import InstanceIds
from instar.domain.machines.instances import Instance, OsDisk
from instar.domain.records.quarantine import Quarantine
from instar.domain.records.way_back import WayBack
from instar.domain.steering.start_wishes import StartWishes
from tests.domain.lifecycle.driver import NOON

IMAGE = ImageReference(publisher="Canonical", offer="UbuntuServer", sku="18.04-LTS", version="latest")


def disk(version: str, made_by: str = "", replaced_by: str = "", generation: int = 1) -> OsDisk:
    name = f"{version}-{made_by or 'creation'}"
    return OsDisk(name, IMAGE.at(version), made_by, replaced_by, generation)


def machine(instance_id: str, present: OsDisk | None, *kept: OsDisk, protected: bool = False) -> Instance:
    return Instance(instance_id, f"vm-{instance_id}", present, 1, previous_os_disks=kept, protected=protected)


def upgraded(instance_id: str, to: str = "2", was: str = "1", by: str = "u/1") -> Instance:
    return machine(instance_id, disk(to, by, generation=2), disk(was, "", by))


def asked(*machines: Instance, quarantine: Quarantine | None = None, **wishes: object) -> WayBack:
    wished = StartWishes.model_validate({"goes_back": True, **wishes})
    return way_back(machines, wished, IMAGE, 2, quarantine or Quarantine())


def goes(way: WayBack) -> dict[str, tuple[str, int, bool]]:
    """Version, generation, whether it is newly made, of whoever goes."""
    return {one: (part.image.version, part.generation, part.newly_made) for part in way.parts for one in part.ids}


def test_r2_each_goes_back_to_the_disk_that_it_had_before() -> None:
    way = asked(upgraded("0"), upgraded("1"))
    assert goes(way) == {"0": ("1", 1, False), "1": ("1", 1, False)}
    assert way.sentence == "2 go back to 1 (0-1)"


def test_r2_a_disk_that_failed_or_that_a_rollback_left_is_nothing_to_go_back_to() -> None:
    rolled_back = machine("0", disk("1"), disk("2", "u/1", "u/1"))
    gone_back = machine("1", disk("1"), disk("2", "u/1", "u/2"))
    way = asked(rolled_back, gone_back)
    assert not way.parts
    assert way.left_out == {NOTHING_KEPT: InstanceIds(ranges="0-1")}
    told = nobody_goes(way, [rolled_back, gone_back], StartWishes(goes_back=True))
    assert told == f"nothing to go back to: 2 left out: {NOTHING_KEPT}; name a version to go back to (toVersion)"


def test_r2_a_reimage_is_no_step_back() -> None:
    reimaged = machine("0", disk("2", "u/2"), disk("2", "u/1", "u/2"), disk("1", "", "u/1"))
    assert goes(asked(reimaged)) == {"0": ("1", 1, False)}


def test_r2_an_upgrade_that_stopped_half_way_is_undone_and_nobody_goes_further_back() -> None:
    never_reached = machine("1", disk("1", "u/1"), disk("0", "", "u/1"))
    half = machine("0", disk("2", "u/2"), disk("1", "u/1", "u/2"))
    way = asked(half, never_reached)
    assert goes(way) == {"0": ("1", 1, False)}
    assert way.there == InstanceIds(ranges="1")
    named = asked(half, never_reached, instances=InstanceIds(ranges="1"))
    assert goes(named) == {"1": ("0", 1, False)}, "named, it goes where it was before"
    assert named.left_out == {NOT_NAMED: InstanceIds(ranges="0")}


def moved(instance_id: str, to: str, was: str, number: int) -> Instance:
    key = f"u/{number}"
    return replace(machine(instance_id, disk(to, key), disk(was, "", key)), last_operation=number)


def test_r2_where_versions_lead_to_each_other_what_was_done_last_is_undone() -> None:
    """Some were taken to an older version, which others had before their last upgrade."""
    lately = [moved("0", "2", "6", 7), moved("1", "2", "6", 7)]
    earlier = [moved("2", "6", "4", 6), moved("3", "6", "2", 6)]
    for machines in (lately + earlier, earlier + lately):
        way = asked(*machines)
        assert goes(way) == {"0": ("6", 1, False), "1": ("6", 1, False)}
        assert way.there == InstanceIds(ranges="2-3")


def test_r2_only_where_somebody_really_goes_back_to_is_a_reason_to_stay() -> None:
    way = asked(moved("0", "3", "2", 3), moved("1", "2", "1", 2), moved("2", "1", "0", 1))
    assert goes(way) == {"0": ("2", 1, False), "2": ("0", 1, False)}, "1 stays, so nobody goes to version 1"
    assert way.there == InstanceIds(ranges="1")


MACHINES = st.lists(
    st.tuples(st.sampled_from("0123"), st.sampled_from("0123"), st.integers(0, 3)), min_size=1, max_size=8
)


@given(MACHINES)
def test_r2_whoever_stays_is_where_somebody_goes_back_to(had: list[tuple[str, str, int]]) -> None:
    machines = [moved(str(at), to, was, number) for at, (to, was, number) in enumerate(had)]
    way = asked(*machines)
    targets = {part.image.version for part in way.parts}
    on = {one.instance_id: one.os_disk.image.version for one in machines if one.os_disk}
    assert {on[one] for one in way.there} <= targets
    assert way.ids | way.there | InstanceIds.of(one for ids in way.left_out.values() for one in ids) == InstanceIds.of(
        on
    )
    if any(to != was for to, was, _ in had):
        assert way.parts, "somebody has a disk to go back to"


def test_r2_whoever_has_no_disk_kept_gets_a_new_one_of_the_version_that_the_others_go_back_to() -> None:
    made_later = machine("2", disk("2"))
    elsewhere = machine("3", disk("0"))
    way = asked(upgraded("0"), made_later, elsewhere)
    assert goes(way) == {"0": ("1", 1, False), "2": ("1", 2, True)}
    assert way.left_out == {NOBODY_LEAVES: InstanceIds(ranges="3")}
    assert "1 go back to 1, on a newly made disk (2)" in way.sentence


def test_r2_where_the_versions_differ_each_goes_its_own_way_and_that_is_said() -> None:
    way = asked(upgraded("0", "3", "2"), upgraded("1", "3", "1"), machine("2", disk("3")))
    assert goes(way) == {"0": ("2", 1, False), "1": ("1", 1, False)}
    assert way.left_out == {NO_ONE_VERSION: InstanceIds(ranges="2")}
    assert way.sentence.startswith("not all to the same version; 1 go back to 2 (0); 1 go back to 1 (1)")
    assert way.target.version == "2", "as many go to either: the higher one is shown"


def test_r2_one_exact_version_is_meant_for_everybody() -> None:
    older = machine("1", disk("3", "u/2"), disk("2", "u/1", "u/2"), disk("1", "", "u/1", generation=7))
    way = asked(upgraded("0", "3", "2"), older, machine("2", disk("1.0")), machine("3", disk("1")), version="1")
    assert goes(way) == {"0": ("1", 2, True), "1": ("1", 7, False), "2": ("1", 2, True)}
    assert way.there == InstanceIds(ranges="3")


def test_r2_of_several_kept_disks_of_the_version_it_is_the_one_put_aside_last() -> None:
    one = machine("0", disk("3", "u/3"), disk("1", "u/2", "u/3", generation=5), disk("1", "", "u/1", generation=4))
    assert goes(asked(one, version="1")) == {"0": ("1", 5, False)}


def test_r2_a_quarantined_version_is_gone_back_to_only_by_name() -> None:
    bad = Quarantine().left(["2"], 9, 1, "bad", NOON)
    one = machine("0", disk("3", "u/3"), disk("2", "u/2", "u/3"), disk("1", "", "u/2"))
    assert goes(asked(one, quarantine=bad)) == {"0": ("1", 1, False)}
    assert goes(asked(one, quarantine=bad, version="2")) == {"0": ("2", 1, False)}


def test_t5_the_versions_left_are_those_that_nobody_is_to_be_on() -> None:
    both = [upgraded("0", "3", "2"), machine("1", disk("2", "u/1"), disk("1", "", "u/1"))]
    way = asked(*both, instances=InstanceIds(ranges="0-1"))
    assert goes(way) == {"0": ("2", 1, False), "1": ("1", 1, False)}
    assert left_versions(way, both) == ("3",)


def test_c5_only_those_that_an_upgrade_moved_go_back() -> None:
    moved = machine("0", disk("2", "u/2"), disk("1", "u/1", "u/2"))
    rolled_back = machine("1", disk("1", "u/1"), disk("2", "u/2", "u/2"), disk("0", "", "u/1"))
    untouched = machine("2", disk("1", "u/1"), disk("0", "", "u/1"))
    way = asked(moved, rolled_back, untouched, undoes="u/2")
    assert goes(way) == {"0": ("1", 1, False)}
    assert way.left_out == {NOT_MOVED: InstanceIds(ranges="1-2")}


def test_c5_a_rollback_is_undone_like_any_upgrade() -> None:
    gone_back = machine("0", disk("1"), disk("2", "u/1", "u/2", generation=3))
    assert goes(asked(gone_back, undoes="u/2")) == {"0": ("2", 3, False)}


def test_r2_instances_that_do_not_exist_and_protected_ones_are_told() -> None:
    one = machine("0", disk("2", "u/1"), disk("1", "", "u/1"), protected=True)
    wishes = StartWishes(goes_back=True, instances=InstanceIds(ranges="0,7"))
    assert nobody_goes(WayBack(), [one], wishes) == "instances that do not exist (any more): 7"
    assert "protected from scale-set actions" in nobody_goes(asked(one), [one], StartWishes(goes_back=True))
    assert nobody_goes(WayBack(), [], StartWishes()) == "nothing to go back to: the scale set has no instances"
    bare = machine("1", None)
    assert not asked(bare).parts
    assert not asked(bare, version="1").parts
