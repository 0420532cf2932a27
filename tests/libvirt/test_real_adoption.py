"""`instar adopt` on machines that run: none is restarted, and from then on they are a set like any other."""

import asyncio
import json
import shutil
import time
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from instar.client.adopt import Wish, adopt
from instar.domain.records.progress import Outcome
from instar.domain.records.upgrades import UpgradeStatus
from instar.errors import Trouble
from tests.libvirt.real_site import VERSION, RealSet, RealSite, document
from tests.support.models import GROUP

NAMES = ("own-a", "own-b")
PATH = f"{GROUP}/providers/Microsoft.Compute/virtualMachineScaleSets/own"


@pytest.fixture
def own(real: RealSite, tmp_path: Path) -> Wish:
    """Two machines that somebody else made, and the model that they are to be a set of."""
    connection = real.connection()
    for name in NAMES:
        disk = real.hypervisor.pool_path / f"{name}.qcow2"
        shutil.copy(real.guests / "v1.qcow2", disk)
        disk.chmod(0o666)
        connection.defineXML(domain(name, disk)).create()
    connection.close()
    model = document(0)
    del model["properties"]["virtualMachineProfile"]["extensionProfile"]  # health is that they run (H2)
    del model["properties"]["virtualMachineProfile"]["storageProfile"]["dataDisks"]
    for profile in ("osProfile", "networkProfile"):  # whoever made the machines set up their log-in and networks
        del model["properties"]["virtualMachineProfile"][profile]
    file = tmp_path / "own.vmss.json"
    file.write_text(json.dumps(model))
    return Wish(PATH, file, "own-*", "1.0.0")


def domain(name: str, disk: Path) -> str:
    return (
        f"<domain type='qemu'><name>{name}</name><memory unit='MiB'>96</memory><vcpu>1</vcpu>"
        "<os><type arch='x86_64' machine='pc'>hvm</type></os><features><acpi/></features><devices>"
        f"<disk type='file' device='disk'><driver name='qemu' type='qcow2'/><source file='{disk}'/>"
        "<target dev='sda' bus='virtio'/></disk></devices></domain>"
    )


async def test_machines_that_run_become_a_set_without_a_restart_and_are_upgraded(real: RealSite, own: Wish) -> None:
    guests = sorted(real.hypervisor.guests())
    assert await run(real, own, dry_run=True) == 0
    assert (await real.site.http.get(PATH, params=VERSION)).status_code == 404
    assert await run(real, own) == len(NAMES)
    stored = real.site.store.scale_sets.find(PATH)
    assert stored is not None
    live = RealSet(real, PATH, stored.identity)
    assert sorted(real.hypervisor.guests()) == guests
    listed = (await real.site.http.get(f"{PATH}/virtualMachines", params=VERSION)).json()["value"]
    assert [one["instanceId"] for one in listed] == ["0", "1"]
    with pytest.raises(Trouble, match="has machines of its own already"):
        await run(real, own)
    async with real.offered("2.0.0", "v2"):
        await live.start()
        record = await live.ended()
    assert record.status is UpgradeStatus.COMPLETED
    assert live.outcomes() == {"0": Outcome.UPGRADED, "1": Outcome.UPGRADED}
    images = {one.os_disk.image.version for one in live.instances().values() if one.os_disk}
    assert images == {"2.0.0"}
    await live.delete()
    assert real.hypervisor.guests() == []
    for name in NAMES:
        file = real.hypervisor.pool_path / f"{name}.qcow2"
        assert file.exists()
        file.unlink()


async def run(real: RealSite, wish: Wish, **more: Any) -> int:
    asked = Wish(**{**wish.__dict__, **more})
    return await asyncio.to_thread(adopt, asked, real.settings(), real.site.login, Console(quiet=True), time.sleep)
