import asyncio
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import httpx
import pytest

from instar.compute.simulated.file.scripts import FleetDefaults
from instar.compute.simulated.fleet import SimulatedFleet
from instar.compute.simulated.flight.recorder import Kind
from tests.bench import bare_fleet, scene
from tests.bench.ansible.front import create_app
from tests.support.models import IMAGE, NEW, OLD

SET = scene.identity("front")


@pytest.fixture
def fleet(tmp_path: Path) -> Iterator[SimulatedFleet]:
    with bare_fleet.opened(tmp_path / "fleet.sqlite") as made:
        made.set_defaults(FleetDefaults(swap=timedelta(0), boot=timedelta(0)))
        yield made


async def three(fleet: SimulatedFleet) -> httpx.AsyncClient:
    """A client of a cloud with three machines."""
    for number in range(3):
        await fleet.create_instance(SET, str(number), IMAGE.at(OLD), bare_fleet.MACHINE)
    transport = httpx.ASGITransport(app=create_app(fleet, SET))
    return httpx.AsyncClient(transport=transport, base_url="http://cloud")


async def test_the_whole_fleet_is_told_with_versions_and_who_is_healthy(fleet: SimulatedFleet) -> None:
    async with await three(fleet) as cloud:
        while len((told := (await cloud.get("/fleet")).json())["healthy"]) < 3:  # noqa: ASYNC110  # nothing to wait on
            await asyncio.sleep(0.1)
        assert told["healthy"] == ["machine-0", "machine-1", "machine-2"]
        assert told["machines"] == 3
        assert told["unhealthy"] == 0
        assert told["versions"] == dict.fromkeys(("machine-0", "machine-1", "machine-2"), OLD)


async def test_a_machine_gets_a_disk_of_the_version_each_time_that_one_asks(fleet: SimulatedFleet) -> None:
    async with await three(fleet) as cloud:
        for _ in range(2):
            answer = await cloud.put("/machines/machine-1/osDisk", json={"version": NEW})
            assert answer.status_code == 200
        assert (await cloud.get("/fleet")).json()["versions"]["machine-1"] == NEW
    swapped = [one.instance_id for one in fleet.recorder.records() if one.kind is Kind.COMMIT_SWAP]
    assert swapped == ["1", "1"], "as a cloud does that nobody tells who asked before"


@pytest.mark.parametrize("name", ["machine-", "machine-x", "machine-²", "other"])
async def test_what_is_no_machine_is_refused(fleet: SimulatedFleet, name: str) -> None:
    async with await three(fleet) as cloud:
        answer = await cloud.put(f"/machines/{name}/osDisk", json={"version": NEW})
        assert answer.status_code == 404
        assert (await cloud.put("/machines/machine-1/osDisk", json={})).status_code == 422


async def test_what_was_no_upgrade_is_not_taken_for_one(fleet: SimulatedFleet) -> None:
    async with await three(fleet):
        with pytest.raises(RuntimeError, match="0 of 3 machines"):
            await bare_fleet.must_be_upgraded(fleet, SET, 3)
