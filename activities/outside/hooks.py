"""Calling hooks for the machines of a batch (docs/rules.md G1).

One activity for all of them: their number costs no history. What it has heard is in its heartbeats, so that a worker
that takes over goes on there; every call has the same id whoever makes it.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from pydantic import ValidationError
from temporalio import activity

from activities.heartbeats import beating
from activities.outside.asking import ServersTime, answered
from instar.domain.machines.instance_ids import InstanceIds
from instar.domain.message import Message
from instar.domain.messages.hooks import Asking, CallHooks, HooksAnswered, call_id
from instar.domain.steering.outside import hooks
from instar.domain.steering.outside.answers import Heard, HookAnswer, HookOutcome
from instar.domain.steering.outside.hooks import Hook, HookPoint
from instar.outbound.questions import Questions

CALLS_OF_ONE_BATCH = 50
"""Under way at once; machines that are to be asked about again later take no place."""

CALLS_AT_ONCE = 500
"""Of one process."""


class Begun(Message):
    """The hook that a machine is at, by its place in the list, and since when it is called."""

    hook: int
    since: datetime


class _Tally:
    """What was heard so far, and who is in between."""

    def __init__(self) -> None:
        self.heard = HooksAnswered()
        self.begun: dict[str, Begun] = {}

    @classmethod
    def told(cls) -> "_Tally":
        """As far as the heartbeats of earlier attempts tell."""
        tally, told = cls(), activity.info().heartbeat_details
        try:
            tally.heard = HooksAnswered.model_validate(told[0])
            tally.begun = {one: Begun.model_validate(begun) for one, begun in told[1].items()}
        except (IndexError, ValidationError, AttributeError):
            return cls()
        return tally

    def details(self) -> tuple[HooksAnswered, dict[str, Begun]]:
        return self.heard, dict(self.begun)

    def begins(self, instance_id: str, hook: int, since: datetime) -> None:
        self.begun[instance_id] = Begun(hook=hook, since=since)
        this = InstanceIds.of([instance_id])
        self.heard = self.heard.model_copy(update={"called": self.heard.called | this})

    def note(self, instance_id: str, answer: HookAnswer) -> None:
        """What follows from one answer."""
        this, heard = InstanceIds.of([instance_id]), self.heard
        update: dict[str, Any] = {}
        match answer.outcome:
            case HookOutcome.SKIPS:
                update = {"skipped": _with(heard.skipped, answer.reason, this)}
            case HookOutcome.PROCEEDS:
                update = {"proceeded": _with(heard.proceeded, answer.reason, this)}
            case HookOutcome.STOPS:
                update = {"stops": heard.stops or answer.reason}
            case HookOutcome.GOES_ON:
                pass
        self.heard = heard.model_copy(update=update)

    def goes_on(self, instance_id: str) -> None:
        self.begun.pop(instance_id, None)
        go_on = self.heard.go_on | InstanceIds.of([instance_id])
        self.heard = self.heard.model_copy(update={"go_on": go_on})


@dataclass(frozen=True)
class HookActivities:
    """Calls to hooks."""

    questions: Questions
    _free: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(CALLS_AT_ONCE))

    @activity.defn
    async def call_hooks(self, request: CallHooks) -> HooksAnswered:
        """Call hooks for machines until each has answered, or its time-out.

        Opening ones end with the first that stops the upgrade, and when they are cancelled; what was heard until then
        is told. Closing ones go on to the last machine.
        """
        tally = _Tally.told()
        if _is_over(request, tally):
            return tally.heard
        batch = _Batch(self.questions, request, tally, self._free)
        async with beating(tally.details):
            try:
                await batch.all()
            except asyncio.CancelledError:
                details = activity.cancellation_details()
                if details is None or not details.cancel_requested:
                    # A worker that stops: the next attempt goes on from here.
                    activity.heartbeat(*tally.details())
                    raise
        return tally.heard


@dataclass(frozen=True)
class _Batch:
    questions: Questions
    request: CallHooks
    tally: _Tally
    process: asyncio.Semaphore
    free: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(CALLS_OF_ONE_BATCH))
    time: ServersTime = field(default_factory=ServersTime)

    async def all(self) -> None:
        left = self.request.ids - self.tally.heard.answered
        why = {one: reason for reason, some in self.request.why.items() for one in some}
        work = [asyncio.create_task(self._machine(one, why.get(one, ""))) for one in left]
        try:
            for ended in asyncio.as_completed(work):
                await ended
                if _is_over(self.request, self.tally):
                    break
        finally:
            for one in work:
                one.cancel()
            await asyncio.gather(*work, return_exceptions=True)

    async def _machine(self, instance_id: str, why: str) -> None:
        """Each hook in turn; one that skips the machine is the last."""
        asking = self.request.asking.of_machine(instance_id, why)
        begun = self.tally.begun.get(instance_id)
        for place, hook in enumerate(self.request.hooks):
            if begun and place < begun.hook:
                continue
            since = begun.since if begun and place == begun.hook else None
            answer = await self._answer(hook, asking, since, partial(self.tally.begins, instance_id, place))
            self.tally.note(instance_id, answer)
            if answer.outcome is HookOutcome.SKIPS or _is_over(self.request, self.tally):
                self.tally.begun.pop(instance_id, None)
                return
        self.tally.goes_on(instance_id)

    async def _answer(
        self, hook: Hook, asking: Asking, begun: datetime | None, begins: Callable[[datetime], None]
    ) -> HookAnswer:
        message_id = call_id(asking, "hook", hook.name, hook.at)
        since = begun

        async def once(within: timedelta) -> Heard:
            nonlocal since
            async with self.free, self.process:
                if since is None:
                    # Its time begins with its first call, not while it waits for others' calls to end.
                    since = self.time.now()
                    begins(since)
                return await self.questions.hook(hook, message_id, asking.document, within)

        def begun_at() -> datetime:
            return since or self.time.now()

        def longest() -> timedelta:
            if self.request.at_most is None:
                return hook.timeout
            left = self.request.at_most - (begun_at() - activity.info().scheduled_time)
            return max(min(hook.timeout, left), timedelta())

        def judged(heard: Heard, waited: timedelta) -> HookAnswer | timedelta:
            return hooks.judged(hook.model_copy(update={"timeout": longest()}), heard, waited)

        return await answered(begun_at, longest, once, judged, self.time)


def _is_over(request: CallHooks, tally: _Tally) -> bool:
    """Closing hooks stop an upgrade once all of them were called."""
    return bool(tally.heard.stops) and request.hooks[0].at is HookPoint.BEFORE_SWAP


def _with(those: dict[str, InstanceIds], reason: str, this: InstanceIds) -> dict[str, InstanceIds]:
    return those | {reason: those.get(reason, InstanceIds()) | this}
