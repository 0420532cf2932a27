"""Looks of a health wait within an attempt: their pauses, and how an attempt ends that came to nothing (P6, H7, W2)."""

import asyncio
import dataclasses
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from temporalio.common import RetryPolicy
from temporalio.exceptions import ApplicationError
from temporalio.testing import ActivityEnvironment

from activities import heartbeats
from activities.health import LOOKS_FOR, HealthActivities, pause_after
from instar.compute.provider import MachineModel
from instar.compute.simulated.file.scripts import FleetDefaults
from instar.compute.simulated.fleet import SimulatedFleet
from instar.compute.simulated.pace import NoPace
from instar.domain.health.sources import HealthSource
from instar.domain.machines.instance_ids import InstanceIds
from instar.domain.machines.instances import HealthObservation
from instar.domain.messages.os_upgrade import HealthFound, HealthRequest
from instar.domain.sets.scale_sets import ScaleSetIdentity
from tests.support.looks import NOON
from tests.support.models import IMAGE, OLD
from workflows.options import HEALTH_POLL_GROWTH, LOST_AFTER

SET = ScaleSetIdentity(resource_id="/subscriptions/s/web", name="web", unique_id="u-1", location="here")
SECOND = timedelta(seconds=1)
LONG = timedelta(minutes=10)
"""Nobody looks for so long: what ends before has another reason."""


class Booting(SimulatedFleet):
    """Each look takes a second of the fleet's time, and a machine boots for three."""

    def __init__(self, path: Path) -> None:
        self.now = NOON
        self.looks = 0
        super().__init__(path, clock=lambda: self.now, pace=NoPace())
        self.set_defaults(FleetDefaults(boot=3 * SECOND))

    async def observe_health(
        self, scale_set: ScaleSetIdentity, source: HealthSource, instance_ids: Iterable[str] | None = None
    ) -> tuple[HealthObservation, ...]:
        self.looks += 1
        found = await super().observe_health(scale_set, source, instance_ids)
        self.now += SECOND
        return found


@dataclass
class Waiting:
    """A health wait of one machine that boots."""

    fleet: Booting
    env: ActivityEnvironment = field(default_factory=ActivityEnvironment)
    beats: list[tuple[object, ...]] = field(default_factory=list)

    def policy(self, first: timedelta, *, waited: timedelta = timedelta(0)) -> None:
        """What the server says of this attempt, which begins so long after the first one."""
        begun = datetime(2026, 1, 1, tzinfo=UTC)
        policy = RetryPolicy(
            initial_interval=first, backoff_coefficient=HEALTH_POLL_GROWTH, maximum_interval=10 * SECOND
        )
        self.env.info = dataclasses.replace(
            self.env.info,
            retry_policy=policy,
            scheduled_time=begun,
            current_attempt_scheduled_time=begun + waited,
        )
        self.env.on_heartbeat = lambda *details: self.beats.append(details)

    async def attempt(self, looks_for: timedelta, *, until_sick: bool = False) -> HealthFound:
        activities = HealthActivities(self.fleet, lambda: self.fleet.now, looks_for)
        request = HealthRequest(
            scale_set=SET, source=HealthSource(), ids=InstanceIds(ranges="0"), until_sick=until_sick
        )
        found: HealthFound = await self.env.run(activities.await_health, request)
        return found


@pytest.fixture
def waiting(tmp_path: Path) -> Iterator[Waiting]:
    with Booting(tmp_path / "fleet.sqlite") as fleet:
        asyncio.run(fleet.create_instance(SET, "0", IMAGE.at(OLD), MachineModel(generation=1)))
        yield Waiting(fleet)


def test_p6_one_attempt_looks_until_everybody_is_healthy(waiting: Waiting) -> None:
    waiting.policy(0.01 * SECOND)
    assert asyncio.run(waiting.attempt(LONG)).healthy.ranges == "0"
    assert waiting.fleet.looks == 4
    assert not waiting.beats, "what takes no time costs no heartbeat"


def test_f1_an_attempt_that_has_looked_for_long_says_that_it_lives(
    waiting: Waiting, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(heartbeats, "FIRST_SECONDS", 0.01)
    waiting.policy(0.02 * SECOND)
    asyncio.run(waiting.attempt(LONG))
    assert waiting.beats


def test_p6_by_default_each_attempt_is_one_look_and_the_server_makes_the_pauses(waiting: Waiting) -> None:
    waiting.policy(0.01 * SECOND)
    with pytest.raises(ApplicationError, match="no error, the next look comes soon: 1 of 1 not healthy yet: 0") as made:
        asyncio.run(waiting.attempt(timedelta(0)))
    assert (waiting.fleet.looks, made.value.type, made.value.next_retry_delay) == (1, "NotHealthyYet", None)


def test_p6_who_would_look_for_too_long_leaves_it_to_the_next_attempt_and_says_when(waiting: Waiting) -> None:
    waiting.policy(8 * SECOND)
    with pytest.raises(ApplicationError) as made:
        asyncio.run(waiting.attempt(LOOKS_FOR))
    assert waiting.fleet.looks == 1
    assert made.value.next_retry_delay is not None
    assert 8 * SECOND <= made.value.next_retry_delay <= 10 * SECOND


def test_h7_an_attempt_without_a_policy_is_one_look(waiting: Waiting) -> None:
    assert waiting.env.info.retry_policy is None
    with pytest.raises(ApplicationError):
        asyncio.run(waiting.attempt(LONG))
    assert waiting.fleet.looks == 1


def test_f1_a_worker_that_stops_leaves_the_wait_to_others_at_once(waiting: Waiting) -> None:
    waiting.policy(9 * SECOND)

    async def stopped() -> None:
        task = asyncio.create_task(waiting.attempt(LONG))
        while not waiting.fleet.looks:  # noqa: ASYNC110  # the look is another task's
            await asyncio.sleep(0.01)
        waiting.env.worker_shutdown()
        await task

    began = time.monotonic()
    with pytest.raises(ApplicationError, match="the next look comes soon"):
        asyncio.run(stopped())
    assert waiting.fleet.looks <= 2, "it may look once more, and does not wait"
    assert time.monotonic() - began < 60


def test_w2_a_bake_looks_on_while_nobody_is_sick(waiting: Waiting) -> None:
    waiting.policy(0.01 * SECOND)
    waiting.fleet.now += 10 * SECOND
    with pytest.raises(ApplicationError, match="1 bake, none is sick") as made:
        asyncio.run(waiting.attempt(SECOND, until_sick=True))
    assert (waiting.fleet.looks > 2, made.value.type) == (True, "NobodyIsSick")


def test_p6_pauses_grow_with_the_time_that_has_passed_in_whichever_attempt() -> None:
    policy = RetryPolicy(initial_interval=SECOND / 4, backoff_coefficient=1.05, maximum_interval=10 * SECOND)
    assert pause_after(policy, timedelta(0)) == SECOND / 4
    passed, pause = timedelta(0), SECOND / 4
    for _ in range(60):  # as the server's own: each a twentieth longer than the one before
        assert abs(pause_after(policy, passed) - pause) < SECOND / 1000
        passed, pause = passed + pause, pause * 1.05
    assert pause_after(policy, timedelta(minutes=5)) == 10 * SECOND


def test_an_attempt_ends_before_the_server_gives_it_up() -> None:
    last_look_beats_after = LOOKS_FOR + timedelta(seconds=heartbeats.FIRST_SECONDS)
    assert last_look_beats_after < LOST_AFTER
