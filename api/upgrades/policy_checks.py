"""What a rollout policy would mean: the next openings, and the first batches of a set as it is now."""

import asyncio
from datetime import datetime, timedelta
from itertools import islice
from typing import Any

from api.services.dependencies import Services
from api.upgrades.looking import seen
from api.wire.moments import moment
from instar.domain.decisions import verdicts
from instar.domain.decisions.pace import pace_of
from instar.domain.decisions.simulation import Simulation, Situation, simulate
from instar.domain.decisions.starts import plan_of
from instar.domain.records.upgrades import ErrorCode
from instar.domain.sets.policies import StartedBy
from instar.domain.sets.scale_sets import ScaleSetModel
from instar.domain.steering.rollout_policy import RolloutPolicy
from instar.domain.steering.start_wishes import Limit, StartWishes
from instar.store.health_sources import health_source_of
from instar.store.sets.stored_scale_set import StoredScaleSet

OPENINGS_SHOWN = 5
BATCHES_SHOWN = 20
"""Of a set of thousands the rest is like the last of them."""

CALENDAR_ENDS_SOON = timedelta(days=60)

Json = dict[str, Any]


async def preview(services: Services, stored: StoredScaleSet, policy: RolloutPolicy) -> tuple[list[Json], list[str]]:
    """The first batches if all machines were due and all went well, and what the policy names that is not there."""
    model = ScaleSetModel.from_arm(stored.document, stored.machine_generation)
    source = await asyncio.to_thread(health_source_of, services.store, model)
    look = (await seen(services, stored, source)).look
    # No machine is on `latest`: all are due. Nothing keeps it back, so that the batches are seen all the same.
    anyway = StartWishes(override=tuple(Limit))
    plan = plan_of(model, source, model.image, StartedBy.USER, auto_rollback=False, rollout=policy, wishes=anyway)
    remarks = []
    named = policy.canary.instances if policy.canary else ()
    if missing := [instance_id for instance_id in named if instance_id not in look.by_id]:
        remarks.append(f"the set has no instance {', '.join(missing)}: its canary is without")
    _, breach = verdicts.check_whole_set(look, plan.policy, ErrorCode.UNHEALTHY_BEFORE, stored.identity.name)
    if breach:
        remarks.append(f"nothing would begin now: {breach.message}")
    health_wait = services.settings.delays.health_wait
    situation = Situation(now=services.clock(), pace=pace_of([], [], health_wait), health_wait=health_wait)
    return _batches(await asyncio.to_thread(simulate, look, plan, situation)), remarks


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


def _batches(simulation: Simulation) -> list[Json]:
    found: list[Json] = []
    after = sum(len(batch.ids) for batch in simulation.batches) + len(simulation.left)
    for batch in simulation.batches[:BATCHES_SHOWN]:
        after -= len(batch.ids)
        found.append(
            {
                "batch": batch.number,
                "size": len(batch.ids),
                "instances": batch.ids.ranges,
                "bakeSeconds": int(batch.bake.total_seconds()),
                "instancesAfter": after,
                "reason": batch.reason,
            }
        )
    return found
