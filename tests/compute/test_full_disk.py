"""A disk without room undoes an effect whole, and the next attempt does it (docs/rules.md F1, F3)."""

import resource
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from instar.compute.errors import Unavailable
from instar.compute.simulated.flight.recorder import Kind
from tests.compute.scene import MODEL, NEW, OLD, Scene
from tests.compute.test_unique_keys import effect


@contextmanager
def files_of_at_most(size: int) -> Iterator[None]:
    """No file of this process grows beyond so many bytes."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.mark.parametrize("room", ["none", "for a part of a line"])
async def test_f3_a_swap_without_room_is_tried_again_and_recorded_whole(scene: Scene, room: str) -> None:
    await scene.make(1)
    recorder = scene.fleet.recorder
    before, size = recorder.records(), recorder.path.stat().st_size
    with files_of_at_most(0 if room == "none" else size + 20), pytest.raises(Unavailable, match="cannot be written"):
        await scene.fleet.swap_os_disk(effect(2, "aaaaaaaa-1"), NEW, MODEL)
    assert (await scene.disk()).image == OLD
    assert recorder.records() == before
    assert recorder.path.stat().st_size == size
    await scene.fleet.swap_os_disk(effect(2, "aaaaaaaa-1"), NEW, MODEL)
    assert (await scene.disk()).image == NEW
    assert [one.kind for one in recorder.records()].count(Kind.COMMIT_SWAP) == 1


async def test_f1_a_line_torn_by_a_death_is_of_nothing_that_happened(scene: Scene) -> None:
    await scene.make(1)
    recorder = scene.fleet.recorder
    before = recorder.records()
    with recorder.path.open("ab") as file:
        file.write(b'{"number":99,"kind":"cr')
    assert recorder.records() == before
    await scene.fleet.swap_os_disk(effect(2, "aaaaaaaa-1"), NEW, MODEL)
    assert Kind.COMMIT_SWAP in [one.kind for one in recorder.records()[len(before) :]]
