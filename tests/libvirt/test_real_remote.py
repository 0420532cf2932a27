"""Real machines by a URI that names a host: nothing of them is on this side but the connection."""

import asyncio
import os
from collections.abc import AsyncIterator
from pathlib import Path

import libvirt
import pytest

from instar.domain.records.progress import Outcome
from instar.domain.records.upgrades import UpgradeStatus
from tests.libvirt.real_site import RealSite, a_real_site
from tests.libvirt.remote_libvirt import RemoteLibvirt


@pytest.fixture(scope="module")
async def remote(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[RealSite]:
    guests = Path(os.environ.get("INSTAR_TEST_GUESTS") or tmp_path_factory.mktemp("guests"))
    async with a_real_site(guests, RemoteLibvirt) as site:
        yield site


async def test_a_remote_hypervisor_is_upgraded_though_its_daemon_dies_meanwhile(remote: RealSite) -> None:
    assert remote.hypervisor.settings()["INSTAR_LIBVIRT__URI"].startswith("qemu+tls://127.0.0.1:")
    # Disks, seeds, leases, agents: all goes through libvirt. The image came by its stream.
    async with remote.machines(2) as one, remote.offered("1.0.1", "v2"):
        await one.start()
        await one.begun()
        remote.hypervisor.kill()
        await asyncio.sleep(2)
        await asyncio.to_thread(remote.hypervisor.start)
        record = await one.ended()
        assert record.status is UpgradeStatus.COMPLETED, (record.error, one.reasons())
        assert set(one.outcomes().values()) == {Outcome.UPGRADED}
        assert {version for version, _, _ in await one.boots()} == {"v2"}


def test_nobody_gets_in_without_a_certificate(remote: RealSite, tmp_path: Path) -> None:
    pki = Path(remote.hypervisor.uri.partition("pkipath=")[2])
    (tmp_path / "cacert.pem").write_bytes((pki / "cacert.pem").read_bytes())
    with pytest.raises(libvirt.libvirtError, match="Unable to read TLS confirmation"):
        libvirt.open(remote.hypervisor.uri.replace(str(pki), str(tmp_path))).listAllDomains()
