"""Processes killed with SIGKILL: each upgrade ends as without the kill, and the recorder finds nothing (F1, F2, F4).

The runs have a site of their own each and go on side by side, since nearly all of their time is waiting for the
heartbeat time-out of a worker that is dead.
"""

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import timedelta
from pathlib import Path

import pytest

from instar.compute.simulated.file.faults import Call, Fault, FaultKind, Point
from instar.compute.simulated.file.scripts import VersionScript
from instar.domain.delays import Delays
from instar.domain.records.progress import Outcome
from instar.domain.records.upgrades import UpgradeStatus
from tests.processes.scale_set import LiveSet, publish
from tests.processes.site import API, TEMPORAL, WORKER, Site, eventually
from tests.support.models import NEW, OLD, arm
from tests.support.seed import SEED

SIZE = 50
SHARE = 10
"""20 % of 50 (B1): five batches."""

VICTIMS = {point: str(3 + index * SIZE // len(Point)) for index, point in enumerate(Point)}
"""Machines all over the batches, and the point at which the swap or restore of each kills the worker."""

RANDOM_KILLS = 20
BETWEEN_KILLS_SECONDS = (0.3, 3.5)
KILLED_RUN_SECONDS = 240

DELAYS = Delays(
    first_trigger=timedelta(seconds=1),
    health_wait=timedelta(seconds=6),
    health_poll_most=timedelta(seconds=1),
    look_after_upgrade=timedelta(seconds=5),
)

Run = Callable[[Path], Awaitable[None]]


async def killed_at_each_point_of_a_swap(folder: Path) -> None:
    async with Site(folder, DELAYS) as site:
        live = await LiveSet.made(site, arm(SIZE), OLD)
        faults = inject(live, Call.SWAP)
        await publish(site, NEW)
        await live.start()
        await live.ended(seconds=KILLED_RUN_SECONDS)
        assert_every_point_was_hit(site, faults)
        await assert_upgraded(live, 1, NEW)
        assert_clean(live, swaps=SIZE, restores=0)


async def killed_at_each_point_of_a_restore(folder: Path) -> None:
    async with Site(folder, DELAYS) as site:
        live = await LiveSet.made(site, arm(SIZE), OLD)
        faults = inject(live, Call.RESTORE)
        sick = set(VICTIMS.values())
        await publish(site, NEW, VersionScript(never_healthy=tuple(sick)))
        await live.enable()  # only an upgrade of the platform gives old disks back (P7)
        record = await live.ended(seconds=KILLED_RUN_SECONDS)
        assert_every_point_was_hit(site, faults)
        assert record.status is UpgradeStatus.COMPLETED
        assert (record.counts.successful, record.counts.rolled_back) == (SIZE - len(sick), len(sick))
        assert record.counts.rollback_failed == 0
        assert {one for one, what in live.outcomes().items() if what == Outcome.ROLLED_BACK} == sick
        expected = {str(one): OLD if str(one) in sick else NEW for one in range(SIZE)}
        assert await live.versions() == expected
        assert_clean(live, swaps=SIZE, restores=len(sick))


async def killed_at_random_moments(folder: Path) -> None:
    """One upgrade of 50; should it end before the last kill, one to the next version follows."""
    chance = random.Random(SEED)
    async with Site(folder, DELAYS) as site:
        live = await LiveSet.made(site, arm(SIZE), OLD)
        number, version = 0, OLD
        planned = [chance.choice((WORKER, API, TEMPORAL)) for _ in range(RANDOM_KILLS)]
        for victim in planned:
            if not number or live.has_ended(number):
                if number:
                    await assert_upgraded(live, number, version)
                await eventually(lambda: all_up(site), "everything is up again")
                number, version = number + 1, f"18.04.3000000{number:02}"
                await publish(site, version)
                await live.start()
            await asyncio.sleep(chance.uniform(*BETWEEN_KILLS_SECONDS))
            before = site.killed.total()
            site.kill(victim)
            await eventually(lambda before=before: started_again(site, before), f"{victim} is started again")
        await live.ended(number, KILLED_RUN_SECONDS)
        assert site.killed.total() == RANDOM_KILLS
        assert site.fallen == []
        await assert_upgraded(live, number, version)
        assert_clean(live, swaps=SIZE * number, restores=0)


RUNS: dict[str, Run] = {
    "swap": killed_at_each_point_of_a_swap,
    "restore": killed_at_each_point_of_a_restore,
    "random": killed_at_random_moments,
}


@pytest.fixture(scope="module")
async def runs(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[dict[str, asyncio.Task[None]]]:
    folder = tmp_path_factory.mktemp("killed")
    tasks = {name: asyncio.ensure_future(run(folder / name)) for name, run in RUNS.items()}
    yield tasks
    for task in tasks.values():
        task.cancel()
    await asyncio.gather(*tasks.values(), return_exceptions=True)


async def test_f1_a_worker_killed_at_any_point_of_a_swap_changes_nothing_in_the_end(
    runs: dict[str, asyncio.Task[None]],
) -> None:
    await runs["swap"]


async def test_f1_a_worker_killed_at_any_point_of_a_restore_changes_nothing_in_the_end(
    runs: dict[str, asyncio.Task[None]],
) -> None:
    await runs["restore"]


async def test_f1_worker_api_and_server_killed_at_random_moments_change_nothing_in_the_end(
    runs: dict[str, asyncio.Task[None]],
) -> None:
    await runs["random"]


def inject(live: LiveSet, call: Call) -> dict[Point, int]:
    unique_id = live.identity.unique_id
    return {
        point: live.site.fleet.inject(
            Fault(kind=FaultKind.DIES, call=call, point=point, scale_set=unique_id, instance_id=instance_id)
        )
        for point, instance_id in VICTIMS.items()
    }


def assert_every_point_was_hit(site: Site, faults: dict[Point, int]) -> None:
    assert {point: site.fleet.hits(fault) for point, fault in faults.items()} == dict.fromkeys(Point, 1)
    assert site.killed == {WORKER: len(Point)}
    assert site.fallen == []


def assert_clean(live: LiveSet, *, swaps: int, restores: int) -> None:
    verdict = live.judgement()
    assert verdict.violations == ()
    assert (verdict.swaps, verdict.swaps_per_instance, verdict.restores) == (swaps, 1, restores)
    assert verdict.most_out_at_once <= SHARE
    assert verdict.data_disks_unchanged


async def assert_upgraded(live: LiveSet, number: int, version: str) -> None:
    record = live.record(number)
    assert record is not None
    assert (record.status, record.counts.successful, record.counts.failed) == (UpgradeStatus.COMPLETED, SIZE, 0)
    assert set(live.outcomes(number).values()) == {Outcome.UPGRADED}
    assert await live.versions() == {str(one): version for one in range(SIZE)}


async def all_up(site: Site) -> bool:
    return site.up()


async def started_again(site: Site, killed_before: int) -> bool:
    return site.killed.total() > killed_before
