"""What a start would do now, by the code of the upgrade and without doing it: Instar's addition (docs/rules.md C3)."""

import asyncio
from collections.abc import Collection
from typing import Any

from fastapi import APIRouter

from api.services.dependencies import SCALE_SET, Services, ServicesDep
from api.services.scale_set_lookup import StoredDep
from api.shapes.answers import target_body
from api.shapes.plans import outlook_body, pace_body
from api.steering.start_bodies import EXAMPLE, wishes_of
from api.upgrades.looking import Seen, seen, spans_before
from api.upgrades.start_checks import version_wished
from api.wire.bodies import OptionalJsonBody, described
from api.wire.errors import invalid, not_allowed
from instar.domain.decisions.obstacles import Standing, obstacles
from instar.domain.decisions.pace import pace_of
from instar.domain.decisions.simulation import Situation, simulate
from instar.domain.decisions.starts import Asked, plan_of, rolls_back, unknown_instances
from instar.domain.eligibility.eligibility import start_blockers
from instar.domain.records.upgrade_plan import UpgradePlan
from instar.domain.sets.policies import StartedBy
from instar.domain.sets.scale_sets import ScaleSetModel
from instar.domain.steering.start_wishes import StartWishes
from instar.domain.steering.turns.limits import Limit, most_machines
from instar.store.health_sources import health_source_of
from instar.store.sets.stored_scale_set import StoredScaleSet

router = APIRouter(tags=["steering"])

Json = dict[str, Any]


@router.post(SCALE_SET + "/instar/plan", response_model=None, openapi_extra=described(EXAMPLE))
async def plan_start(services: ServicesDep, stored: StoredDep, body: OptionalJsonBody) -> Json:
    """What `…/instar/upgrade` with the same body would do now (C3). Nothing is done; whoever may read may ask.

    The version, the batches with their wave, earliest begin and gate, who is left out and why, what would stop it now,
    and how long it would take. A batch's machines are taken for healthy afterwards, the others stay as they are.
    """
    wishes = await wishes_of(services, stored, body)
    model = ScaleSetModel.from_arm(stored.document, stored.machine_generation)
    asked = await asyncio.to_thread(version_wished, services, stored, wishes)
    if asked.refusal and not asked.quarantined:
        message = f"{asked.refusal[:1].upper()}{asked.refusal[1:]}."
        raise invalid(message, "version") if wishes.version else not_allowed(message)
    source = await asyncio.to_thread(health_source_of, services.store, model)
    found = await seen(services, stored, source)
    instances = [view.instance for view in found.look.views]
    if unknown := unknown_instances(wishes, instances, stored.identity.name):
        raise invalid(f"{unknown[:1].upper()}{unknown[1:]}.", "instances")
    policy = await asyncio.to_thread(services.store.rollout_policies.in_force, stored.identity.unique_id)
    plan = plan_of(
        model,
        source,
        model.image.at(asked.version),
        StartedBy.USER,
        auto_rollback=rolls_back(model, StartedBy.USER, wishes),
        rollout=policy.policy if policy else None,
        wishes=wishes,
    )
    blockers = tuple(blocker.message for blocker in start_blockers(model, instances))
    outcome = await outcome_of(services, stored, found, plan, wishes, blockers, asked)
    told = {"target": target_body(plan.target), "rollback": "auto" if plan.auto_rollback else "none"}
    return plan_document(stored, "plan", told | outcome)


def plan_document(stored: StoredScaleSet, name: str, properties: Json) -> Json:
    """What would be done, as a resource."""
    return {
        "id": f"{stored.identity.resource_id}/instar/{name}",
        "name": name.rsplit("/", 1)[-1],
        "type": "Microsoft.Compute/virtualMachineScaleSets/instar",
        "properties": properties,
    }


async def outcome_of(  # noqa: PLR0917  # all that is known
    services: Services,
    stored: StoredScaleSet,
    found: Seen,
    plan: UpgradePlan,
    wishes: StartWishes,
    blockers: tuple[str, ...] = (),
    asked: Asked | None = None,
) -> Json:
    """The batches of that plan, who is left out, what is against it, and how long it takes."""
    health_wait = services.settings.delays.health_wait
    pace = pace_of([], await spans_before(services, stored.identity.unique_id), health_wait)
    limits = await asyncio.to_thread(services.store.turns.covering, stored.identity.resource_id)
    situation = Situation(
        now=services.clock(),
        pace=pace,
        health_wait=health_wait,
        name=stored.identity.name,
        at_most=most_machines(limits),
    )
    simulation = await asyncio.to_thread(simulate, found.look, plan, situation)
    against = obstacles(await _standing(services, stored), wishes, blockers, asked or Asked(), simulation)
    return {
        "pace": pace_body(pace),
        **outlook_body(simulation, found.look, against, situation),
        "remarks": _remarks(found.unobserved, plan, limits),
    }


async def _standing(services: Services, stored: StoredScaleSet) -> Standing:
    """What is written down of the set at this moment."""
    identity, store, now = stored.identity, services.store, services.clock()
    latest = await asyncio.to_thread(store.upgrades.latest, identity.unique_id)
    status = await asyncio.to_thread(store.statuses.get, identity.unique_id)
    return Standing(
        wishes=await asyncio.to_thread(store.wishes.binding, identity.unique_id, identity.resource_id, now),
        running=0 if latest is None or latest.status.ended else latest.number,
        held=status.held if status else "",
    )


def _remarks(unobserved: int, plan: UpgradePlan, limits: Collection[Limit]) -> list[str]:
    """What the plan takes for granted."""
    remarks = [f"{unobserved} instances were not observed yet: they count as unhealthy here"] if unobserved else []
    if plan.rollout and plan.rollout.judges:
        names = ", ".join(judge.name for judge in plan.rollout.judges)
        remarks.append(f"asked before each batch, and taken to say yes here: {names}")
    if limits:
        names = ", ".join(limit.name for limit in limits)
        remarks.append(f"it may have to wait for its turn, which is not counted here: {names}")
    return remarks
