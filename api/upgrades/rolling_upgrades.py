"""Rolling OS upgrades: start, cancel, the newest one, the history."""

import asyncio
from datetime import UTC, datetime
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import JSONResponse, Response

from api.remembered.answers import told_by_the_store
from api.services.dependencies import SCALE_SET, ApiVersion, Services, ServicesDep
from api.services.long_running import accepted, asked
from api.services.paging import PagingDep
from api.services.scale_set_lookup import StoredDep
from api.shapes.answers import decision_body, history_body, latest_body
from api.upgrades.forecasts import forecast_body
from api.upgrades.start_checks import refuse_what_cannot_begin
from api.wire.errors import not_found
from api.wire.moments import months_before
from api.wire.queries import wanted
from instar.domain.messages.scale_set import CancelUpgrade, StartUpgrade
from instar.domain.records.operations import Operation, OperationKind
from instar.domain.records.upgrades import UpgradeRecord
from instar.store.sets.stored_scale_set import StoredScaleSet
from instar.store.upgrades import HISTORY_AT_MOST

router = APIRouter(tags=["rolling upgrades"])

EXPANSIONS = ("decisions", "instances", "forecast")
ATTEMPTS_SHOWN = 5
MONTHS_SHOWN = 2
"""What the history holds where nothing else is asked for (A2)."""

EVER = datetime(1970, 1, 1, tzinfo=UTC)


@router.post(SCALE_SET + "/osRollingUpgrade", status_code=202, response_model=None)
async def start_os_upgrade(
    request: Request,
    services: ServicesDep,
    stored: StoredDep,
    api_version: ApiVersion,
) -> Response:
    """Start an upgrade to the newest image version now (T4). 409 while one runs (P15). A body is ignored."""
    await refuse_what_cannot_begin(services, stored)
    operation = await asked(
        services, OperationKind.OS_UPGRADE, stored, lambda operation_id: StartUpgrade(operation_id=operation_id)
    )
    return accepted(request, services, operation, api_version)


@router.post(SCALE_SET + "/rollingUpgrades/cancel", status_code=202, response_model=None)
async def cancel_upgrade(
    request: Request,
    services: ServicesDep,
    stored: StoredDep,
    api_version: ApiVersion,
) -> Response:
    """Cancel the upgrade that runs (P14). 409 if none does. A pause of the set ends (C1)."""
    return accepted(request, services, await cancel_asked(services, stored), api_version)


async def cancel_asked(
    services: Services, stored: StoredScaleSet, *, revert: bool = False, reason: str = "", by: str = "", number: int = 0
) -> Operation:
    """Ask the set to cancel its upgrade, and take its pause away (C1). Raises ArmError 409 if none runs.

    `number`: the one that is meant; 0 for whichever runs.
    """
    operation = await asked(
        services,
        OperationKind.CANCEL,
        stored,
        lambda operation_id: CancelUpgrade(
            operation_id=operation_id, revert=revert, reason=reason, by=by, number=number
        ),
    )
    await asyncio.to_thread(services.store.wishes.resume, stored.identity.unique_id)
    return operation


Expand = Annotated[
    str,
    Query(alias="$expand", description="decisions, instances, forecast: what Instar tells besides, comma-separated"),
]


async def _told_by_the_store(request: Request, expand: Expand = "") -> None:
    """A forecast goes by the clock and the machines; all else stands in the store."""
    if "forecast" not in wanted("$expand", expand, EXPANSIONS):
        told_by_the_store(request)


@router.get(SCALE_SET + "/rollingUpgrades/latest", dependencies=[Depends(_told_by_the_store)], response_model=None)
async def latest_upgrade(
    services: ServicesDep, stored: StoredDep, api_version: ApiVersion, expand: Expand = ""
) -> Response:
    """The upgrade that runs, or the last that ran: policy, status, counts, error (A1). 404 before the first."""
    besides = wanted("$expand", expand, EXPANSIONS)
    latest = await asyncio.to_thread(services.store.latest.of, stored.identity.unique_id)
    if latest is None:
        raise not_found()
    record = latest.record
    body = latest_body(record, api_version, latest.wait, latest.start)
    if "decisions" in besides:
        body["properties"]["decisions"] = await _decisions(services, record)
    if "instances" in besides:
        body["properties"]["instances"] = await _instances(services, record)
    if "forecast" in besides and (told := await forecast_body(services, stored, record, latest.start)):
        body["properties"]["forecast"] = told
    return JSONResponse(body)


@router.get(SCALE_SET + "/osUpgradeHistory", response_model=None)
async def os_upgrade_history(
    services: ServicesDep, stored: StoredDep, paging: PagingDep, api_version: ApiVersion
) -> dict[str, Any]:
    """The newest attempts first: five of the last two months, or those of any age, `$top` to a page (A2)."""
    since = EVER if paging.top else months_before(services.clock(), MONTHS_SHOWN)
    history = services.store.upgrades.history
    most = HISTORY_AT_MOST if paging.top else ATTEMPTS_SHOWN
    records = await asyncio.to_thread(history, stored.identity.unique_id, since, most)
    page = paging.page(records, lambda record: (-record.number,))
    numbers = [record.number for record in page.items]
    starts = await asyncio.to_thread(services.store.upgrades.starts, stored.identity.unique_id, numbers)
    return page.answer(history_body(record, api_version, starts.get(record.number)) for record in page.items)


async def _decisions(services: Services, record: UpgradeRecord) -> list[dict[str, Any]]:
    decisions = services.store.upgrades.decisions
    found = await asyncio.to_thread(decisions, record.scale_set.unique_id, record.number)
    return [decision_body(one) for one in found]


async def _instances(services: Services, record: UpgradeRecord) -> dict[str, dict[str, Any]]:
    instances = services.store.upgrades.instances
    found = await asyncio.to_thread(instances, record.scale_set.unique_id, record.number)
    return {
        instance_id: {"outcome": str(row.outcome), "batch": row.batch, "reason": row.reason}
        for instance_id, row in found.items()
    }
