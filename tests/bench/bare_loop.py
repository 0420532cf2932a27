"""The same upgrade as a bare asyncio loop: the same fleet, the same decisions, nothing that survives a crash."""

import asyncio
import time
from pathlib import Path

from activities.looks import look_at
from instar.compute.clock import utc_now
from instar.compute.provider import Effect, Fence, MachineModel, Step
from instar.compute.simulated.fleet import SimulatedFleet
from instar.domain.decisions import batching, enrolment, verdicts
from instar.domain.machines.instance_ids import InstanceIds
from instar.domain.machines.instances import Standing
from instar.domain.records.progress import Outcome
from instar.domain.records.upgrade_plan import UpgradePlan
from instar.domain.records.upgrades import ErrorCode
from instar.domain.sets.policies import StartedBy
from instar.domain.sets.scale_sets import ScaleSetIdentity
from tests.bench import scene
from tests.support.models import IMAGE, NEW, OLD
from workflows.options import HEALTH_POLL_GROWTH


async def run(folder: Path, size: int) -> float:
    """Make a fleet of that size, upgrade it, return the seconds of the latter."""
    fleet = SimulatedFleet(folder / f"bare-{size}.sqlite")
    try:
        scene.script(fleet)
        scale_set = scene.identity("bare")
        model = scene.model(size)
        machine = MachineModel(generation=1, data_disks=1, health_source=model.health_source)
        for number in range(size):
            await fleet.create_instance(scale_set, str(number), IMAGE.at(OLD), machine)
        await asyncio.sleep(scene.BOOT.total_seconds() + 1)
        plan = UpgradePlan(
            target=IMAGE.at(NEW),
            generation=1,
            policy=scene.POLICY,
            auto_rollback=False,
            manual_mode=False,
            health_source=model.health_source,
        )
        began = time.perf_counter()
        await _upgrade(fleet, scale_set, plan, machine)
        return time.perf_counter() - began
    finally:
        fleet.close()


async def _upgrade(
    fleet: SimulatedFleet, scale_set: ScaleSetIdentity, plan: UpgradePlan, machine: MachineModel
) -> None:
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
        await asyncio.gather(*(fleet.swap_os_disk(one, plan.target, machine) for one in effects))
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
