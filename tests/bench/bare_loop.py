"""The same upgrade as a bare asyncio loop: the same fleet, the same decisions, nothing that survives a crash."""

import asyncio
import time
from pathlib import Path

from activities.looks import look_at
from instar.compute.clock import utc_now
from instar.compute.provider import Effect, Fence, Step
from instar.compute.simulated.fleet import SimulatedFleet
from instar.domain.decisions import batching, enrolment, verdicts
from instar.domain.machines.instance_ids import InstanceIds
from instar.domain.machines.instances import Standing
from instar.domain.records.progress import Outcome
from instar.domain.records.upgrade_plan import UpgradePlan
from instar.domain.records.upgrades import ErrorCode
from instar.domain.sets.policies import StartedBy
from instar.domain.sets.scale_sets import ScaleSetIdentity
from tests.bench import bare_fleet, scene
from tests.support.models import IMAGE, NEW
from workflows.options import HEALTH_POLL_GROWTH


async def run(folder: Path, size: int) -> float:
    """Make a fleet of that size, upgrade it, return the seconds of the latter."""
    with bare_fleet.opened(folder / f"bare-{size}.sqlite") as fleet:
        scale_set = scene.identity("bare")
        await bare_fleet.made(fleet, scale_set, size)
        plan = UpgradePlan(
            target=IMAGE.at(NEW),
            generation=1,
            policy=scene.POLICY,
            auto_rollback=False,
            manual_mode=False,
            health_source=bare_fleet.SOURCE,
        )
        began = time.perf_counter()
        await _upgrade(fleet, scale_set, plan)
        return time.perf_counter() - began


async def _upgrade(fleet: SimulatedFleet, scale_set: ScaleSetIdentity, plan: UpgradePlan) -> None:
    look = await look_at(fleet, scale_set, plan.health_source, utc_now)
    verdicts.check_whole_set(look, plan.policy, ErrorCode.UNHEALTHY_BEFORE, scale_set.name)
    progress = enrolment.enrol(look, plan, StartedBy.USER)
    number = 0
    while True:
        look = await look_at(fleet, scale_set, plan.health_source, utc_now)
        verdicts.check_whole_set(look, plan.policy, ErrorCode.UNHEALTHY_DURING, scale_set.name)
        ids = batching.select_batch(look, progress, plan).ids
        if not ids:
            return
        number += 1
        effects = [Effect(scale_set, Fence(1, Step.SWAP, 1), one, number) for one in ids]
        await asyncio.gather(*(fleet.swap_os_disk(one, plan.target, bare_fleet.MACHINE) for one in effects))
        await _healthy(fleet, scale_set, plan, ids)
        progress = progress.moved(ids, Outcome.UPGRADED)
        look = await look_at(fleet, scale_set, plan.health_source, utc_now)
        verdict = verdicts.judge(look, progress, plan.policy, scale_set.name)
        if verdict.breach:
            raise RuntimeError(f"the bare loop was breached: {verdict.breach.message}")


async def _healthy(fleet: SimulatedFleet, scale_set: ScaleSetIdentity, plan: UpgradePlan, ids: InstanceIds) -> None:
    pause = scene.DELAYS.health_poll_first
    while True:
        look = await look_at(fleet, scale_set, plan.health_source, utc_now, ids)
        if len(look.standing_in(Standing.HEALTHY)) == len(ids):
            return
        await asyncio.sleep(pause.total_seconds())
        pause = min(pause * HEALTH_POLL_GROWTH, scene.DELAYS.health_poll_most)
