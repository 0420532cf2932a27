"""Bringing to its end what was begun, and beginning nothing (docs/rules.md P14)."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from instar.compute.errors import DiskNotMade, InstanceGone, NotBegun, Superseded, Unavailable
from instar.compute.provider import Effect, Fence, Step
from instar.compute.simulated.file.faults import Call, Fault, FaultKind
from instar.compute.simulated.flight.recorder import Kind
from instar.domain.machines.instances import OsDisk
from tests.compute.scene import NEW, NEXT_MODEL, SET, Scene, models


async def end_swap(scene: Scene, attempt: int = 1) -> OsDisk:
    return await scene.fleet.swap_os_disk(Effect(SET, Fence(1, Step.END_SWAP, attempt), "0"), NEW, NEXT_MODEL)


async def end_restore(scene: Scene, attempt: int = 1) -> OsDisk:
    return await scene.fleet.restore_os_disk(Effect(SET, Fence(1, Step.END_RESTORE, attempt), "0"), models)


async def left_half_way(scene: Scene, work: Callable[[], Awaitable[OsDisk]], call: Call) -> None:
    """Begin, and die before the commit."""
    scene.fleet.inject(Fault(kind=FaultKind.LATE, call=call))
    dead = asyncio.ensure_future(work())
    await asyncio.sleep(0)
    dead.cancel()
    with pytest.raises(asyncio.CancelledError):
        await dead
    assert not (await scene.instance()).provisioned


async def test_p14_a_swap_never_begun_is_not_begun(scene: Scene) -> None:
    await scene.make(1)
    before = await scene.instance()
    for attempt in (1, 2):
        with pytest.raises(NotBegun):
            await end_swap(scene, attempt)
    assert await scene.instance() == before
    assert {one.kind for one in scene.fleet.recorder.records()} == {Kind.CREATE, Kind.EXTENSIONS}


async def test_p14_a_begun_swap_comes_to_its_end(scene: Scene) -> None:
    await scene.make(1)
    await left_half_way(scene, scene.swap, Call.SWAP)
    assert (await end_swap(scene)).image == NEW
    instance = await scene.instance()
    assert (instance.provisioned, [one.name for one in instance.extensions]) == (True, ["setup", "app"])


async def test_p14_a_swap_that_is_done_stays_done(scene: Scene) -> None:
    await scene.make(1)
    disk = await scene.swap()
    assert await end_swap(scene) == disk


async def test_p14_that_nothing_was_begun_is_found_out_whatever_limits_swaps(scene: Scene) -> None:
    await scene.make(1)
    scene.fleet.inject(Fault(kind=FaultKind.THROTTLED, call=Call.SWAP, times=100))
    with pytest.raises(NotBegun):
        await end_swap(scene)


async def test_h7_while_the_compute_is_away_nothing_is_said(scene: Scene) -> None:
    await scene.make(1)
    scene.fleet.away(scene.clock.now.replace(year=2030))
    with pytest.raises(Unavailable):
        await end_swap(scene)


async def test_p14_an_attempt_that_was_late_begins_nothing_afterwards(scene: Scene) -> None:
    await scene.make(1)
    with pytest.raises(NotBegun):
        await end_swap(scene)
    with pytest.raises(Superseded):
        await scene.swap(attempt=9)


async def test_p9_a_disk_that_could_not_be_made_before_the_cancel_is_still_a_failure(scene: Scene) -> None:
    await scene.make(1)
    scene.fleet.inject(Fault(kind=FaultKind.DISK_NOT_MADE, call=Call.SWAP))
    with pytest.raises(DiskNotMade):
        await scene.swap()
    for attempt in (1, 2):
        with pytest.raises(DiskNotMade):
            await end_swap(scene, attempt)
    next_operation = Effect(SET, Fence(2, Step.END_SWAP, 1), "0")
    with pytest.raises(NotBegun):
        await scene.fleet.swap_os_disk(next_operation, NEW, NEXT_MODEL)


async def test_p14_a_restore_never_begun_is_not_begun(scene: Scene) -> None:
    await scene.make(1)
    disk = await scene.swap()
    with pytest.raises(NotBegun):
        await end_restore(scene)
    assert await scene.disk() == disk
    with pytest.raises(Superseded):
        await scene.restore(attempt=9)


async def test_p14_a_begun_restore_comes_to_its_end(scene: Scene) -> None:
    await scene.make(1)
    old = await scene.disk()
    await scene.swap()
    await left_half_way(scene, scene.restore, Call.RESTORE)
    assert await end_restore(scene) == old
    assert (await scene.instance()).provisioned


async def test_p16_a_vanished_machine_is_gone_here_too(scene: Scene) -> None:
    with pytest.raises(InstanceGone):
        await end_swap(scene)
