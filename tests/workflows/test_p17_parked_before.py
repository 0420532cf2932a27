"""Upgrades that a worker of before `Parked` was a phase parked, or saw go on, go on under this one (docs/adr/0006)."""

import asyncio
import base64
import json
from datetime import timedelta
from pathlib import Path
from typing import Any

from temporalio.client import WorkflowHistory
from temporalio.worker import Replayer

from instar.domain.sets.names import Attribute
from instar.domain.steering.wishes import Gate
from tests.support.older_histories import upserted, without
from tests.support.wishing import begun_anew_while_parked, parked, pause, resume, tell
from tests.support.world import World, a_world
from tests.workflows.test_c1_c2_pause_and_hold import half_done
from tests.workflows.test_w2_w3_g3_parked import said
from workflows.plugin import instar_plugin
from workflows.upgrades.journal import PARKED_IS_A_PHASE


def is_new(event: dict[str, Any]) -> bool:
    """What such a worker did not write: that it is parked, and that it is so no more."""
    phase = upserted(event).get(Attribute.PHASE)
    return phase is not None and json.loads(base64.b64decode(phase["data"])) in ("Parked", "RollingForward")


async def replays(world: World, history: WorkflowHistory) -> None:
    """Raises NondeterminismError. What was written by this worker replays as well."""
    older = without(history, PARKED_IS_A_PHASE, is_new)
    assert len(older.events) < len(history.events), "nothing in it is of today"
    replayer = Replayer(workflows=[], plugins=[instar_plugin(world.client.data_converter.payload_codec)])
    for one in (history, older):
        await replayer.replay_workflow(one)


async def test_p17_f1_an_upgrade_that_was_parked_before_goes_on(world: World) -> None:
    await half_done(world)
    pause(world)
    await world.pass_time(timedelta(minutes=7))
    await parked(world)
    await replays(world, await world.upgrade().fetch_history())
    resume(world)
    await tell(world)
    await world.end_of()
    await replays(world, await world.upgrade().fetch_history())


async def test_p17_f1_one_that_began_a_run_of_its_own_parked_before_goes_on(tmp_path: Path) -> None:
    async with a_world(tmp_path, forgetful_after=20) as world:
        second = await begun_anew_while_parked(world)
        said(world, True, Gate.FIRST)
        await tell(world)
        await world.until(lambda: "batch" in world.decisions())
        handle = world.client.get_workflow_handle(world.upgrade().id, run_id=second)
        history = await handle.fetch_history()
        while not any(map(is_new, history.to_json_dict()["events"])):
            await asyncio.sleep(0.1)
            history = await handle.fetch_history()
        await replays(world, history)
