"""The connection: made when it is needed, made again when it was lost, and never in the way of the event loop."""

import asyncio
import time
from pathlib import Path
from typing import Any

import libvirt
import pytest

from instar.compute.errors import NotAllowed, Unavailable
from instar.compute.libvirt.calls import Hypervisor
from instar.compute.libvirt.fleet import LibvirtFleet
from instar.compute.libvirt.gates import Gates
from instar.compute.libvirt.settings import LibvirtSettings
from tests.libvirt.scene import identity

TEST = LibvirtSettings(uri="test:///default")


def _fails(code: int, origin: int) -> Any:
    error = libvirt.libvirtError("")
    error.err = (code, origin, "the daemon went", 2, None, None, None, 0, 0)

    def call(_connection: Any) -> None:
        raise error

    return call


async def test_h7_a_hypervisor_that_is_away_says_nothing_of_the_machines(tmp_path: Path) -> None:
    fleet = LibvirtFleet(LibvirtSettings(uri=f"qemu:///session?socket={tmp_path}/nobody"), tmp_path)
    with pytest.raises(Unavailable, match="cannot connect to qemu:///session"):
        await fleet.list_instances(identity())
    fleet.close()


async def test_f1_a_lost_connection_is_made_again(monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[Any] = []
    really_open = libvirt.open

    def open_one(uri: str) -> Any:
        opened.append(really_open(uri))
        return opened[-1]

    monkeypatch.setattr(libvirt, "open", open_one)
    hypervisor = Hypervisor(TEST)
    assert await hypervisor.run(lambda one: one.isAlive())
    with pytest.raises(Unavailable, match="was lost"):
        await hypervisor.run(_fails(libvirt.VIR_ERR_SYSTEM_ERROR, libvirt.VIR_FROM_RPC))
    assert await hypervisor.run(lambda one: one.isAlive())
    assert len(opened) == 2
    hypervisor.close()


async def test_f3_what_asking_again_does_not_mend_is_not_allowed() -> None:
    hypervisor = Hypervisor(TEST)
    with pytest.raises(NotAllowed):
        await hypervisor.run(_fails(libvirt.VIR_ERR_NO_STORAGE_POOL, libvirt.VIR_FROM_STORAGE))
    with pytest.raises(Unavailable):
        await hypervisor.run(_fails(libvirt.VIR_ERR_OPERATION_TIMEOUT, libvirt.VIR_FROM_QEMU))
    hypervisor.close()


async def test_a_call_that_hangs_is_given_up_and_holds_nobody_else() -> None:
    hypervisor = Hypervisor(TEST.model_copy(update={"threads": 1, "call_seconds": 0.2}))
    with pytest.raises(Unavailable, match=r"did not answer within 0\.2 s"):
        await hypervisor.run(lambda _: time.sleep(1))
    assert await hypervisor.run(lambda one: one.getURI()) == "test:///default"
    hypervisor.close()


async def test_blocking_calls_stay_off_the_event_loop_in_a_few_threads() -> None:
    hypervisor = Hypervisor(TEST.model_copy(update={"threads": 4}))
    started = time.monotonic()
    beats = 0

    async def beat() -> None:
        nonlocal beats
        while True:
            await asyncio.sleep(0.01)
            beats += 1

    beating = asyncio.create_task(beat())
    await asyncio.gather(*(hypervisor.run(lambda _: time.sleep(0.1)) for _ in range(8)))
    beating.cancel()
    assert time.monotonic() - started >= 0.2
    assert beats > 5
    hypervisor.close()


def test_f2_a_gate_lets_one_in_at_a_time(tmp_path: Path) -> None:
    inside, most = 0, 0

    def enter() -> None:
        nonlocal inside, most
        with Gates(tmp_path).held("web"):
            inside += 1
            most = max(most, inside)
            time.sleep(0.01)
            inside -= 1

    async def all_at_once() -> None:
        await asyncio.gather(*(asyncio.to_thread(enter) for _ in range(5)))

    asyncio.run(all_at_once())
    assert most == 1
