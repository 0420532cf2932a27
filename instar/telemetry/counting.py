"""Counts of what was written down of upgrades, made where it is written: an activity that writes again counts nothing.

A write that was made before brings no decision that is new, and the end of an upgrade is written once: so what is
counted here is counted once by whichever process wrote it. A process that is killed between its write and its count
takes that one count along, as it takes all of its counters; totals since ever are in the records.
"""

from collections.abc import Iterable
from datetime import datetime
from itertools import product

from instar.domain.health.probe_answers import Answer
from instar.domain.health.sources import Protocol
from instar.domain.machines.instance_ids import InstanceIds
from instar.domain.records.progress import Outcome
from instar.domain.records.upgrades import Decision, ErrorCode, UpgradeKind, UpgradeRecord, UpgradeStatus
from instar.domain.sets.policies import StartedBy
from instar.domain.steering.next_step import ParkedFor
from instar.telemetry.metrics import (
    BATCH_SECONDS,
    BATCHES,
    OUTBOUND_CALLS,
    OUTBOUND_SECONDS,
    OUTCOMES,
    PARKINGS,
    PROBES,
    UPGRADE_SECONDS,
    UPGRADES_ENDED,
    UPGRADES_STARTED,
    WEBHOOK_ATTEMPTS,
    one_of,
)
from instar.telemetry.purposes import RESPONSES, Purpose

UNDER_WAY = (Outcome.PENDING, Outcome.IN_PROGRESS)
"""What an instance comes to on its way; not what becomes of it."""


ENDS = tuple(status for status in UpgradeStatus if status.ended)


def begin_at_zero() -> None:  # noqa: C901  # a line for each label
    """Have every series there from the start: of one that begins at 1 Prometheus sees no increase.

    Only of Faulted ones is the error's code of interest before there is one.
    """
    for kind in UpgradeKind:
        BATCHES.labels(kind)
        for by in StartedBy:
            UPGRADES_STARTED.labels(kind, by)
            for status in ENDS:
                UPGRADES_ENDED.labels(kind, by, status, "")
            for error in ErrorCode:
                UPGRADES_ENDED.labels(kind, by, UpgradeStatus.FAULTED, error)
        for outcome in Outcome:
            if outcome not in UNDER_WAY:
                OUTCOMES.labels(kind, outcome)
    for what in ParkedFor:
        PARKINGS.labels(what)
    for answer, protocol in product(Answer, Protocol):
        PROBES.labels(protocol, answer)
    for result in ("delivered", "failed"):
        WEBHOOK_ATTEMPTS.labels(result)
    for purpose, response in product(Purpose, RESPONSES):
        OUTBOUND_SECONDS.labels(purpose)
        OUTBOUND_CALLS.labels(purpose, response)


def count_upgrade(record: UpgradeRecord, fresh: Iterable[Decision], before: UpgradeStatus | None) -> None:
    """What a write says that no write said before.

    `fresh`: its decisions that were not written yet; `before`: the status that was written until now, None of an
    upgrade that is new. Call it once the write is committed.
    """
    decisions = tuple(fresh)
    kind, by = record.kind.value, record.started_by.value
    if before is None:
        UPGRADES_STARTED.labels(kind, by).inc()
    if record.status.ended and not (before and before.ended):
        error = one_of(ErrorCode, record.error.code if record.error else "")
        UPGRADES_ENDED.labels(kind, by, record.status.value, error).inc()
        if record.ended_at is not None:
            UPGRADE_SECONDS.labels(kind, record.status.value).observe(_seconds(record.started_at, record.ended_at))
    BATCHES.labels(kind).inc(sum(one.action == "batch" for one in decisions))
    if not decisions:
        return
    if record.parked_for:
        PARKINGS.labels(one_of(ParkedFor, record.parked_for)).inc()
    for change in record.instances:
        if change.outcome not in UNDER_WAY:
            OUTCOMES.labels(kind, one_of(Outcome, change.outcome)).inc(len(InstanceIds(ranges=change.ids)))


def count_batch(kind: str, began_at: datetime, judged_at: datetime) -> None:
    """How long a batch took, up to its first verdict."""
    BATCH_SECONDS.labels(kind).observe(_seconds(began_at, judged_at))


def _seconds(since: datetime, until: datetime) -> float:
    """Never below zero: clocks of two machines may differ."""
    return max(0.0, (until - since).total_seconds())
