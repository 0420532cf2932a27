"""One attempt at many instances: each by itself, all at once, none cut off half-way (docs/rules.md F2, F10, P14).

What may work later fails the attempt once the others have come to their end; the next attempt goes on with those. An
instance that is tried in vain for half an hour, while the compute does answer, is given up: the others need not wait
for it, nor does whoever asked.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from pydantic import BaseModel, ConfigDict, ValidationError
from temporalio import activity
from temporalio.exceptions import ApplicationError

from activities.heartbeats import beating
from instar.compute.errors import (
    ComputeError,
    InstanceFailed,
    InstanceGone,
    NotBegun,
    Overtaken,
    Superseded,
    TryAgain,
    UpgradeImpossible,
)
from instar.compute.provider import Provider
from instar.domain.machines.instance_ids import InstanceIds
from instar.domain.messages.os_upgrade import SliceOutcome
from instar.domain.records.upgrades import DETAILS_AT_MOST
from instar.domain.sets.scale_sets import ScaleSetIdentity
from instar.domain.spans import in_words
from instar.telemetry.about import about

GIVEN_UP_AFTER = timedelta(minutes=30)
"""How long an instance is tried in vain (F10)."""

NOBODY_TRIED = timedelta(minutes=3)
"""A gap between two attempts that long is an outage of ours, and no fault of the instance: its half hour begins anew.

