"""The upgrades that a set had, of every kind, and one of them as a whole: Instar's addition (A2, P17)."""

import asyncio
import re
from collections.abc import Sequence
from typing import Annotated, Any

from fastapi import APIRouter, Path, Query

from api.overviews.bodies import upgrade_body
from api.overviews.machines import came_from
from api.services.dependencies import SCALE_SET, Services, ServicesDep
from api.services.paging import PagingDep
from api.services.scale_set_lookup import StoredDep
from api.shapes.answers import decision_body
from api.wire.errors import invalid, not_found
from api.wire.queries import wanted
from instar.domain.records.progress import Outcome
from instar.domain.records.upgrades import ROLLING_KINDS, UpgradeKind, UpgradeRecord
from instar.store.sets.stored_scale_set import StoredScaleSet

router = APIRouter(tags=["overviews"])

UPGRADES = SCALE_SET + "/instar/upgrades"
LATEST = "latest"
ROLLING = ",".join(ROLLING_KINDS)

_NUMBER = re.compile(r"[1-9][0-9]{0,8}", re.ASCII)
_NOT_MOVED = (Outcome.CURRENT, Outcome.SKIPPED, Outcome.VANISHED)

Json = dict[str, Any]
Kinds = Annotated[str, Query(alias="kind", description=f"comma-separated: {', '.join(UpgradeKind)}")]
Number = Annotated[str, Path(alias="upgradeNumber", description="its number, or latest")]
Expand = Annotated[
    str,
    Query(alias="$expand", description="decisions, instances, from: the versions before it, where the disks tell"),
]


@router.get(UPGRADES, response_model=None)
async def list_upgrades(services: ServicesDep, stored: StoredDep, paging: PagingDep, kind: Kinds = ROLLING) -> Json:
    """List the upgrades of a set, the newest first: what, who, to which version, how it went.

    Rolling ones of every kind where `kind` does not say; `instanceAction` is what was asked of single machines.
    """
    kinds = _kinds(kind)
    records = await asyncio.to_thread(services.store.upgrades.of_kinds, stored.identity.unique_id, kinds)
    page = paging.page(records, lambda one: (-one.number,))
    return page.answer(await _shown(services, page.items))


@router.get(UPGRADES + "/{upgradeNumber}", response_model=None)
async def get_upgrade(services: ServicesDep, stored: StoredDep, number: Number, expand: Expand = "") -> Json:
    """One upgrade of a set, with its decisions and what became of each machine, where `$expand` asks for them."""
    besides = wanted("$expand", expand, ("decisions", "instances", "from"))
    record = await _record(services, stored, number)
    [body] = await _shown(services, [record])
    properties, key = body["properties"], (stored.identity.unique_id, record.number)
    if "decisions" in besides:
        found = await asyncio.to_thread(services.store.upgrades.decisions, *key)
        properties["decisions"] = [decision_body(one) for one in found]
    if besides & {"instances", "from"}:
        rows = await asyncio.to_thread(services.store.upgrades.instances, *key)
        if "instances" in besides:
            properties["instances"] = {
                instance_id: {"outcome": str(row.outcome), "batch": row.batch, "reason": row.reason}
                for instance_id, row in rows.items()
            }
        if "from" in besides:
            members = {instance_id for instance_id, row in rows.items() if row.outcome not in _NOT_MOVED}
            properties["from"] = await came_from(services, record, members)
    return body


async def _shown(services: Services, records: Sequence[UpgradeRecord]) -> list[Json]:
    """In as many queries for all as for one: at most one of them runs, as a rule."""
    if not records:
        return []
    unique_id = records[0].scale_set.unique_id
    newest = services.store.upgrades.last_decisions
    numbers = [one.number for one in records]
    decided = await asyncio.to_thread(newest, unique_id, numbers)
    starts = await asyncio.to_thread(services.store.upgrades.starts, unique_id, numbers)
    waits = {
        one.number: await asyncio.to_thread(services.store.waits.of_upgrade, unique_id, one.number)
        for one in records
        if not one.status.ended
    }
    return [
        upgrade_body(one, decided.get(one.number), waits.get(one.number), starts.get(one.number)) for one in records
    ]


async def _record(services: Services, stored: StoredScaleSet, number: str) -> UpgradeRecord:
    """Raises ArmError 400 for what is no number, 404 for one that was not given."""
    unique_id = stored.identity.unique_id
    if number.lower() == LATEST:
        record = await asyncio.to_thread(services.store.upgrades.latest, unique_id)
    elif _NUMBER.fullmatch(number):
        record = await asyncio.to_thread(services.store.upgrades.get, unique_id, int(number))
    else:
        raise invalid(f"'{number[:60]}' is no number of an upgrade: it counts from 1, or is 'latest'.", "upgradeNumber")
    if record is None:
        raise not_found(f"The scale set '{stored.identity.name}' has no upgrade {number}.")
    return record


def _kinds(given: str) -> list[UpgradeKind]:
    """Raises ArmError 400 for one that is not known."""
    chosen = wanted("kind", given, tuple(UpgradeKind))
    return [kind for kind in UpgradeKind if kind.lower() in chosen]
