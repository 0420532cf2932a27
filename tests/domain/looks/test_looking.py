"""What a look that is made for a set leads to, whatever is known of the set (docs/rules.md T2, T5, T7, C1, W5)."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from instar.domain.images.images import version_key
from instar.domain.looks.kept import KeptLook, Pace, drawn
from instar.domain.looks.looking import Facts, Forget, InFull, Offered, Quiet, Tell, next_of, without_machines
from instar.domain.records.triggers import HeldBack, Settled

NOON = datetime(2026, 12, 1, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
VERSIONS = st.sampled_from(["1.2", "1.9", "1.10", "2.0"])

settled = st.builds(
    Settled,
    version=VERSIONS,
    generation=st.integers(1, 2),
    reason=st.just("nothing newer"),
    until=st.sampled_from([NOON - HOUR, NOON, NOON + HOUR]),
)
held = st.builds(
    HeldBack,
    version=VERSIONS,
    ends=st.just(2),
    not_before=st.sampled_from([NOON - HOUR, NOON, NOON + HOUR]),
    reason=st.just("3 of 10 unhealthy"),
)
kept_looks = st.builds(KeptLook, settled=st.none() | settled, held=st.none() | held)
offers = st.builds(
    Offered,
    version=st.none() | VERSIONS,
    nothing=st.just("no version is published"),
    waits=st.sampled_from(["", "3.0 waits for ring 1"]),
    quarantined=st.sampled_from(["", "quarantined: 3.1 (bad)"]),
)
facts = st.builds(
    Facts,
    generation=st.integers(1, 2),
    offered=offers,
    automatic=st.booleans(),
    busy=st.booleans(),
    kept_back=st.sampled_from(["", "paused by ann"]),
    outdated=st.booleans(),
)


def may_begin(kept: KeptLook, known: Facts) -> bool:
    """In other words than the decision's: nothing that anybody wished or learned is against the version."""
    version = known.offered.version
    held_back = bool(kept.held and kept.held.version == version and kept.held.not_before > NOON)
    return version is not None and not known.kept_back and not held_back


def is_settled(kept: KeptLook, known: Facts) -> bool:
    one = kept.settled
    return (
        one is not None
        and one.version == known.offered.version
        and one.generation == known.generation
        and one.until > NOON
        and not known.outdated
    )


@given(kept_looks, facts)
def test_t2_c1_t5_each_look_leads_where_the_rules_say(kept: KeptLook, known: Facts) -> None:
    step = next_of(kept, known, NOON)
    if not known.automatic or known.busy:
        assert step == Forget()
    elif not may_begin(kept, known) or is_settled(kept, known):
        assert isinstance(step, Quiet)
        assert step.outcome
    else:
        assert isinstance(step, Tell | InFull)


@given(kept_looks, facts)
def test_t7_a_set_is_told_without_asking_machines_only_of_what_is_newer_or_free_again(
    kept: KeptLook, known: Facts
) -> None:
    step = next_of(kept, known, NOON)
    if isinstance(step, Tell) and not known.outdated:
        assert kept.settled
        assert known.offered.version
        assert version_key(known.offered.version) > version_key(kept.settled.version)
    if isinstance(step, InFull) and kept.settled and known.offered.version:
        assert version_key(known.offered.version) <= version_key(kept.settled.version)


@given(kept_looks, facts)
def test_p17_what_rings_and_quarantine_keep_back_is_said(kept: KeptLook, known: Facts) -> None:
    step = next_of(kept, known, NOON)
    if isinstance(step, Quiet) and not known.kept_back:
        assert known.offered.waits in step.outcome
        assert known.offered.quarantined in step.outcome


@given(offers, st.none() | held, st.none() | settled, st.integers(1, 2), st.booleans())
def test_t2_the_sets_own_look_finds_the_same(
    offered: Offered, back: HeldBack | None, one: Settled | None, generation: int, outdated: bool
) -> None:
    trusted = one if one and one.until > NOON else None
    found = without_machines(offered, back, trusted, generation, NOON, outdated=outdated)
    step = next_of(KeptLook(settled=one, held=back), Facts(generation, offered, outdated=outdated), NOON)
    assert (found is None) == isinstance(step, Tell | InFull)
    if found is not None:
        assert step == Quiet(found.reason)


@pytest.mark.parametrize("least", [10, 30])
@pytest.mark.parametrize("fraction", [0.0, 0.999])
def test_t6_a_sets_own_pace_is_kept(least: int, fraction: float) -> None:
    pace = Pace(least=timedelta(minutes=least), most=timedelta(minutes=60))
    assert least <= (pace.next_look(NOON, fraction) - NOON).total_seconds() / 60 < 60


@given(st.uuids(), st.datetimes(timezones=st.just(UTC)))
def test_t2_what_is_drawn_in_place_of_chance_is_a_fraction(unique_id: object, moment: datetime) -> None:
    assert 0 <= drawn(str(unique_id), moment) < 1


def test_t2_many_sets_do_not_march_in_step() -> None:
    tenths = [int(10 * drawn(f"u-{number}", NOON)) for number in range(1000)]
    assert all(60 < tenths.count(tenth) < 140 for tenth in range(10))
