"""Workers on two hosts at one hypervisor: one at a time at a machine, by what both see; none at others' machines."""

import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from instar.compute.clock import utc_now
from instar.compute.errors import NotAllowed, Superseded
from instar.compute.libvirt import disks
from instar.compute.libvirt.calls import Hypervisor, identity_of
from instar.compute.libvirt.gates import Gates
from instar.compute.libvirt.guests import domains
from instar.compute.libvirt.machines import Host
from instar.connection.computes import gates_of
from instar.connection.hosts.shared_gates import SharedGates
from instar.connection.settings import Compute, Settings
from tests.libvirt.scene import NEW, NEWER, SETTINGS, Scene
from tests.support.postgres import PostgresServer

SECONDS = 60.0
SOON = 1.0
"""Long enough for who need not wait; who must is still waiting then, however slow the machine."""


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    if not PostgresServer.can_run():
        pytest.skip("this machine has no PostgreSQL server (initdb, postgres)")
    with PostgresServer.made() as server, server.running(tmp_path_factory.mktemp("postgres") / "log"):
        yield f"{server.url}/postgres"


def hosts(folder: Path, shared: list[SharedGates] | None) -> list[Host]:
    """Two hosts at the hypervisor: each has a folder of gates of its own."""
    locks: list[SharedGates | None] = [*shared] if shared else [None, None]
    return [Host(SETTINGS, Gates(folder / f"host-{n}", lock), utc_now) for n, lock in enumerate(locks)]


async def raced(scene: Scene, pair: list[Host], monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """An attempt stands still between its look and its commit, and another host makes a newer one: in which order."""
    await scene.has(1)
    old, new = scene.effect(attempt=1), scene.effect(attempt=2)
    disks.prepare_swap(scene.connection, pair[0], old, NEW, NEWER)
    disks.ask_to_stop(scene.connection, pair[0], old)
    happened: list[str] = []
    inside, go_on = threading.Event(), threading.Event()
    really_moved = domains.moved

    def stands_still(*arguments: Any) -> Any:
        inside.set()
        assert go_on.wait(SECONDS)
        return really_moved(*arguments)

    def commit() -> None:
        disks.commit_swap(scene.connection, pair[0], old, NEW, NEWER)
        happened.append("the old attempt has committed")

    def look() -> None:
        disks.prepare_swap(scene.connection, pair[1], new, NEW, NEWER)
        happened.append("the new attempt has looked")

    monkeypatch.setattr(domains, "moved", stands_still)
    committing, looking = (threading.Thread(target=what, daemon=True) for what in (commit, look))
    committing.start()
    assert inside.wait(SECONDS)
    looking.start()
    looking.join(SOON)
    go_on.set()
    committing.join(SECONDS)
    looking.join(SECONDS)
    return happened


async def test_f11_f2_a_newer_attempt_on_another_host_waits_for_the_commit_that_is_under_way(
    scene: Scene, tmp_path: Path, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with closing(SharedGates(url)) as one, closing(SharedGates(url)) as other:
        pair = hosts(tmp_path, [one, other])
        happened = await raced(scene, pair, monkeypatch)
        assert happened == ["the old attempt has committed", "the new attempt has looked"]
        with pytest.raises(Superseded):
            disks.commit_swap(scene.connection, pair[0], scene.effect(attempt=1), NEW, NEWER)


async def test_f2_without_a_lock_that_both_see_it_would_come_between(
    scene: Scene, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    happened = await raced(scene, hosts(tmp_path, None), monkeypatch)
    assert happened == ["the new attempt has looked", "the old attempt has committed"]


def test_f11_where_hosts_share_a_database_their_gates_are_there(tmp_path: Path, url: str) -> None:
    settings = Settings(data_dir=tmp_path, compute=Compute.LIBVIRT, database_url=url)
    with closing(gates_of(settings)) as gates, closing(SharedGates(url)) as elsewhere:
        asking = threading.Thread(target=lambda: _pass(elsewhere, "web_0"), daemon=True)
        with gates.held("web_0"):
            asking.start()
            asking.join(SOON)
            assert asking.is_alive()
        asking.join(SECONDS)
        assert not asking.is_alive()


def test_f11_processes_with_one_file_of_sqlite_share_their_gates_whatever_their_data_directories(
    tmp_path: Path,
) -> None:
    url = f"sqlite:///{tmp_path / 'shared' / 'store.sqlite'}"
    folders = {gates_of(Settings(data_dir=tmp_path / name, database_url=url)).directory for name in ("a", "b")}
    assert folders == {tmp_path / "shared" / "gates"}
    assert gates_of(Settings(data_dir=tmp_path / "a")).directory == tmp_path / "a" / "gates"


async def test_f11_a_hypervisor_is_known_before_anything_is_done_there_and_once_a_connection(scene: Scene) -> None:
    told: list[str] = []
    hypervisor = Hypervisor(SETTINGS, opened=scene.connection)
    hypervisor.known = told.append
    for _ in range(3):
        assert await hypervisor.run(lambda one: one.isAlive())
    # Nothing of the host, which may have another UUID after each start of its daemon.
    assert told == [identity_of(scene.connection, SETTINGS)] == [f"libvirt/{scene.pool.UUIDString()}"]
    hypervisor.close()


async def test_f11_nothing_is_done_at_a_hypervisor_that_is_not_the_stores(scene: Scene) -> None:
    done: list[str] = []

    def refuse(_: str) -> None:
        raise NotAllowed("these are other machines")

    hypervisor = Hypervisor(SETTINGS, opened=scene.connection)
    hypervisor.known = refuse
    for _ in range(2):
        with pytest.raises(NotAllowed, match="other machines"):
            await hypervisor.run(lambda _one: done.append("something"))
    assert done == []
    hypervisor.close()


def _pass(gates: SharedGates, name: str) -> None:
    with gates.held(name):
        return
