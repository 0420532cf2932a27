"""How far the upgrade of a set is, and when it would end: `$expand=forecast` (docs/rules.md C6)."""

import asyncio
from datetime import timedelta
from typing import Any

from api.services.dependencies import Services
from api.shapes.plans import pace_body, span
from api.upgrades.looking import seen, spans_before
from api.wire.moments import moment
from instar.compute.errors import ComputeError
from instar.domain.decisions.forecast import Forecast, Parked, Written, forecast
from instar.domain.decisions.starts import plan_of
from instar.domain.machines.instances import Look
from instar.domain.records.progress import Outcome
from instar.domain.records.upgrade_plan import UpgradePlan
from instar.domain.records.upgrades import UpgradeRecord, UpgradeStart, UpgradeStatus
from instar.domain.sets.scale_sets import ScaleSetModel
from instar.domain.steering.turns.limits import most_machines
from instar.store.health_sources import health_source_of
from instar.store.sets.stored_scale_set import StoredScaleSet

LOOKED_WITHIN = timedelta(seconds=5)
"""How long the compute has to list the machines: without them it is told what is written down."""

Json = dict[str, Any]


async def forecast_body(
    services: Services, stored: StoredScaleSet, record: UpgradeRecord, start: UpgradeStart | None
) -> Json | None:
    """The forecast of an upgrade; None of one that has ended."""
    if record.status.ended:
        return None
    identity, store, now = stored.identity, services.store, services.clock()
    decisions = await asyncio.to_thread(store.upgrades.decisions, identity.unique_id, record.number)
    rows = await asyncio.to_thread(store.upgrades.instances, identity.unique_id, record.number)
    binding = store.wishes.binding
    wishes = await asyncio.to_thread(binding, identity.unique_id, identity.resource_id, now, record.number)
    plan = await asyncio.to_thread(_plan, services, stored, record, start)
    before = await spans_before(services, identity.unique_id, record.number)
    written = Written(
        started_at=record.started_at,
        decisions=decisions,
        outcomes={one: Outcome(row.outcome) for one, row in rows.items()},
        batches={one: row.batch for one, row in rows.items() if row.outcome != Outcome.SKIPPED},
        ends_soon=record.status is UpgradeStatus.ROLLING_BACK or record.last_action == "Cancel",
    )
    look = await _look(services, stored, plan)
    health_wait = services.settings.delays.health_wait
    limits = await asyncio.to_thread(store.turns.covering, identity.resource_id)

    def told() -> Forecast:
        return forecast(
            written,
            plan,
            look,
            wishes,
            before=before,
            health_wait=health_wait,
            name=identity.name,
            now=now,
            at_most=most_machines(limits),
        )

    return _body(await asyncio.to_thread(told))


def _plan(services: Services, stored: StoredScaleSet, record: UpgradeRecord, start: UpgradeStart | None) -> UpgradePlan:
    """What it is pinned to, as far as it is written down; the rest as the set's model has it now."""
    model = ScaleSetModel.from_arm(stored.document, stored.machine_generation)
    plan = plan_of(
        model,
        health_source_of(services.store, model),
        record.target,
        record.started_by,
        auto_rollback=False,
        kind=record.kind,
        rollout=start.rollout if start else None,
        wishes=start.wishes if start else None,
    )
    return plan.model_copy(update={"policy": record.policy, "generation": record.generation})


async def _look(services: Services, stored: StoredScaleSet, plan: UpgradePlan) -> Look | None:
    try:
        async with asyncio.timeout(LOOKED_WITHIN.total_seconds()):
            return (await seen(services, stored, plan.health_source)).look
    except (ComputeError, TimeoutError):
        return None


def _body(found: Forecast) -> Json:
    body: Json = {
        "batchesDone": found.done,
        "batchWorkedOn": found.works,
        "elapsed": span(found.elapsed),
        "pace": pace_body(found.pace),
        "told": found.sentence,
    }
    if found.to_come is not None:
        body["batchesToCome"] = found.to_come
    if found.remaining is not None:
        body["remaining"] = span(found.remaining)
    if found.ends is not None:
        body["ends"] = moment(found.ends)
    if found.parked:
        body["parked"] = _parked(found.parked)
    if found.stop:
        body["stop"] = found.stop
    return body


def _parked(parked: Parked) -> Json:
    body: Json = {"reason": parked.reason, "since": moment(parked.since)}
    if parked.what:
        body["for"] = parked.what
    if parked.until:
        body["until"] = moment(parked.until)
    return body
