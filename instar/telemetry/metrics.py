"""What this process counts of its own doing, for Prometheus: each process for itself, whoever scrapes adds up.

Labels are closed enumerations, so that no metric grows without end: never the name of a set, an id or a version, and a
value that is not in its enumeration counts as `other`. What is true of the whole installation is no count of a
process's: it is read from the store (`instar.store.overview`).
"""

from collections.abc import Iterable
from enum import StrEnum

from prometheus_client import CollectorRegistry, Counter, Histogram, ProcessCollector, disable_created_metrics

OTHER = "other"

SECOND, MINUTE, HOUR, DAY = 1.0, 60.0, 3600.0, 86_400.0

SHORT = (0.1, 0.5, SECOND, 5.0, 15.0, 30.0, MINUTE, 2 * MINUTE, 5 * MINUTE, 15 * MINUTE, 30 * MINUTE, HOUR, 2 * HOUR)
"""Seconds: a swap takes from a fraction of a second (simulated) to many minutes, a health wait five by default."""

LONG = (MINUTE, 5 * MINUTE, 15 * MINUTE, HOUR, 3 * HOUR, 6 * HOUR, 12 * HOUR, DAY, 2 * DAY, 4 * DAY, 7 * DAY, 14 * DAY)
"""Seconds: an upgrade may bake for a week."""

ANSWERS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, SECOND, 2.5, 5.0, 10.0)
"""Seconds: a request is answered in ten at the latest."""

REGISTRY = CollectorRegistry(auto_describe=True)
"""Of our own: Prometheus's usual one would show what libraries put there."""

ProcessCollector(registry=REGISTRY)

# When each series began: as many series again, which nobody asks for.
disable_created_metrics()  # type: ignore[no-untyped-call]

UPGRADES_STARTED = Counter(
    "instar_upgrades_started",
    "Upgrades and other operations on instances that were written down as begun.",
    ("kind", "started_by"),
    registry=REGISTRY,
)
UPGRADES_ENDED = Counter(
    "instar_upgrades_ended",
    "The same, ended: with which status, and with which error code (empty: none).",
    ("kind", "started_by", "status", "error"),
    registry=REGISTRY,
)
UPGRADE_SECONDS = Histogram(
    "instar_upgrade_duration_seconds",
    "From the start of an upgrade to its end.",
    ("kind", "status"),
    buckets=LONG,
    registry=REGISTRY,
)
BATCHES = Counter("instar_batches", "Batches that were begun.", ("kind",), registry=REGISTRY)
BATCH_SECONDS = Histogram(
    "instar_batch_duration_seconds",
    "From the decision for a batch to its first verdict: swaps, health wait, rollbacks.",
    ("kind",),
    buckets=SHORT,
    registry=REGISTRY,
)
OUTCOMES = Counter(
    "instar_instance_outcomes",
    "How often an instance came to an outcome in an upgrade; rolledBack and rollbackFailed are the rollbacks.",
    ("kind", "outcome"),
    registry=REGISTRY,
)
PARKINGS = Counter(
    "instar_upgrades_parked",
    "Decisions to park an upgrade before its next batch.",
    ("parked_for",),
    registry=REGISTRY,
)
SWAP_SECONDS = Histogram(
    "instar_swap_duration_seconds",
    "From asking for a slice of a batch to its end, retries included: new disks (swap), the model alone (model), "
    "previous disks (restore).",
    ("step",),
    buckets=SHORT,
    registry=REGISTRY,
)
HEALTH_WAIT_SECONDS = Histogram(
    "instar_health_wait_seconds",
    "Health waits that ended before their time was over, from their begin until nothing was left to wait for.",
    buckets=SHORT,
    registry=REGISTRY,
)
PROBES = Counter(
    "instar_health_probes",
    "Questions to machines about their health, by what was answered.",
    ("protocol", "answer"),
    registry=REGISTRY,
)
WEBHOOK_ATTEMPTS = Counter(
    "instar_webhook_attempts",
    "Attempts to deliver an event to a receiver of a webhook.",
    ("result",),
    registry=REGISTRY,
)
REQUESTS = Counter(
    "instar_api_requests",
    "Requests that the API answered.",
    ("method", "code"),
    registry=REGISTRY,
)
REQUEST_SECONDS = Histogram(
    "instar_api_request_duration_seconds",
    "From a request's head to the end of its answer; without event streams, which last as long as somebody looks.",
    ("method",),
    buckets=ANSWERS,
    registry=REGISTRY,
)


def one_of(known: Iterable[StrEnum | str], value: str) -> str:
    """The value if it is known, else `other`; "" stays "".

    >>> one_of(("a", "b"), "a"), one_of(("a", "b"), "c"), one_of(("a",), "")
    ('a', 'other', '')
    """
    return value if not value or value in tuple(known) else OTHER
