"""Whose turn it is (docs/rules.md W4): never more than the budget, in order, and everybody in the end."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from instar.domain.steering.refusals import PolicyRefused
from instar.domain.steering.turns.limits import AT_MOST, Limit, most_machines, of_set, parsed
from instar.domain.steering.turns.line import in_order, machines_of, settled, upgrades_of, why
from instar.domain.steering.turns.turns import Turn

NOON = datetime(2026, 11, 30, 12, tzinfo=UTC)
SCOPES = ("/", "/subscriptions/a", "/subscriptions/b")


def turn(name: str, *, wants: int = 1, at: int = 0, where: str = "/subscriptions/a", **more: object) -> Turn:
    since = NOON + timedelta(minutes=at)
    fields = {"unique_id": name, "number": 1, "resource_id": where, "batch": 1, "since": since, "wants": wants}
    return Turn.model_validate(fields | more)


def limit(name: str = "eu", scope: str = "/", upgrades: int | None = None, machines: int | None = None) -> Limit:
    return Limit(name=name, scope=scope, upgrades_at_once=upgrades, machines_out_at_once=machines)


def granted(turns: tuple[Turn, ...]) -> list[str]:
    return [one.unique_id for one in turns if one.is_granted]


limits = st.lists(
    st.builds(
        limit,
        name=st.sampled_from(["one", "two", "three"]),
        scope=st.sampled_from(SCOPES),
        upgrades=st.none() | st.integers(1, 3),
        machines=st.integers(1, 12),
    ),
    max_size=3,
    unique_by=lambda one: one.name,
)


@given(limits=limits, data=st.data())
@settings(max_examples=150, deadline=None)
def test_w4_never_more_than_the_budget_in_order_and_everybody_comes_to_an_end(
    limits: list[Limit], data: st.DataObject
) -> None:
    """Sets of two subscriptions, three batches each, whatever happens between their batches."""
    line: dict[str, Turn] = {}
    left = dict.fromkeys("abcdef", 3)
    for step in range(400):
        now = NOON + timedelta(minutes=step)
        able = [name for name in left if name not in line or not line[name].waits]
        if not left:
            break
        assert able, "somebody who holds everything that is waited for can always go on"
        name = data.draw(st.sampled_from(sorted(able)))
        one = line.get(name)
        if one and one.taken:
            line[name] = one.is_back()
            left[name] -= 1
            if not left[name]:
                del line[name], left[name]
        elif one and one.is_granted:
            aside = step < 200 and data.draw(st.booleans())
            line[name] = one.stands_aside() if aside else one.takes()
        else:
            wants = data.draw(st.integers(1, 20))
            most = most_machines(of_set(limits, where := SCOPES[1 + "abcdef".index(name) % 2]))
            asking = one or turn(name, where=where, at=step)
            line[name] = asking.asks(4 - left[name], min(wants, most or wants), now)
        before = dict(line)
        line = {one.unique_id: one for one in settled(line.values(), limits)}
        for one_limit in limits:
            assert upgrades_of(one_limit, line.values()) <= (one_limit.upgrades_at_once or 6)
            assert machines_of(one_limit, line.values()) <= (one_limit.machines_out_at_once or AT_MOST)
        for name, after in line.items():
            if after.machines and not before[name].machines:
                assert_nobody_was_overtaken(after, line, limits)
            assert bool(why(after, tuple(line.values()), limits)) is after.waits
    assert not left, f"these never came to their end: {left}"


def assert_nobody_was_overtaken(after: Turn, line: dict[str, Turn], limits: list[Limit]) -> None:
    shared = [one for one in limits if one.machines_out_at_once is not None and one.covers(after.resource_id)]
    for other in line.values():
        if other.waits and other.has_slot and any(one.covers(other.resource_id) for one in shared):
            assert in_order([other, after])[0] is after


def test_w4_without_limits_everybody_goes_on() -> None:
    assert granted(settled([turn("a", wants=100), turn("b", wants=100)], [])) == ["a", "b"]


def test_w4_first_come_first_served_whatever_the_order_in_the_store() -> None:
    line = [turn("late", at=2), turn("first", at=0), turn("second", at=1)]
    assert granted(settled(line, [limit(upgrades=2)])) == ["first", "second"]


def test_w4_exactly_the_budget_fits_and_one_more_waits() -> None:
    line = [turn("a", wants=6), turn("b", wants=4, at=1), turn("c", wants=1, at=2)]
    after = settled(line, [limit(machines=10)])
    assert granted(after) == ["a", "b"]
    assert why(after[2], after, [limit(machines=10)]) == (
        "waits for its turn: 10 of 10 machines are out and its batch is of 1 (limit 'eu')"
    )


def test_w4_a_small_batch_does_not_overtake_a_large_one_that_waits() -> None:
    budget = [limit(machines=10)]
    line = [turn("a", wants=6), turn("large", wants=8, at=1), turn("small", wants=2, at=2)]
    after = settled(line, budget)
    assert granted(after) == ["a"]
    assert why(after[2], after, budget) == "waits for its turn: 1 asked before it (limit 'eu')"


def test_w4_a_batch_is_cut_to_what_its_limits_ever_allow_and_never_to_nothing() -> None:
    [after] = settled([turn("a", wants=50)], [limit(machines=10), limit("b", machines=1)])
    assert after.machines == 1


def test_w4_all_limits_grant_or_none_does() -> None:
    both = [limit("all", machines=10), limit("narrow", "/subscriptions/a", machines=5)]
    line = [turn("a", wants=5), turn("b", wants=3, at=1), turn("c", wants=5, at=2, where="/subscriptions/b")]
    after = settled(line, both)
    assert granted(after) == ["a"], "c would fit into its only limit, where b asked before it"
    assert machines_of(both[0], after) == 5, "b holds nothing while it waits"


def test_w4_whoever_runs_and_waits_for_machines_is_not_kept_back_by_one_who_waits_to_begin() -> None:
    """The circle: the new one waits for the slot of the old one, which waits behind it for machines."""
    budget = [limit(upgrades=1, machines=5)]
    runs = turn("runs", at=5, has_slot=True, begun=True, wants=5)
    after = settled([turn("new", at=0), runs], budget)
    assert granted(after) == ["runs"]


def test_w4_a_lowered_limit_takes_nothing_away_and_waits() -> None:
    out = turn("a", wants=0, machines=8, taken=True, has_slot=True, begun=True)
    after = settled([out, turn("b", wants=1, at=1)], [limit(machines=5)])
    assert after[0].machines == 8
    assert not granted(after)
    assert granted(settled([out.is_back(), after[1]], [limit(machines=5)])) == ["b"]


def test_w4_a_parked_upgrade_holds_no_machines_and_keeps_its_place() -> None:
    begun = turn("a", machines=5, wants=0, taken=True, has_slot=True, begun=True).stands_aside()
    assert (begun.machines, begun.has_slot) == (0, True)
    never_begun = settled([turn("b", wants=5)], [limit(machines=5)])[0].stands_aside()
    assert (never_begun.machines, never_begun.has_slot) == (0, False)
    again = never_begun.asks(1, 5, NOON + timedelta(hours=9))
    assert again.since == never_begun.since
    assert again.asks(2, 5, NOON + timedelta(hours=9)).since == NOON + timedelta(hours=9)


def test_w4_asking_twice_is_asking_once() -> None:
    [given_it] = settled([turn("a", wants=5)], [limit(machines=5)])
    taken = given_it.takes()
    assert taken.asks(1, 3, NOON) == taken
    assert given_it.asks(1, 3, NOON) == given_it


@pytest.mark.parametrize(
    ("document", "target"),
    [
        ({}, "scope"),
        ({"scope": "/"}, ""),
        ({"scope": "/", "upgradesAtOnce": 0}, "upgradesAtOnce"),
        ({"scope": "/", "upgradesAtOnce": -1}, "upgradesAtOnce"),
        ({"scope": "/", "upgradesAtOnce": True}, "upgradesAtOnce"),
        ({"scope": "/", "upgradesAtOnce": "3"}, "upgradesAtOnce"),
        ({"scope": "/", "machinesOutAtOnce": 1.5}, "machinesOutAtOnce"),
        ({"scope": "/", "machinesOutAtOnce": AT_MOST + 1}, "machinesOutAtOnce"),
        ({"scope": "/", "upgradesAtOnce": None}, ""),
        ({"scope": "/nowhere", "upgradesAtOnce": 1}, "scope"),
        ({"scope": "", "upgradesAtOnce": 1}, "scope"),
        ({"scope": 7, "upgradesAtOnce": 1}, "scope"),
        ({"scope": "/subscriptions/a/resourceGroups/g/providers/M.N/x/y", "upgradesAtOnce": 1}, "scope"),
        ({"scope": "/" + "a" * 501, "upgradesAtOnce": 1}, "scope"),
        ({"scope": "/", "upgradesAtOnce": 1, "upgradesatonce": 1}, "upgradesatonce"),
        ({"scope": "/", "upgradesAtOnce": 1, "name": "x"}, "name"),
        ({"scope": "/", "upgrades_at_once": 1}, "upgrades_at_once"),
    ],
)
def test_w4_nonsense_is_refused_by_the_member_at_fault(document: dict[str, object], target: str) -> None:
    with pytest.raises(PolicyRefused) as refused:
        parsed("eu", document)
    assert refused.value.target == target


def test_w4_a_limit_is_read_and_shown_as_it_was_sent() -> None:
    group = "/subscriptions/a/resourceGroups/g"
    of_set = f"{group}/providers/Microsoft.Compute/virtualMachineScaleSets/web"
    for scope in ("/", "/subscriptions/a", group, of_set):
        document = {"scope": scope, "upgradesAtOnce": 1, "machinesOutAtOnce": AT_MOST}
        assert parsed("eu", document).document == document
