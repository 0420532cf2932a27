"""Processes join and are heard of, on either database: those that differ are refused, and write nothing."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import update

from instar.compute.clock import utc_now
from instar.domain.hosts.agreement import HEARD_OF_WITHIN, Fact
from instar.store.database.hosts_tables import PROCESSES
from instar.store.errors import Conflict
from instar.store.hosts.members import Refused
from instar.store.store import Store
from tests.domain.hosts.test_agreement import HERE, THERE

BEFORE = datetime(2020, 1, 1, tzinfo=UTC)


def silent(store: Store, process_id: str, since: timedelta) -> None:
    """As if it had not been heard of since."""
    with store.database.writing() as connection:
        seen = update(PROCESSES).where(PROCESSES.c.id == process_id).values(seen_at=utc_now() - since)
        connection.execute(seen)


def living(store: Store, clock: Callable[[], datetime] = utc_now) -> list[str]:
    return [one.process.id for one in store.members.all(clock)[1]]


def test_f11_who_agrees_joins_sees_the_others_and_leaves(store: Store) -> None:
    assert store.members.join(HERE, utc_now).others == ()
    [other] = store.members.join(THERE, utc_now).others
    assert other.process == HERE
    assert living(store) == ["1", "2"]
    store.members.leave("1")
    store.members.leave("1")
    assert living(store) == ["2"]


def test_f11_who_differs_is_refused_and_leaves_no_trace(store: Store) -> None:
    store.members.join(HERE, utc_now)
    with pytest.raises(Refused, match=r"the api 8 on two may not work on this store: its signing\.key is not"):
        store.members.join(replace(THERE, signs="t", seals="bb"), utc_now)
    assert living(store) == ["1"]
    known = store.members.remembered(Fact.SEALED)
    assert known is not None
    assert known.value == "aa"


def test_f11_who_was_killed_counts_for_a_minute_and_no_longer(store: Store) -> None:
    store.members.join(HERE, utc_now)
    silent(store, "1", HEARD_OF_WITHIN - timedelta(seconds=20))
    with pytest.raises(Refused):
        store.members.join(replace(THERE, signs="t"), utc_now)
    silent(store, "1", HEARD_OF_WITHIN + timedelta(seconds=1))
    store.members.join(replace(THERE, signs="t"), utc_now)


def test_f11_of_two_that_turn_out_to_differ_the_later_one_ends(store: Store) -> None:
    first = store.members.join(replace(HERE, temporal=""), utc_now).at
    second = store.members.join(replace(THERE, temporal=""), utc_now).at
    store.members.beat(replace(THERE, temporal="default/other"), second, utc_now)
    store.members.beat(HERE, first, utc_now)  # it was there first, and goes on
    with pytest.raises(Refused, match="one store goes with one namespace"):
        store.members.beat(replace(THERE, temporal="default/other"), second, utc_now)


def test_f11_keys_that_others_lack_are_told_to_whoever_works(store: Store) -> None:
    first = store.members.join(HERE, utc_now).at
    second = store.members.join(THERE, utc_now).at
    rotated = replace(THERE, seals="cc", opens=("cc", "aa", "bb"))
    assert "has not the key cc" in str(store.members.beat(rotated, second, utc_now).told)
    assert "has not the key cc" in str(store.members.beat(HERE, first, utc_now).told)
    assert store.members.beat(replace(HERE, opens=("aa", "bb", "cc")), first, utc_now).told == ()


def test_f11_the_newest_key_is_asked_for_until_nothing_needs_it(store: Store) -> None:
    first = store.members.join(HERE, utc_now).at
    store.members.beat(replace(HERE, seals="cc", opens=("cc", "aa")), first, utc_now)
    store.members.leave("1")
    with pytest.raises(Refused, match="has not the key cc, with which this store was sealed last"):
        store.members.join(HERE, utc_now)
    store.members.drop_keys(["cc"])
    store.members.join(HERE, utc_now)


def test_f11_other_machines_are_refused_though_nobody_lives_until_the_old_ones_are_forgotten(store: Store) -> None:
    store.members.join(HERE, utc_now)
    with pytest.raises(Conflict, match="stop the api 7 on one"):
        store.members.forget(Fact.FLEET, utc_now)
    store.members.leave("1")
    other = replace(THERE, fleet="simulated/x")
    with pytest.raises(Refused, match="simulated/x"):
        store.members.join(other, utc_now)
    assert store.members.forget(Fact.FLEET, utc_now) == 1
    assert store.members.forget(Fact.FLEET, utc_now) == 0
    store.members.join(other, utc_now)
    known = store.members.remembered(Fact.FLEET)
    assert known is not None
    assert (known.value, known.host) == ("simulated/x", "two")


def test_f11_machines_that_become_known_later_are_those_of_whoever_knew_first(store: Store) -> None:
    first = store.members.join(replace(HERE, fleet="libvirt"), utc_now).at
    assert store.members.remembered(Fact.FLEET) is None
    second = store.members.join(replace(THERE, fleet="libvirt"), utc_now).at
    store.members.beat(replace(THERE, fleet="libvirt/h/p"), second, utc_now)
    with pytest.raises(Refused, match="not those of this store"):
        store.members.beat(replace(HERE, fleet="libvirt/h/q"), first, utc_now)
    store.members.beat(replace(HERE, fleet="libvirt/h/p"), first, utc_now)


def test_f11_moments_are_the_databases_where_hosts_share_it(store: Store) -> None:
    at = store.members.join(HERE, lambda: BEFORE).at
    shared = store.database.engine.dialect.name == "postgresql"
    assert (at == BEFORE) is not shared
    assert abs(at - utc_now()) < timedelta(minutes=5) or not shared


def test_f11_a_process_of_another_release_may_tell_more_or_less(store: Store) -> None:
    store.members.join(HERE, utc_now)
    with store.database.writing() as connection:
        document = {"id": "1", "part": "api", "host": "one", "kernel": "k", "pid": 1, "release": "9", "seals": "aa"}
        connection.execute(update(PROCESSES).values(document=document | {"opens": ["aa", "bb"], "moons": 3}))
    [other] = store.members.join(THERE, utc_now).others
    assert (other.process.release, other.process.temporal, other.process.opens) == ("9", "", ("aa", "bb"))