Longer than the longest pause between two attempts (`workflows.options`)."""


class _Trying(BaseModel):
    """Since when an instance is tried in vain, and when it was tried last; it travels from attempt to attempt."""

    model_config = ConfigDict(frozen=True)

    since: dict[str, datetime] = {}
    last: datetime | None = None

    def failing(self, ids: Iterable[str], now: datetime) -> "_Trying":
        """After one more attempt in vain at these."""
        fresh = self.last is None or now - self.last > NOBODY_TRIED
        return _Trying(
            since={instance_id: now if fresh else self.since.get(instance_id, now) for instance_id in ids}, last=now
        )

    def in_vain(self, instance_id: str, now: datetime) -> bool:
        """Whether its time is over."""
        return now - self.since.get(instance_id, now) >= GIVEN_UP_AFTER


async def each(
    ids: InstanceIds,
    act: Callable[[str], Awaitable[None]],
    provider: Provider,
    scale_set: ScaleSetIdentity,
) -> SliceOutcome:
    """Act on every instance at once. Raises ApplicationError, retryable, for those that may work later.

    Asked to cancel, what was begun comes to its end all the same; what may work later is then left out of the answer.

    An attempt that a newer one of the same operation has overtaken says nothing: its successor answers, and where there
    is none the next attempt is the newest. One that a newer operation has overtaken ends the operation (F7).
    """
    told, trying = _told()
    tally = _Tally(told)
    so_far = tally.outcome
    later: dict[str, TryAgain | Superseded] = {}

    async def one(instance_id: str) -> None:
        try:
            with about(instance=instance_id):
                await act(instance_id)
            tally.done.append(instance_id)
        except (InstanceFailed, Overtaken, UpgradeImpossible) as error:
            tally.came_to(instance_id, error, scale_set)
        except (TryAgain, Superseded) as error:
            later[instance_id] = error

    left = ids - told.known
    async with beating(lambda: (so_far(), trying)):
        # Every instance is begun before the first failure is looked at, so that none is cut off half-way.
        work = asyncio.gather(*(one(instance_id) for instance_id in left), return_exceptions=True)
        cancelled = await _to_the_end(work)
    trying = trying.failing(later, _now())
    if not cancelled:
        for instance_id in await _given_up(later, trying, provider, scale_set):
            span = in_words(GIVEN_UP_AFTER)
            vain = InstanceFailed(f"given up after {span}: {later.pop(instance_id)}")
            tally.came_to(instance_id, vain, scale_set)
    errors = [result for result in work.result() if isinstance(result, BaseException)]
    if errors or later:
        activity.heartbeat(so_far(), trying)  # for the attempt after this one, if there is one
    if errors:
        raise errors[0]
    if later and not cancelled:
        raise _again(later, len(ids))
    return so_far()


async def settled(calls: Iterable[Awaitable[None]]) -> None:
    """All of them to their end, then the first error: no call outlives the attempt that made it unseen."""
    for result in await asyncio.gather(*calls, return_exceptions=True):
        if isinstance(result, BaseException):
            raise result


def _again(later: dict[str, TryAgain | Superseded], count: int) -> ApplicationError:
    errors = list(later.values())
    delays = (error.retry_after for error in errors if isinstance(error, TryAgain))
    delay = max((one for one in delays if one), default=None)
    message = f"{len(errors)} of {count} to be tried again: {errors[0]}"
    return ApplicationError(message, type=type(errors[0]).__name__, next_retry_delay=delay)


def _told() -> tuple[SliceOutcome, _Trying]:
    """What earlier attempts came to, as far as their heartbeats told."""
    told = activity.info().heartbeat_details  # of release 0.1: the outcome alone
    outcome = SliceOutcome.model_validate(told[0]) if told and told[0] else SliceOutcome()
    try:
        trying = _Trying.model_validate(told[1]) if len(told) > 1 and told[1] else _Trying()
    except ValidationError:
        trying = _Trying()
    return outcome, trying


def _now() -> datetime:
    """The server's time of this attempt: that of the machines' scripts and of virtual time alike."""
    return activity.info().current_attempt_scheduled_time


@dataclass
class _Tally:
    """What became of each instance, put down as it comes: thousands are added up once and not one by one."""

    told: SliceOutcome
    """What earlier attempts came to."""
    done: list[str] = field(default_factory=list)
    _failed: list[str] = field(default_factory=list)
    _vanished: list[str] = field(default_factory=list)
    _not_begun: list[str] = field(default_factory=list)
    _reasons: dict[str, str] = field(default_factory=dict)
    _impossible: str = ""
    _overtaken: str = ""

    def outcome(self) -> SliceOutcome:
        """So far."""
        return self.told.merged(
            SliceOutcome(
                done=InstanceIds.of(self.done),
                failed=InstanceIds.of(self._failed),
                vanished=InstanceIds.of(self._vanished),
                not_begun=InstanceIds.of(self._not_begun),
                reasons=dict(self._reasons),
                impossible=self._impossible,
                overtaken=self._overtaken,
            )
        )

    def came_to(
        self, instance_id: str, error: InstanceFailed | Overtaken | UpgradeImpossible, scale_set: ScaleSetIdentity
    ) -> None:
        """What that error makes of its instance; the reasons of the first failed ones are told."""
        match error:
            case NotBegun():
                self._not_begun.append(instance_id)
            case Overtaken():
                self._not_begun.append(instance_id)
                behind = "the records of this scale set are older than its machines"
                way_out = f"'instar reconcile {scale_set.name}' shows what they do not know"
                self._overtaken = self._overtaken or f"{error}: {behind}; {way_out}"
            case InstanceGone():
                self._vanished.append(instance_id)
            case UpgradeImpossible():
                self._failed.append(instance_id)
                self._impossible = self._impossible or str(error)
            case _:
                self._failed.append(instance_id)
                if len(self.told.reasons) + len(self._reasons) < DETAILS_AT_MOST:
                    self._reasons[instance_id] = str(error)


async def _given_up(
    later: dict[str, TryAgain | Superseded], trying: _Trying, provider: Provider, scale_set: ScaleSetIdentity
) -> list[str]:
    """Those whose time is over. While the compute as a whole does not answer, nobody is given up (H7)."""
    over = [one for one in later if trying.in_vain(one, _now())]
    if not over:
        return []
    try:
        await provider.list_instances(scale_set)
    except ComputeError:
        return []
    return over


async def _to_the_end(work: asyncio.Future[list[BaseException | None]]) -> bool:
    """Wait for the work; a cancel that the workflow asked for cuts nothing off (P14). Returns whether one came.

    Any other cancel (a worker that stops, an attempt given up for lost) ends the work where it is: it is done again.
    """
    cancelled = False
    while not work.done():
        try:
            await asyncio.shield(work)
        except asyncio.CancelledError:
            details = activity.cancellation_details()
            if cancelled or details is None or not details.cancel_requested:
                work.cancel()
                with suppress(asyncio.CancelledError):
                    await work
                raise
            cancelled = True
    return cancelled
