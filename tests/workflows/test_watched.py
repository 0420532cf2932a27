"""Sets for which looks are made: what wakes them, what ends it, and that none is forgotten (T1, T2, T3, F1, F8)."""

from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path

import pytest
from temporalio.client import WorkflowExecutionStatus
from temporalio.service import RPCError
from temporalio.worker import Replayer, UnsandboxedWorkflowRunner

from activities.keeping.words import Words
from instar.compute.simulated.file.scripts import VersionScript
from instar.connection.sealed_payloads import SealedPayloads
from instar.domain.delays import Delays
from instar.domain.messages.keepers import Keeps
from instar.domain.messages.scale_set import NudgeLook
from instar.domain.records.upgrades import UpgradeStatus
from instar.domain.sets.names import LOOKS, keeper_workflow_id
from instar.domain.sets.scale_sets import ScaleSetIdentity
from instar.store.database.key_file import KeyFile
from tests.support.looking import LOOK, looking, until
from tests.support.models import IMAGE, LOCATION, NEW, OLD
from tests.support.world import World, a_world
from workflows import plugin
from workflows.plugin import instar_plugin
from workflows.sets import looks as set_looks
from workflows.sets import scale_set
from workflows.sets.scale_set import ScaleSetWorkflow

KEEPER = keeper_workflow_id(LOOKS)
IN_TIME = timedelta(minutes=5, seconds=20)
"""A round of looks later than the five minutes of a publication."""


def is_watched(world: World) -> bool:
    found = world.store.looks.due(world.clock() + timedelta(days=9), 100)
    return world.scale_set.unique_id in [one.stored.identity.unique_id for one in found]


async def published(world: World, version: str = NEW) -> None:
    """As the API does it: written down, and whoever looks is woken."""
    world.fleet.script_version(IMAGE.at(version), VersionScript())
    world.store.images.publish(IMAGE.publisher, IMAGE.offer, IMAGE.sku, version, LOCATION, {}, world.clock())
    await Words(world.client).begin(Keeps(what=LOOKS), wake=True)


async def keeper_status(world: World) -> WorkflowExecutionStatus | None:
    return (await world.client.get_workflow_handle(KEEPER).describe()).status


async def test_t2_a_publication_reaches_an_idle_set_within_five_minutes(world: World) -> None:
    await looking(world)
    assert is_watched(world)
    await published(world)
    await world.pass_time(IN_TIME)
    assert (await world.end_of(1)).status is UpgradeStatus.COMPLETED
    assert set((await world.versions()).values()) == {NEW}


async def test_t2_after_its_upgrade_it_looks_once_by_itself_and_is_looked_for_again(world: World) -> None:
    await looking(world)
    await published(world)
    await world.pass_time(IN_TIME)
    await world.end_of(1)
    assert not is_watched(world)
    planned = world.status().next_look_at
    await until(lambda: world.status().next_look_at is not None)
    planned = world.status().next_look_at
    assert planned is not None
    await world.pass_time(LOOK)
    assert world.status().last_look == f"nothing newer than {NEW}"
    assert is_watched(world)


async def test_t2_several_sets_of_an_image_are_all_reached(world: World) -> None:
    worlds = [world, *(world.beside() for _ in range(3))]
    for number, one in enumerate(worlds):
        await one.has_set(2, name=f"set-{number}")
        await one.put(automatic=True)
    await world.pass_time(timedelta(hours=3, seconds=5))
    await until(lambda: all(is_watched(one) for one in worlds))
    await published(world)
    await world.pass_time(IN_TIME)
    for one in worlds:
        assert (await one.end_of(1)).status is UpgradeStatus.COMPLETED


async def test_f1_its_keeper_terminated_a_set_is_looked_for_once_it_is_begun_anew(world: World) -> None:
    await looking(world)
    await world.client.get_workflow_handle(KEEPER).terminate("by hand")
    world.publish(NEW)
    await world.pass_time(timedelta(hours=2))
    assert world.history() == []
    due = world.status().next_look_at
    assert due is not None
    assert due < world.clock() - timedelta(minutes=30), "readers see that nobody looks"
    await Words(world.client).begin(Keeps(what=LOOKS))  # what the sweep does
    await world.pass_time(IN_TIME)
    assert (await world.end_of(1)).status is UpgradeStatus.COMPLETED


async def test_f1_with_nobody_who_looks_for_it_a_set_looks_by_itself_after_days(world: World) -> None:
    await looking(world)
    await world.client.get_workflow_handle(KEEPER).terminate("by hand")
    world.publish(NEW)
    await world.pass_time(timedelta(days=1, hours=23))
    assert world.history() == []
    await world.pass_time(timedelta(days=1, hours=2))
    assert (await world.end_of(1)).status is UpgradeStatus.COMPLETED


async def test_f9_a_set_whose_row_was_lost_looks_by_itself_after_days(world: World) -> None:
    await looking(world)
    world.store.looks.forget(world.scale_set.unique_id)
    assert world.status().next_look_at is None
    await world.pass_time(timedelta(days=3, hours=1))
    assert is_watched(world)


async def test_t2_a_set_whose_workflow_was_gone_when_it_was_told_hears_it_again(world: World) -> None:
    await looking(world)
    await world.its_workflow().terminate("by hand")
    await published(world)
    await world.pass_time(IN_TIME)
    assert world.history() == []
    await world.put(automatic=True)  # begun anew, as by the sweep
    await world.pass_time(LOOK)
    assert (await world.end_of(1)).status is UpgradeStatus.COMPLETED


