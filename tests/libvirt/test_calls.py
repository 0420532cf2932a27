"""The connection: made when it is needed, made again when it was lost, and never in the way of the event loop."""

import asyncio
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import libvirt
import pytest
from pydantic import ValidationError

from instar.compute.errors import NotAllowed, Unavailable
from instar.compute.libvirt import calls, openings
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
    fleet = LibvirtFleet(LibvirtSettings(uri=f"qemu:///session?socket={tmp_path}/nobody"), Gates(tmp_path))
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


@pytest.fixture
def silent() -> Iterator[str]:
    """The URI of a hypervisor that takes connections and says nothing; once it is away, all of them end."""
    with socket.create_server(("127.0.0.1", 0), backlog=64) as listener:
        yield f"qemu+tcp://127.0.0.1:{listener.getsockname()[1]}/system"


async def test_h7_a_remote_hypervisor_that_is_silent_holds_neither_the_event_loop_nor_others(silent: str) -> None:
    hypervisor = Hypervisor(LibvirtSettings(uri=silent, call_seconds=1))
    loop, longest = asyncio.get_running_loop(), 0.0

    async def beat() -> None:
        nonlocal longest
        while True:
            before = loop.time()
            await asyncio.sleep(0.01)
            longest = max(longest, loop.time() - before)

    beating = asyncio.create_task(beat())
    for _ in range(2):
        asked = [hypervisor.run(lambda one: one.getHostname()) for _ in range(4)]
        said = await asyncio.gather(*asked, return_exceptions=True)
        assert [type(one) for one in said] == [Unavailable] * 4
    beating.cancel()
    assert longest < 0.8
    started = time.monotonic()
    hypervisor.close()
    assert time.monotonic() - started < 5


async def test_attempts_that_hang_are_few_and_what_to_do_is_said(silent: str, monkeypatch: pytest.MonkeyPatch) -> None:
    begun = 0
    really_open = libvirt.open

    def open_one(uri: str) -> Any:
        nonlocal begun
        begun += 1
        return really_open(uri)

    monkeypatch.setattr(libvirt, "open", open_one)
    monkeypatch.setattr(openings, "HANGING_AT_MOST", 3)
    hypervisor = Hypervisor(LibvirtSettings(uri=silent, call_seconds=0.1))
    said = ""
    for _ in range(6):
        with pytest.raises(Unavailable) as caught:
            await hypervisor.run(lambda one: one.getHostname())
        said = str(caught.value)
    assert begun == 3
    assert "takes connections and does not answer: 3 attempts hang" in said
    assert "start it again; the next attempt is made in" in said
    # Now and then another is made: it may be there again, and those that hang may never end.
    monkeypatch.setattr(openings, "PAUSE_SECONDS", 0.0)
    with pytest.raises(Unavailable):
        await hypervisor.run(lambda one: one.getHostname())
    assert begun == 4
    hypervisor.close()


async def test_a_connection_that_comes_after_it_was_given_up_is_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    late, really_open = threading.Event(), libvirt.open
    opened: list[Any] = []

    def open_late(uri: str) -> Any:
        late.wait(10)
        opened.append(really_open(uri))
        return opened[-1]

    closed: list[Any] = []
    monkeypatch.setattr(libvirt, "open", open_late)
    monkeypatch.setattr(calls, "_close", closed.append)
    hypervisor = Hypervisor(TEST.model_copy(update={"call_seconds": 0.1}))
    with pytest.raises(Unavailable):
        await hypervisor.run(lambda one: one.getURI())
    late.set()
    for _ in range(200):
        if closed:
            break
        await asyncio.sleep(0.02)
    assert closed == opened
    assert await hypervisor.run(lambda one: one.getURI()) == "test:///default"
    assert len(opened) == 2
    hypervisor.close()


@pytest.mark.parametrize(
    "uri",
    [
        "qemu+ssh://me@host.example/system",
        "qemu+tls://host.example:16514/system?pkipath=/pki",
        "qemu+tcp://10.0.0.5/system",
        "qemu+ssh://[2001:db8::1]:2222/system",
        "qemu://HOST/system",
    ],
)
def test_forwarded_ports_of_another_host_are_refused_with_what_to_do(uri: str) -> None:
    with pytest.raises(ValidationError) as caught:
        LibvirtSettings(uri=uri, network="user")
    assert "the guests' ports are on the loopback of the host that INSTAR_LIBVIRT__URI names" in str(caught.value)
    assert "network:NAME or bridge:DEVICE" in str(caught.value)
    assert LibvirtSettings(uri=uri, network="network:default").is_remote


@pytest.mark.parametrize(
    "uri",
    [
        "qemu:///system",
        "qemu:///session?socket=/run/user/1000/libvirt/libvirt-sock",
        "qemu+unix:///system",
        "qemu+tls://127.0.0.1:16514/system",
        "qemu+tcp://[::1]/system",
        "qemu+ssh://me@localhost/system",
        "test:///default",
    ],
)
def test_this_host_is_not_another_one(uri: str) -> None:
    assert not LibvirtSettings(uri=uri, network="user").is_remote
