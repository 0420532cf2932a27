"""Release 0.1, as it stands in this repository's history, is stopped in the middle, and this code goes on (F8)."""

import asyncio
import io
import os
import shutil
import subprocess
import tarfile
from pathlib import Path
from typing import Any

import pytest

from instar.compute.simulated.flight.judgement import judge
from instar.domain.delays import Delays
from instar.domain.records.upgrades import UpgradeStatus
from instar.domain.sets.names import WorkflowType, scale_set_workflow_id
from tests.processes.scale_set import IMAGES, VERSION
from tests.processes.site import API, ROOT, TEMPORAL, WORKER, Site, eventually
from tests.support.models import GROUP, LOCATION, NEW, OLD, arm

pytestmark = [pytest.mark.long, pytest.mark.timeout(290)]

RELEASE_0_1 = "e412abe5aff76d5b197e355f860b9e2b1496e82d"

SETS = f"{GROUP}/providers/Microsoft.Compute/virtualMachineScaleSets"
ROLLING, IDLE, SLOW = f"{SETS}/rolling", f"{SETS}/idle", f"{SETS}/slow"
SIMULATED = "/instar/simulated"


@pytest.fixture
def before(tmp_path: Path) -> Path:
    """The code of release 0.1."""
    git = shutil.which("git")
    if git is None:
        pytest.skip("there is no git here")
    packed = subprocess.run(  # noqa: S603  # git, no shell
        [git, "archive", RELEASE_0_1], cwd=ROOT, capture_output=True, check=False
    )
    if packed.returncode:
        if os.environ.get("CI"):
            pytest.fail(f"the history of this clone lacks release 0.1: {packed.stderr.decode()}")
        pytest.skip("the history of this clone lacks release 0.1")
    folder = tmp_path / "release-0.1"
    with tarfile.open(fileobj=io.BytesIO(packed.stdout)) as archive:
        archive.extractall(folder, filter="data")
    return folder


async def asked(site: Site, method: str, path: str, body: Any = None) -> str:
    """Ask; the operation's URL."""
    answer = await site.http.request(method, path, params=VERSION, json=body)
    assert answer.is_success, answer.text
    return str(answer.headers.get("azure-asyncoperation", ""))


async def ends(site: Site, url: str, *wanted: str) -> None:
    async def ended() -> bool:
        status: str = (await site.http.get(url)).json()["status"]
        assert status in ("InProgress", *wanted), status
        return status in wanted

    await eventually(ended, "the operation has ended", 90)


async def test_f8_upgrades_and_sets_of_release_0_1_go_on_under_this_code(tmp_path: Path, before: Path) -> None:
    delays = Delays(health_wait=Delays().health_wait, look_after_upgrade=Delays().look_after_upgrade / 60)
    async with Site(tmp_path / "site", delays, env={"INSTAR_SWEEP": "1"}, code=before) as site:
        # As release 0.1 has it.
        assert (await site.http.put(f"{SIMULATED}/defaults", json={"swap": "PT0.3S", "boot": "PT0.5S"})).is_success
        for version in (OLD, NEW):
            if version == NEW:
                for path, model in (
                    (ROLLING, arm(10, policy={"pauseTimeBetweenBatches": "PT2S"})),
                    (IDLE, arm(3, mode="Manual")),
                    (SLOW, arm(2, mode="Manual")),
                ):
                    await ends(site, await asked(site, "PUT", path, model), "Succeeded")
            published = await site.http.put(f"{IMAGES}/{version}", params=VERSION, json={"location": LOCATION})
            assert published.is_success, published.text
        await asyncio.sleep(1)
        upgrade = await asked(site, "POST", f"{ROLLING}/osRollingUpgrade")

        async def some_are_done() -> bool:
            latest = await site.http.get(f"{ROLLING}/rollingUpgrades/latest", params=VERSION)
            return latest.is_success and latest.json()["properties"]["progress"]["successfulInstanceCount"] >= 2

        await eventually(some_are_done, "the upgrade is in its middle")
        await site.take_down(API, WORKER, TEMPORAL)

        site.code = ROOT
        await site.all_up()
        site.open_data()
        identities = {identity.name: identity for identity, _ in site.store.scale_sets.identities()}
        client = await site.client()

        async def all_moved_on() -> bool:
            kinds = [
                (await client.get_workflow_handle(scale_set_workflow_id(one)).describe()).workflow_type
                for one in identities.values()
            ]
            return set(kinds) == {WorkflowType.SCALE_SET}

        await eventually(all_moved_on, "every set has moved on")
        await ends(site, upgrade, "Succeeded")
        record = site.store.upgrades.latest(identities["rolling"].unique_id)
        assert record is not None
        assert (record.status, record.counts.successful) == (UpgradeStatus.COMPLETED, 10)

        await ends(site, await asked(site, "PATCH", IDLE, {"sku": {"capacity": 5}}), "Succeeded")
        assert len(await site.fleet.list_instances(identities["idle"])) == 5
        await ends(site, await asked(site, "POST", f"{IDLE}/osRollingUpgrade"), "Succeeded")
        await ends(site, await asked(site, "POST", f"{SLOW}/restart"), "Succeeded")
        for path in (ROLLING, IDLE, SLOW):
            await asked(site, "DELETE", path)

        async def all_gone() -> bool:
            return [(await site.http.get(path, params=VERSION)).status_code for path in (ROLLING, IDLE, SLOW)] == [
                404
            ] * 3

        await eventually(all_gone, "every set is deleted")

        async def nothing_runs() -> bool:
            return not any(site.store.operations.running(one.unique_id) for one in identities.values())

        await eventually(nothing_runs, "every operation has ended")
        for identity in identities.values():
            site.fleet.take_stock(identity)
        assert judge(site.fleet.recorder.records()).violations == ()
