"""The newest upgrade of a set with all that is told of it: what is asked more often than anything else (A1)."""

from dataclasses import dataclass

from sqlalchemy import and_, bindparam, select

from instar.domain.records.upgrades import ROLLING_KINDS, UpgradeRecord, UpgradeStart
from instar.store.database.database import Database
from instar.store.database.operators_tables import UPGRADE_STARTS
from instar.store.database.tables import UPGRADES
from instar.store.waits import Wait


@dataclass(frozen=True, slots=True)
class LatestUpgrade:
    """The newest rolling upgrade of either kind, running or ended, without decisions and instances."""

    record: UpgradeRecord
    wait: Wait | None
    """What it waits for, while it runs."""
    start: UpgradeStart | None
    """What it began with; None where there was nothing to say (C4)."""


_OF_A_SET = (
    select(UPGRADES.c.record, UPGRADES.c.ended, UPGRADES.c.waits_for, UPGRADES.c.waits_since, UPGRADE_STARTS.c.document)
    .outerjoin(
        UPGRADE_STARTS,
        and_(UPGRADE_STARTS.c.unique_id == UPGRADES.c.unique_id, UPGRADE_STARTS.c.number == UPGRADES.c.number),
    )
    .where(UPGRADES.c.unique_id == bindparam("unique_id"), UPGRADES.c.kind.in_(ROLLING_KINDS))
    .order_by(UPGRADES.c.number.desc())
    .limit(1)
)
"""Made once: to put a query together takes SQLAlchemy longer than SQLite takes to answer it."""


class LatestUpgrades:
    """Methods are synchronous and short: call them by `asyncio.to_thread` from a loop."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def of(self, unique_id: str) -> LatestUpgrade | None:
        """That of a set, in one query; None before its first."""
        with self._database.reading() as connection:
            row = connection.execute(_OF_A_SET, {"unique_id": unique_id}).one_or_none()
        if row is None:
            return None
        waits = not row.ended and row.waits_since is not None
        return LatestUpgrade(
            record=UpgradeRecord.model_validate_json(row.record),
            wait=Wait(row.waits_for, row.waits_since) if waits else None,
            start=UpgradeStart.model_validate(row.document) if row.document is not None else None,
        )
