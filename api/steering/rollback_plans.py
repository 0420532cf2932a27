"""What a rollback would do now, by its own code and without doing it: Instar's addition (docs/rules.md C3, R2)."""

import asyncio
from typing import Any

from fastapi import APIRouter

from api.services.dependencies import SCALE_SET, ServicesDep
from api.services.scale_set_lookup import StoredDep
from api.shapes.answers import going_back_body, target_body
from api.steering.plans import outcome_of, plan_document
from api.steering.rollbacks import not_rolled_back, way_of
from api.steering.start_bodies import BACK_EXAMPLE, wishes_back
from api.upgrades.looking import seen
from api.wire.bodies import OptionalJsonBody, described
from instar.domain.decisions.going_back import nobody_goes, plan_back
from instar.domain.records.way_back import WayBack
from instar.domain.sets.policies import StartedBy
from instar.domain.sets.scale_sets import ScaleSetModel
from instar.store.health_sources import health_source_of

router = APIRouter(tags=["steering"])

Json = dict[str, Any]


@router.post(SCALE_SET + "/instar/rollback/plan", response_model=None, openapi_extra=described(BACK_EXAMPLE))
async def plan_rollback(services: ServicesDep, stored: StoredDep, body: OptionalJsonBody) -> Json:
    """What `…/instar/rollback` with the same body would do now (C3). Nothing is done; whoever may read may ask.

    Who goes back to what, the batches as of a start's plan, who is left out and why, what would stop it, how long it
    would take, and the versions that would be quarantined. 409 where there is nothing to go back to.
    """
    wishes = wishes_back(services, body)
    model = ScaleSetModel.from_arm(stored.document, stored.machine_generation)
    source = await asyncio.to_thread(health_source_of, services.store, model)
    found = await seen(services, stored, source)
    instances = tuple(view.instance for view in found.look.views)
    way = await way_of(services, stored, instances, wishes)
    if refusal := nobody_goes(way, instances, wishes):
        raise not_rolled_back(stored, refusal)
    policy = await asyncio.to_thread(services.store.rollout_policies.in_force, stored.identity.unique_id)
    plan = plan_back(
        model,
        source,
        way,
        instances,
        StartedBy.USER,
        rollout=policy.policy if policy else None,
        wishes=wishes,
    )
    outcome = await outcome_of(services, stored, found, plan, wishes)
    told = {"target": target_body(plan.target), "kind": plan.kind.value} | _way_body(plan.way_back or way)
    return plan_document(stored, "rollback/plan", told | outcome)


def _way_body(way: WayBack) -> Json:
    return {
        "goesBackTo": [going_back_body(part) for part in way.parts],
        "quarantines": list(way.leaves),
        "sentence": way.goes,
    }
