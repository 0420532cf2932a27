"""The installation's state as gauges, read from the store at a scrape: true after a restart and in every process.

Every process shows the same: take the `max`, not the sum. A reading is kept for a while, the longer the more it cost,
so that no number of scrapes keeps the store busy. While the store does not answer there are no gauges of it, but one
that says so: a value that is not known is not shown as it was.
"""

import threading
import time
from collections.abc import Callable, Iterator
from datetime import datetime

from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from instar.domain.records.upgrades import ROLLING_KINDS
from instar.store.errors import StoreError
from instar.store.overview.backlogs import Backlog
from instar.store.overview.overview import Overview
from instar.store.overview.standing import WAITING_FOR, Why

KEPT_SECONDS = 5.0
"""At the least: two Prometheus servers that scrape the same process read once."""

SHARE_AT_MOST = 0.02
"""Of the time, spent on reading: one that takes a second is kept for fifty."""

Read = Callable[[], Overview]


class State(Collector):
    """Reads at most once in a while; safe from any thread. Until it is told how to read there is nothing to show."""

    def __init__(self) -> None:
        self._read: Read | None = None
        self._kept: tuple[Metric, ...] = ()
        self._until = 0.0
        self._one_reads = threading.Lock()

    def reads(self, read: Read) -> None:
        """The store is open: read like this from now on."""
        self._read = read

    def collect(self) -> Iterator[Metric]:
        """The gauges."""
        if self._read is None:
            return
        with self._one_reads:
            began = time.monotonic()
            if began >= self._until:
                self._kept = _read(self._read)
                took = time.monotonic() - began
                self._until = began + max(KEPT_SECONDS, took / SHARE_AT_MOST)
            yield from self._kept


def _read(read: Read) -> tuple[Metric, ...]:
    try:
        return (_gauge(READABLE, *ABOUT[READABLE], 1), *gauges(read()))
    except StoreError:
        return (_gauge(READABLE, *ABOUT[READABLE], 0),)


READABLE = "instar_store_readable"

ABOUT: dict[str, tuple[str, tuple[str, ...]]] = {
    READABLE: ("Whether the store could be read: 1, or 0 and no other gauge of the state.", ()),
    "instar_scale_sets": ("Scale sets.", ("automatic",)),
    "instar_upgrades_running": ("Rolling upgrades that have not ended.", ("kind",)),
    "instar_upgrade_machines_out": ("Machines that running upgrades work on.", ("kind",)),
    "instar_upgrade_machines_limit": ("Machines that may be out in running upgrades, by their policies.", ("kind",)),
    "instar_upgrade_machines_out_highest_ratio": (
        "Of the upgrade where it is the highest: its machines out, divided by its own limit.",
        (),
    ),
    "instar_upgrades_waiting": ("Running upgrades that wait, and what for.", ("waiting_for",)),
    "instar_upgrades_waiting_longest_seconds": (
        "How long the one of these that waits longest has waited.",
        ("waiting_for",),
    ),
    "instar_sets_need_person": ("Scale sets that need a person, and why.", ("why",)),
    "instar_sets_not_looking": (
        "Scale sets with automatic upgrades, and none under way, whose next look at the catalogue is overdue.",
        (),
    ),
    "instar_quarantined_versions": ("Versions that sets do not take by themselves, each once for each set.", ()),
    "instar_quarantine_newest_timestamp_seconds": (
        "When the newest quarantine began, in seconds since 1970; 0: none.",
        (),
    ),
    "instar_holds": ("Holds in force.", ()),
    "instar_pauses": ("Pauses in force.", ()),
    "instar_hand_overs_waiting": ("Requests that no set's workflow has taken yet.", ()),
    "instar_hand_overs_oldest_seconds": ("How long the oldest of these has waited.", ()),
    "instar_webhook_events_waiting": ("Events that are tried to be delivered.", ()),
    "instar_webhook_events_oldest_seconds": ("How long the oldest of these has been tried.", ()),
    "instar_webhook_events_given_up": ("Events that nobody tries to deliver any more.", ()),
    "instar_webhooks_off": ("Webhooks that are switched off.", ()),
}
"""Every gauge of the state: what it is, and its labels."""


def gauges(seen: Overview) -> Iterator[Metric]:
    """The state as Prometheus gets it, every label's value always there: an alert sees a 0 and not an absence."""
    standing, backlogs = seen.standing, seen.backlogs
    automatic = {"on": standing.sets[True], "off": standing.sets[False]}
    kinds = [kind.value for kind in ROLLING_KINDS]
    waiting = {what: standing.waiting.get(what, Backlog()) for what in WAITING_FOR}
    newest = standing.newest_quarantine
    values: dict[str, dict[str, float] | float] = {
        "instar_scale_sets": dict(automatic),
        "instar_upgrades_running": {kind: standing.running[kind] for kind in kinds},
        "instar_upgrade_machines_out": {kind: standing.out[kind] for kind in kinds},
        "instar_upgrade_machines_limit": {kind: standing.limit[kind] for kind in kinds},
        "instar_upgrade_machines_out_highest_ratio": standing.most_out,
        "instar_upgrades_waiting": {what: backlog.count for what, backlog in waiting.items()},
        "instar_upgrades_waiting_longest_seconds": {what: _age(one, seen.at) for what, one in waiting.items()},
        "instar_sets_need_person": {why.value: standing.need_person[why] for why in Why},
        "instar_sets_not_looking": standing.not_looking,
        "instar_quarantined_versions": standing.quarantined,
        "instar_quarantine_newest_timestamp_seconds": newest.timestamp() if newest else 0.0,
        "instar_holds": backlogs.holds,
        "instar_pauses": backlogs.pauses,
        "instar_hand_overs_waiting": backlogs.hand_overs.count,
        "instar_hand_overs_oldest_seconds": _age(backlogs.hand_overs, seen.at),
        "instar_webhook_events_waiting": backlogs.deliveries.count,
        "instar_webhook_events_oldest_seconds": _age(backlogs.deliveries, seen.at),
        "instar_webhook_events_given_up": backlogs.given_up,
        "instar_webhooks_off": backlogs.webhooks_off,
    }
    for name, value in values.items():
        yield _gauge(name, *ABOUT[name], value)


def _gauge(name: str, text: str, labels: tuple[str, ...], value: dict[str, float] | float) -> Metric:
    family = GaugeMetricFamily(name, text, labels=labels)
    for label, one in value.items() if isinstance(value, dict) else ((None, value),):
        family.add_metric([] if label is None else [label], one)
    return family


def _age(backlog: Backlog, now: datetime) -> float:
    return max(0.0, (now - backlog.oldest).total_seconds()) if backlog.oldest else 0.0