async def test_t3_switched_off_nobody_looks_for_it_and_its_keeper_ends(world: World) -> None:
    await looking(world)
    await world.put(automatic=False)
    assert not is_watched(world)
    world.publish(NEW)
    await world.its_workflow().signal(ScaleSetWorkflow.nudge_look, NudgeLook(at_once=True))
    await world.pass_time(timedelta(hours=4))
    assert world.history() == []
    assert await keeper_status(world) is WorkflowExecutionStatus.COMPLETED
    await world.put(automatic=True)
    await world.pass_time(LOOK)
    assert (await world.end_of(1)).status is UpgradeStatus.COMPLETED


async def test_p15_deleted_it_takes_its_looks_along_and_made_anew_it_begins_anew(world: World) -> None:
    await looking(world)
    await world.ended(await world.delete())
    assert world.store.looks.next_due() is None
    await looking(world)
    assert is_watched(world)
    await published(world)
    await world.pass_time(IN_TIME)
    assert (await world.end_of(1)).status is UpgradeStatus.COMPLETED


async def test_t4_a_start_by_hand_ends_the_looks_that_are_made_until_it_has_looked_again(world: World) -> None:
    await looking(world)
    world.publish(NEW)
    await world.upgraded()
    assert not is_watched(world)
    assert len(world.history()) == 1
    await world.pass_time(LOOK)
    assert world.status().last_look == f"nothing newer than {NEW}"
    assert is_watched(world)
    assert len(world.history()) == 1


async def test_t6_looks_that_are_made_keep_to_the_delays_that_the_set_was_given(world: World) -> None:
    world.delays = Delays(look_least=timedelta(minutes=3), look_most=timedelta(minutes=4))
    await looking(world)
    moments = list[datetime]()
    for _ in range(4):
        planned = world.status().next_look_at
        assert planned is not None
        moments.append(planned)
        await world.pass_time(planned - world.clock() + timedelta(seconds=10))
        await until(lambda planned=planned: world.status().next_look_at != planned)  # type: ignore[misc]
    spans = [(after - before).total_seconds() for before, after in pairwise(moments)]
    assert all(170 < span < 260 for span in spans)


async def test_t2_what_is_told_to_a_set_on_the_newest_version_costs_it_one_look(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    await looking(world)
    listed = 0
    really = world.fleet.list_instances

    async def counted(scale_set: ScaleSetIdentity) -> object:
        nonlocal listed
        listed += 1
        return await really(scale_set)

    monkeypatch.setattr(world.fleet, "list_instances", counted)
    before = len((await world.workflow_history()).events)
    await world.its_workflow().signal(ScaleSetWorkflow.nudge_look, NudgeLook(at_once=True))
    looked = world.status().last_look_at
    await until(lambda: world.status().last_look_at != looked)
    await world.at_rest()
    assert len((await world.workflow_history()).events) - before <= 14
    assert listed == 0
    assert is_watched(world)
    assert world.history() == []


async def test_t2_a_keeper_sleeps_between_looks_without_history_and_each_wake_costs_little(
    world: World, tmp_path: Path
) -> None:
    await looking(world)
    handle = world.client.get_workflow_handle(KEEPER)
    before = len((await handle.fetch_history()).events)
    await world.pass_time(timedelta(days=1))
    assert len((await handle.fetch_history()).events) == before
    await Words(world.client).begin(Keeps(what=LOOKS), wake=True)
    await world.pass_time(timedelta(minutes=1))
    history = await handle.fetch_history()
    assert before < len(history.events) <= before + 12
    codec = SealedPayloads(KeyFile(tmp_path / "seal.keys"))
    await Replayer(workflows=[], plugins=[instar_plugin(codec)]).replay_workflow(history)


async def test_f8_a_worker_of_before_is_told_to_look_and_does_so_within_minutes() -> None:
    # It ignores what it does not know, and looks as for any nudge.
    assert NudgeLook.model_validate({"at_once": True, "more": 1}) == NudgeLook(at_once=True)
    assert NudgeLook().model_dump() == {}
    assert NudgeLook(at_once=True).model_dump() == {"at_once": True}


async def test_i3_no_keeper_is_begun_where_no_set_follows_an_image(world: World) -> None:
    await world.has_set(2)
    await world.pass_time(timedelta(hours=4))
    with pytest.raises(RPCError, match="not found"):
        await keeper_status(world)
    assert IMAGE.follows_latest
    assert world.status().last_look == ""
    assert set((await world.versions()).values()) == {OLD}


async def test_f8_a_run_that_a_worker_of_before_went_on_with_replays_and_relies_on_others_in_its_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(plugin, "_runner", lambda _: UnsandboxedWorkflowRunner())
    with monkeypatch.context() as before:
        # Such a worker takes no notice of what it does not know.
        before.setattr(set_looks, "relies_on_others", lambda: False)
        before.setattr(scale_set, "relies_on_others", lambda: False)
        async with a_world(tmp_path) as world:
            await looking(world)
            await world.its_workflow().signal(ScaleSetWorkflow.nudge_look, NudgeLook(at_once=True))
            await world.pass_time(timedelta(hours=3))
            history = await world.workflow_history()
    codec = SealedPayloads(KeyFile(tmp_path / "seal.keys"))
    await Replayer(workflows=[], plugins=[instar_plugin(codec)]).replay_workflow(history)


async def test_f8_a_run_that_relies_on_others_replays(world: World, tmp_path: Path) -> None:
    await looking(world)
    await published(world)
    await world.pass_time(IN_TIME)
    await world.end_of(1)
    await world.pass_time(timedelta(days=1))
    codec = SealedPayloads(KeyFile(tmp_path / "seal.keys"))
    history = await world.workflow_history()
    await Replayer(workflows=[], plugins=[instar_plugin(codec)]).replay_workflow(history)
