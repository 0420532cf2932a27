"""How far a version has come in rings, and who is offered it (docs/rules.md W5)."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from instar.domain.steering.refusals import PolicyRefused
from instar.domain.steering.rings.offers import why_not_yet
from instar.domain.steering.rings.plans import RingPlan, parsed
from instar.domain.steering.rings.progress import Place, RingProgress, Seen, VersionProgress, judged

NOON = datetime(2026, 11, 30, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
LINE = ("c", "o", "s", "")
SETS = "/subscriptions/s/resourceGroups/g/providers/Microsoft.Compute/virtualMachineScaleSets"
PLAN = parsed(
    "fleet",
    {
        "rings": [
            {"sets": [f"{SETS}/a", f"{SETS}/b"], "bake": "PT2H"},
            {"sets": [f"{SETS}/c"], "bake": "PT1H"},
            {"sets": [f"{SETS}/d"]},
        ]
    },
)
RING_OF = {"a": 0, "b": 0, "c": 1, "d": 2}


def seen(name: str, **more: Any) -> Seen:
    fields = {"resource_id": f"{SETS}/{name}", "name": name, "ring": RING_OF[name], "unique_id": name, "machines": 3}
    return Seen.model_validate(fields | more)


class Looks:
    """One look after another at the sets of `PLAN`; what is not told of a set stays as it was."""

    def __init__(self) -> None:
        self.now = NOON
        self.sets = {name: seen(name) for name in RING_OF}
        self.version = VersionProgress(image="c:o:s", line=LINE, version="2", ring=0, since=NOON)

    def look(self, after: timedelta = timedelta(minutes=1), **sets: Any) -> "Looks":
        self.now += after
        for name, changes in sets.items():
            self.sets[name] = self.sets[name].model_copy(update=changes)
        self.version = judged(PLAN, self.version, self.sets.values(), self.now)
        return self

    def completed(self, *names: str) -> "Looks":
        changes: dict[str, Any] = {name: {"completed_at": self.now} for name in names}
        return self.look(**changes)

    def places(self) -> str:
        return " ".join(f"{one.name}:{one.place.value}" for one in self.version.members)

    def why(self, name: str) -> str:
        progress = RingProgress(etag=PLAN.etag, versions=(self.version,))
        return why_not_yet(PLAN, progress, RING_OF[name], LINE, "2")


def test_w5_a_version_goes_from_ring_to_ring_once_everyone_has_completed_and_baked() -> None:
    looks = Looks().look()
    assert [looks.why(name) for name in "ab"] == ["", ""]
    assert looks.why("c") == "waits for ring 1 of 'fleet': 0 of 2 sets have completed (a waits, b waits)"
    looks.look(a={"runs": True})
    assert "a upgrades" in looks.why("c")
    looks.look(a={"runs": False, "completed_at": looks.now})
    until = f"{looks.now + 2 * HOUR - timedelta(minutes=1):%Y-%m-%d %H:%MZ}"
    assert looks.why("c") == (
        f"waits for ring 1 of 'fleet': 1 of 2 sets have completed, 1 bakes until {until} (b waits)"
    )
    looks.completed("b")
    assert looks.why("c").startswith("waits for ring 1 of 'fleet': 2 of 2 sets have completed, 2 bake until ")
    looks.look(after=2 * HOUR - timedelta(minutes=2))
    assert looks.places() == "a:done b:bakes c:waits d:waits"
    assert looks.why("c")
    looks.look(after=timedelta(minutes=1))
    assert (looks.why("c"), looks.version.ring) == ("", 1)
    assert looks.why("d").startswith("waits for ring 2 of 'fleet'")
    looks.completed("c").look(after=HOUR)
    assert looks.why("d") == ""
    looks.completed("d")
    assert looks.version.ring == len(PLAN.rings), "through"


def test_w5_a_bake_ends_exactly_at_its_time() -> None:
    looks = Looks().completed("a", "b")
    began = looks.sets["a"].completed_at
    assert began is not None
    looks.look(after=began + 2 * HOUR - timedelta(seconds=1) - looks.now)
    assert looks.why("c")
    looks.look(after=timedelta(seconds=1))
    assert looks.why("c") == ""


def test_w5_who_gets_sick_in_the_bake_stops_it_for_good_and_everywhere() -> None:
    looks = Looks().completed("a", "b").look(a={"sick": "3 of 9 instances unhealthy"})
    said = "goes no further by the rings of 'fleet': sick in a (3 of 9 instances unhealthy)"
    assert [looks.why(name) for name in "abcd"] == [said] * 4
    looks.look(after=9 * HOUR, a={"sick": ""})
    assert looks.why("c") == said, "well again is not never sick"


def test_w5_who_baked_and_gets_sick_before_his_ring_is_passed_stops_it_too() -> None:
    looks = Looks().completed("a").look(after=3 * HOUR).completed("b")
    assert looks.places().startswith("a:done b:bakes")
    looks.look(a={"sick": "all of them"})
    assert "sick in a" in looks.why("c")


def test_w5_who_gets_sick_after_his_ring_was_passed_stops_nothing() -> None:
    looks = Looks().completed("a", "b").look(after=2 * HOUR)
    looks.look(a={"sick": "some other matter"})
    assert looks.why("c") == ""


@pytest.mark.parametrize("where", ["a", "c", "d"])
def test_w5_quarantined_in_one_set_of_any_ring_it_goes_no_further(where: str) -> None:
    sick: dict[str, Any] = {where: {"quarantined": "5 of 20 unhealthy"}}
    looks = Looks().completed("a", "b").look(after=2 * HOUR, **sick)
    for name in "abcd":
        assert looks.why(name) == f"goes no further by the rings of 'fleet': quarantined in {where} (5 of 20 unhealthy)"
    sick[where] = {"quarantined": ""}
    looks.look(**sick)
    assert "quarantined" not in looks.why("c"), "somebody has lifted it"


@pytest.mark.parametrize(
    ("change", "place"),
    [({"unique_id": ""}, Place.ABSENT), ({"machines": 0}, Place.EMPTY), ({"same_image": False}, Place.OTHER_IMAGE)],
)
def test_w5_a_set_that_cannot_have_it_at_all_keeps_nobody_waiting_and_is_shown(
    change: dict[str, Any], place: Place
) -> None:
    looks = Looks().completed("a").look(b=change).look(after=2 * HOUR)
    assert looks.why("c") == ""
    assert looks.version.members[1].place is place
    assert looks.version.members[1].why


def test_w5_a_ring_in_which_nobody_can_have_it_lets_nothing_on_and_says_so() -> None:
    looks = Looks().look(a={"unique_id": ""}, b={"machines": 0})
    said = "waits for ring 1 of 'fleet': none of its sets can have it (a there is no such set, b it has no machines)"
    assert looks.why("c") == said


def test_w5_a_set_that_takes_none_by_itself_is_waited_for_and_named() -> None:
    looks = Looks().completed("a").look(b={"hindered": "takes none by itself: its automatic upgrades are off"})
    looks.look(after=9 * HOUR)
    assert looks.why("c").endswith("(b takes none by itself: its automatic upgrades are off)")
    looks.completed("b").look(after=2 * HOUR)
    assert looks.why("c") == "", "somebody has upgraded it by hand"


def test_w5_a_set_that_was_made_with_the_version_bakes_from_when_it_was_first_seen() -> None:
    looks = Looks().completed("a").look(b={"is_on_it": True})
    looks.look(after=2 * HOUR - timedelta(minutes=1))
    assert looks.why("c")
    looks.look(after=timedelta(minutes=1))
    assert looks.why("c") == ""


def test_w5_sick_when_first_seen_it_bakes_from_when_it_is_well() -> None:
    looks = Looks().completed("a").look(b={"is_on_it": True, "sick": "2 of 3"})
    assert "b 2 of 3" in looks.why("c")
    looks.look(after=9 * HOUR).look(b={"sick": ""}).look(after=2 * HOUR - timedelta(minutes=1))
    assert looks.why("c")
    looks.look(after=timedelta(minutes=1))
    assert looks.why("c") == ""


def test_w5_who_leaves_it_before_it_has_baked_has_not_baked_it() -> None:
    looks = Looks().completed("a", "b").look(a={"completed_at": None}).look(after=9 * HOUR)
    assert looks.why("c").endswith("(a it went on to another version before this one had baked)")


def test_w5_who_leaves_it_after_it_has_baked_is_done_with_it() -> None:
    looks = Looks().completed("a").look(after=3 * HOUR).look(a={"completed_at": None, "runs": False})
    looks.look(a={"sick": "with the next version"}).completed("b").look(after=2 * HOUR)
    assert looks.why("c") == ""


def test_w5_what_nobody_can_look_at_has_not_baked() -> None:
    looks = Looks().completed("a", "b").look(a={"unseen": "cannot be looked at: the compute is away"})
    looks.look(after=9 * HOUR)
    assert "a cannot be looked at" not in looks.why("c")
    assert looks.why("c").startswith("waits for ring 1"), "its bake has not ended"
    looks.look(a={"unseen": ""})
    assert looks.why("c") == ""


def test_w5_what_was_seen_by_other_rings_says_nothing() -> None:
    looks = Looks().completed("a", "b").look(after=2 * HOUR)
    progress = RingProgress(etag="old", versions=(looks.version,))
    assert why_not_yet(PLAN, progress, 0, LINE, "2") == ""
    assert why_not_yet(PLAN, progress, 1, LINE, "2") == (
        "waits for ring 1 of 'fleet': its rings have not been looked at yet"
    )
    assert why_not_yet(PLAN, RingProgress(etag=PLAN.etag), 1, LINE, "2") == (
        "waits for ring 1 of 'fleet': none of its sets has it yet"
    )


@pytest.mark.parametrize(
    ("document", "target"),
    [
        ({}, "rings"),
        ({"rings": []}, "rings"),
        ({"rings": [{}]}, "rings[0]"),
        ({"rings": [{"sets": []}]}, "rings[0]"),
        ({"rings": [{"sets": [f"{SETS}/a"], "tag": {"name": "r", "value": "1"}}]}, "rings[0]"),
        ({"rings": [{"sets": ["web"]}]}, "rings[0].sets[0]"),
        ({"rings": [{"sets": [f"{SETS}/a", f"{SETS}/A".replace("/A", "/a")]}]}, ""),
        ({"rings": [{"sets": [f"{SETS}/a"]}, {"sets": [f"{SETS}/A"]}]}, ""),
        ({"rings": [{"tag": {"name": "r"}}]}, "rings[0].tag.value"),
        ({"rings": [{"tag": {"name": "", "value": "1"}}]}, "rings[0].tag.name"),
        ({"rings": [{"tag": {"name": "r", "value": "1"}}, {"tag": {"name": "R", "value": "1"}}]}, ""),
        ({"rings": [{"sets": [f"{SETS}/a"], "bake": 3600}]}, "rings[0].bake"),
        ({"rings": [{"sets": [f"{SETS}/a"], "bake": "P91D"}]}, "rings[0].bake"),
        ({"rings": [{"sets": [f"{SETS}/a"], "bakes": "P1D"}]}, "rings[0].bakes"),
        ({"rings": [{"sets": [f"{SETS}/{n}"]} for n in range(21)]}, "rings"),
        ({"rings": [{"sets": [f"{SETS}/a"]}], "name": "x"}, "name"),
        ({"rings": [{"sets": [f"{SETS}/a"]}], "scope": "/"}, "scope"),
        ({"rings": "all"}, "rings"),
    ],
)
def test_w5_nonsense_is_refused_by_the_member_at_fault(document: dict[str, Any], target: str) -> None:
    with pytest.raises(PolicyRefused) as refused:
        parsed("fleet", document)
    assert refused.value.target == target
    assert refused.value.message


def test_w5_rings_are_read_and_shown_as_they_were_sent() -> None:
    document = {
        "rings": [
            {"sets": [f"{SETS}/a"], "bake": "P90D"},
            {"tag": {"name": "ring", "value": "2"}},
        ]
    }
    plan = parsed("fleet", document)
    assert plan.document == document
    assert RingPlan.model_validate(document).rings == plan.rings
    assert [plan.ring_of(f"{SETS}/{name}", {"RING": "2"}) for name in ("A", "z")] == [0, 1]
    assert plan.ring_of(f"{SETS}/z", {"ring": "3"}) is None
