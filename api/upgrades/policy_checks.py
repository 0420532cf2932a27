"""What a rollout policy would mean: the next openings, and the first batches of a set as it is now."""

import asyncio
from datetime import datetime, timedelta
from itertools import islice
from typing import Any

from api.services.dependencies import Services
from api.wire.moments import moment
from instar.domain.decisions import batching, enrolment, verdicts
from instar.domain.machines.instances import HealthObservation, HealthState, Instance, InstanceView, Look
from instar.domain.records.progress import Outcome
from instar.domain.records.upgrade_plan import UpgradePlan
from instar.domain.records.upgrades import ErrorCode
from instar.domain.sets.policies import StartedBy, policy_in_force
from instar.domain.sets.scale_sets import ScaleSetModel
from instar.domain.steering.bakes import bake_after
from instar.domain.steering.rollout_policy import RolloutPolicy
from instar.store.health_sources import health_source_of
from instar.store.sets.stored_scale_set import StoredScaleSet

OPENINGS_SHOWN = 5
BATCHES_SHOWN = 20
"""Of a set of thousands the rest is like the last of them."""

CALENDAR_ENDS_SOON = timedelta(days=60)

Json = dict[str, Any]


async def preview(services: Services, stored: StoredScaleSet, policy: RolloutPolicy) -> tuple[list[Json], list[str]]:
    """The first batches if all machines were due and all went well, and what the policy names that is not there."""
    model = ScaleSetModel.from_arm(stored.document, stored.generation)
    instances = await services.provider.list_instances(stored.identity)
    source = await asyncio.to_thread(health_source_of, services.store, model)
    healths = await services.healths.of(stored.identity, source, instances)
    plan = UpgradePlan(
        target=model.image,
        generation=stored.machine_generation,
        policy=policy_in_force(model.upgrade_policy, StartedBy.USER),
        auto_rollback=False,
        manual_mode=False,
        health_source=source,
        by_update_domain=model.service_fabric is not None,
        rollout=policy,
    )
    now = services.clock()
    views = tuple(InstanceView(one, healths.get(one.instance_id) or _unknown(one, now)) for one in instances)
    remarks = []
    known = [one.instance_id for one in instances]
    named = policy.canary.instances if policy.canary else ()
    if missing := [instance_id for instance_id in named if instance_id not in known]:
        remarks.append(f"the set has no instance {', '.join(missing)}: its canary is without")
    look = Look(views=views, taken_at=now)
    _, breach = verdicts.check_whole_set(look, plan.policy, ErrorCode.UNHEALTHY_BEFORE, stored.identity.name)
    if breach:
        remarks.append(f"nothing would begin now: {breach.message}")
    return await asyncio.to_thread(_batches, look, plan), remarks


def check_body(policy: RolloutPolicy, shown: Json, now: datetime, remarks: list[str]) -> Json:
    """The policy as it was understood (`shown`), how its windows stand, and what is odd about it."""
    timetable = policy.timetable
    state = timetable.state_at(now)
    openings = islice(timetable.openings(now), OPENINGS_SHOWN) if policy.windows or policy.not_on else ()
    until = policy.not_on_read_until
    if until and until - now.date() <= CALENDAR_ENDS_SOON:
        remarks = [*remarks, f"its calendar was read up to {until}: no later day is off until it is stored anew"]
    return {
        "properties": shown,
        "windows": {"open": state.is_open, "told": state.reason},
        "openings": [{"from": moment(one.start), "to": moment(one.end)} for one in openings],
        "remarks": remarks,
    }


def _unknown(instance: Instance, now: datetime) -> HealthObservation:
    return HealthObservation(instance.instance_id, HealthState.UNKNOWN, now)


def _batches(look: Look, plan: UpgradePlan) -> list[Json]:
    """By the same code as an upgrade's."""
    progress = enrolment.enrol(look, plan, StartedBy.USER)
    found: list[Json] = []
    while len(found) < BATCHES_SHOWN:
        batch = batching.select_batch(look, progress, plan, len(found))
        if not batch.ids:
            break
        progress = progress.model_copy(update={"canary_batches": batch.canary_batches})
        progress = progress.moved(batch.ids, Outcome.UPGRADED)
        number, left = len(found) + 1, len(progress.of(Outcome.PENDING))
        bake = bake_after(plan.rollout, batch=number, canary_batches=batch.canary_batches, is_last=not left)
        found.append(
            {
                "batch": number,
                "size": len(batch.ids),
                "instances": batch.ids.ranges,
                "bakeSeconds": int(bake.total_seconds()),
                "instancesAfter": left,
                "reason": batch.reason,
            }
        )
    return found
