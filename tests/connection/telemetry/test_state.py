"""The state as gauges: read at a scrape, kept for a while, honest when the store is away."""

import time
from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest
from prometheus_client.exposition import generate_latest
from prometheus_client.parser import text_string_to_metric_families

from instar.connection.telemetry.state import ABOUT, KEPT_SECONDS, READABLE, SHARE_AT_MOST, State
from instar.store.errors import Unavailable
from instar.store.overview.backlogs import Backlog, Backlogs
from instar.store.overview.overview import Overview
from instar.store.overview.standing import WAITING_FOR, Standing, Why

NOON = datetime(2026, 11, 30, 12, tzinfo=UTC)
NONE = Backlogs(Backlog(), Backlog(), given_up=0, webhooks_off=0, holds=0, pauses=0)


class Store:
    def __init__(self) -> None:
        self.read, self.away, self.takes, self.now = 0, False, 0.0, 100.0
        self.seen = Overview(NOON, Standing(), NONE)

    def __call__(self) -> Overview:
        self.read += 1
        self.now += self.takes
        if self.away:
            raise Unavailable("it does not answer")
        return self.seen


@pytest.fixture
def store(monkeypatch: pytest.MonkeyPatch) -> Store:
    made = Store()
    monkeypatch.setattr(time, "monotonic", lambda: made.now)
    return made


def shown(collector: State) -> dict[str, dict[str, float]]:
    """Name -> value of its label -> value."""
    text = generate_latest(collector).decode()
    return {
        family.name: {"".join(sample.labels.values()): sample.value for sample in family.samples}
        for family in text_string_to_metric_families(text)
    }


def test_before_the_store_is_open_there_is_nothing() -> None:
    assert shown(State()) == {}


def test_of_an_empty_installation_every_value_is_there_and_0(store: Store) -> None:
    collector = State()
    collector.reads(store)
    found = shown(collector)
    assert list(found) == list(ABOUT)
    assert found.pop(READABLE) == {"": 1}
    assert found["instar_upgrades_waiting"] == dict.fromkeys(WAITING_FOR, 0)
    assert found["instar_sets_need_person"] == {why.value: 0 for why in Why}
    assert {value for values in found.values() for value in values.values()} == {0}


def test_what_is_shown_is_what_was_read(store: Store) -> None:
    hour = timedelta(hours=1)
    standing = Standing(
        sets=Counter({True: 7, False: 2}),
        running=Counter(osUpgrade=3),
        out=Counter(osUpgrade=4),
        limit=Counter(osUpgrade=8),
        most_out=0.5,
        waiting={"hold": Backlog(2, NOON - hour)},
        need_person=Counter({Why.APPROVAL: 1}),
        not_looking=5,
        quarantined=6,
        newest_quarantine=NOON,
    )
    backlogs = Backlogs(
        Backlog(9, NOON - 2 * hour), Backlog(8, NOON + hour), given_up=3, webhooks_off=4, holds=1, pauses=2
    )
    store.seen = Overview(NOON, standing, backlogs)
    collector = State()
    collector.reads(store)
    found = shown(collector)
    assert found["instar_scale_sets"] == {"on": 7, "off": 2}
    assert found["instar_upgrades_running"] == {"osUpgrade": 3, "modelChange": 0, "rollback": 0}
    assert found["instar_upgrade_machines_out"]["osUpgrade"] == 4
    assert found["instar_upgrade_machines_limit"]["osUpgrade"] == 8
    assert found["instar_upgrade_machines_out_highest_ratio"] == {"": 0.5}
    assert found["instar_upgrades_waiting"]["hold"] == 2
    assert found["instar_upgrades_waiting_longest_seconds"]["hold"] == 3600
    assert found["instar_sets_need_person"]["approval"] == 1
    assert found["instar_sets_not_looking"] == {"": 5}
    assert found["instar_quarantined_versions"] == {"": 6}
    assert found["instar_quarantine_newest_timestamp_seconds"] == {"": NOON.timestamp()}
    assert (found["instar_holds"], found["instar_pauses"]) == ({"": 1}, {"": 2})
    assert found["instar_hand_overs_waiting"] == {"": 9}
    assert found["instar_hand_overs_oldest_seconds"] == {"": 7200}
    assert found["instar_webhook_events_waiting"] == {"": 8}
    assert found["instar_webhook_events_oldest_seconds"] == {"": 0}  # a clock that is ahead
    assert (found["instar_webhook_events_given_up"], found["instar_webhooks_off"]) == ({"": 3}, {"": 4})


def test_many_scrapes_read_once_in_a_while(store: Store) -> None:
    collector = State()
    collector.reads(store)
    for _ in range(50):
        shown(collector)
    assert store.read == 1
    store.now += KEPT_SECONDS
    shown(collector)
    assert store.read == 2


def test_the_longer_a_reading_takes_the_longer_it_is_kept(store: Store) -> None:
    store.takes = 2.0
    collector = State()
    collector.reads(store)
    shown(collector)
    store.now += 2.0 / SHARE_AT_MOST - 3.0
    shown(collector)
    assert store.read == 1
    store.now += 2.0
    shown(collector)
    assert store.read == 2


def test_while_the_store_is_away_that_is_all_that_is_told_of_it(store: Store) -> None:
    collector = State()
    collector.reads(store)
    shown(collector)
    store.away, store.now = True, store.now + KEPT_SECONDS
    assert shown(collector) == {READABLE: {"": 0}}
    store.away, store.now = False, store.now + KEPT_SECONDS
    assert shown(collector)[READABLE] == {"": 1}
