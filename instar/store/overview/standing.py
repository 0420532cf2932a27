"""How the sets stand: what runs, how many machines are out, what is waited for, who is needed; what is quarantined."""

import json
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from sqlalchemy import Connection, select

from instar.domain.records.scale_set_status import ScaleSetStatus, with_look
from instar.domain.records.upgrades import ROLLING_KINDS, UpgradeRecord
from instar.domain.shares import share
from instar.domain.steering.next_step import ParkedFor
from instar.store.database.tables import SCALE_SET_STATUS, SCALE_SETS, SET_LOOKS, UPGRADES
from instar.store.overview.backlogs import Backlog
from instar.telemetry.metrics import OTHER, one_of

SETS_AT_MOST = 100_000
"""Sets that one reading goes over."""

LATE = timedelta(minutes=30)
"""How late a set's look may be: a worker that was away is back by then, or somebody is told of that."""

RETRIES = "retries"
"""What an upgrade waits for that tries something again and again (F10)."""

WAITING_FOR = (*(one.value for one in ParkedFor), RETRIES, OTHER)


class Why(StrEnum):
    """Why a set needs a person."""

    APPROVAL = "approval"
    """Its upgrade asks at a gate (G3)."""
    ROLLBACK_FAILED = "rollbackFailed"
    """Machines of its newest upgrade are not healthy on their previous disk either (P8)."""
    RECORDS_BEHIND = "recordsBehind"
    """Its records are older than its machines (F7)."""


@dataclass
class Standing:
    """Of all sets together."""

    sets: Counter[bool] = field(default_factory=Counter)
    """By whether automatic upgrades are on."""
    running: Counter[str] = field(default_factory=Counter)
    """Upgrades by kind; likewise the next two."""
    out: Counter[str] = field(default_factory=Counter)
    """Machines that are being worked on."""
    limit: Counter[str] = field(default_factory=Counter)
    """Machines that may be out in these upgrades (B1)."""
    most_out: float = 0.0
    """The share of its own limit that is out, of the upgrade where that is the most."""
    waiting: dict[str, Backlog] = field(default_factory=dict)
    """Upgrades by what they wait for."""
    need_person: Counter[Why] = field(default_factory=Counter)
    """Sets, each counted once for each reason."""
    not_looking: int = 0
    """Sets with automatic upgrades that run none, and whose next look is overdue or was never fixed."""
    quarantined: int = 0
    """Versions, once for each set that does not take them."""
    newest_quarantine: datetime | None = None


def standing(connection: Connection, now: datetime) -> Standing:
    """Read it."""
    found = Standing()
    upgrades = _latest(connection)
    busy = set[str]()
    for record, waits_since in upgrades:
        _add_upgrade(found, record, waits_since)
        if not record.status.ended:
            busy.add(record.scale_set.unique_id)
    for unique_id, status in _statuses(connection):
        _add_status(found, status, now, busy=unique_id in busy)
    return found


def _latest(connection: Connection) -> Iterable[tuple[UpgradeRecord, datetime | None]]:
    """The newest rolling upgrade of each set that is there; since when it is tried again and again."""
    newest = (
        select(UPGRADES.c.number)
        .where(UPGRADES.c.unique_id == SCALE_SETS.c.unique_id, UPGRADES.c.kind.in_(ROLLING_KINDS))
        .order_by(UPGRADES.c.number.desc())
        .limit(1)
        .correlate(SCALE_SETS)
        .scalar_subquery()
    )
    query = (
        select(UPGRADES.c.record, UPGRADES.c.waits_since)
        .join(SCALE_SETS, SCALE_SETS.c.unique_id == UPGRADES.c.unique_id)
        .where(UPGRADES.c.number == newest)
        .limit(SETS_AT_MOST)
    )
    for row in connection.execute(query):
        yield UpgradeRecord.model_validate_json(row.record), row.waits_since


def _add_upgrade(found: Standing, record: UpgradeRecord, waits_since: datetime | None) -> None:
    if record.counts.rollback_failed:
        found.need_person[Why.ROLLBACK_FAILED] += 1
    if record.status.ended:
        return
    kind, counts = record.kind.value, record.counts
    machines = counts.successful + counts.failed + counts.in_progress + counts.pending
    limit = share(machines, record.policy.max_batch_instance_percent) if machines else 0
    found.running[kind] += 1
    found.out[kind] += counts.in_progress
    found.limit[kind] += limit
    found.most_out = max(found.most_out, counts.in_progress / limit if limit else 0.0)
    if record.parked_for:
        _add_wait(found, one_of(ParkedFor, record.parked_for), record.parked_since)
    elif waits_since is not None:
        _add_wait(found, RETRIES, waits_since)
    if record.parked_for == ParkedFor.APPROVAL:
        found.need_person[Why.APPROVAL] += 1


def _add_wait(found: Standing, what: str, since: datetime | None) -> None:
    had = found.waiting.get(what, Backlog())
    sinces = [one for one in (had.oldest, since) if one is not None]
    found.waiting[what] = Backlog(had.count + 1, min(sinces, default=None))


def _statuses(connection: Connection) -> Iterable[tuple[str, ScaleSetStatus | None]]:
    """Each set, with what its workflow has written of itself."""
    query = (
        select(SCALE_SETS.c.unique_id, SCALE_SET_STATUS.c.status, SET_LOOKS.c.looked_at, SET_LOOKS.c.next_at)
        .outerjoin(SCALE_SET_STATUS, SCALE_SET_STATUS.c.unique_id == SCALE_SETS.c.unique_id)
        .outerjoin(SET_LOOKS, SET_LOOKS.c.unique_id == SCALE_SETS.c.unique_id)
        .limit(SETS_AT_MOST)
    )
    for row in connection.execute(query):
        status = None if row.status is None else _read(row.status)
        if status is not None and row.looked_at is not None:
            status = with_look(status, row.looked_at, "", row.next_at)
        yield row.unique_id, status


def _read(text: str) -> ScaleSetStatus:
    document: dict[str, Any] = json.loads(text)
    # Instances that a version did not suit are many, and of no interest here.
    (document.get("quarantine") or {}).pop("left_behind", None)
    return ScaleSetStatus.model_validate(document)


def _add_status(found: Standing, status: ScaleSetStatus | None, now: datetime, *, busy: bool) -> None:
    found.sets[status is not None and status.enabled] += 1
    if status is None:
        return
    if status.held:
        found.need_person[Why.RECORDS_BEHIND] += 1
    elif status.enabled and not busy and (status.next_look_at is None or status.next_look_at < now - LATE):
        found.not_looking += 1
    found.quarantined += len(status.quarantine.versions)
    sinces = [found.newest_quarantine, *(one.since for one in status.quarantine.versions)]
    found.newest_quarantine = max((one for one in sinces if one), default=None)
