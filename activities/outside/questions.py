"""Asking other people's systems, again and again until they have answered or their time is over (docs/rules.md G1, G2).

The time counts from when the activity was scheduled, so a worker that is killed does not lengthen it, and every
attempt has the same id: whoever is asked knows what it has heard already.
"""

import asyncio
import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import TypeVar
from urllib.parse import urlencode

from temporalio import activity

from activities.heartbeats import beating
from instar.compute.clock import Clock, utc_now
from instar.domain.messages.hooks import AskJudge, CallHook, call_id
from instar.domain.steering import hooks, judges
from instar.domain.steering.answers import Heard, HookAnswer, JudgeAnswer
from instar.domain.steering.judges import BODY_AT_MOST, JudgeKind
from instar.outbound.client import OutboundClient
from instar.outbound.errors import NotAllowed, Unanswered
from instar.outbound.signatures import Secret
from instar.store.errors import SealingError
from instar.store.store import Store
from instar.store.webhooks.webhooks import Place

GONE = "is not known any more: its policy was replaced long ago"

ONE_CALL_AT_MOST = timedelta(minutes=5)
"""A call that is not answered by then is made again, if there is time left."""

Told = TypeVar("Told", HookAnswer, JudgeAnswer)


@dataclass(frozen=True)
class QuestionActivities:
    """Hooks and judges."""

    store: Store
    outbound: OutboundClient
    clock: Clock = utc_now

    @activity.defn
    async def call_hook(self, request: CallHook) -> HookAnswer:
        """Call a hook for one machine, until it answers or its time-out."""
        hook, asking = request.hook, request.asking
        message_id = call_id(asking, "hook", hook.name, hook.at)
        body = {"id": message_id, "hook": hook.name, "at": hook.at.value, **asking.document}

        async def once(place: Place, within: timedelta) -> Heard:
            return await self._posted(place, message_id, json.dumps(body).encode(), within, body_at_most=0)

        return await self._until(
            hook.place, hook.timeout, once, lambda heard, waited: hooks.judged(hook, heard, waited)
        )

    @activity.defn
    async def ask_judge(self, request: AskJudge) -> JudgeAnswer:
        """Ask a judge, until it answers or its time-out."""
        judge, asking = request.judge, request.asking
        message_id = call_id(asking, "judge", judge.name, request.occasion)
        body = {"id": message_id, "judge": judge.name, "occasion": request.occasion, **asking.document}

        async def once(place: Place, within: timedelta) -> Heard:
            if judge.kind is JudgeKind.PROMETHEUS:
                return await self._queried(place, judge.query, within)
            return await self._posted(place, message_id, json.dumps(body).encode(), within, body_at_most=BODY_AT_MOST)

        return await self._until(judge.place, judge.timeout, once, partial(judges.judged, judge))

    async def _until(
        self,
        place_id: str,
        longest: timedelta,
        once: Callable[[Place, timedelta], Awaitable[Heard]],
        judged: Callable[[Heard, timedelta], Told | timedelta],
    ) -> Told:
        began, attempt = activity.info().scheduled_time, 0
        async with beating():
            while True:
                attempt += 1
                left = longest - (self.clock() - began)
                heard = await self._asked(place_id, once, min(max(left, timedelta(seconds=1)), ONE_CALL_AT_MOST))
                found = judged(heard.model_copy(update={"attempt": attempt}), self.clock() - began)
                if not isinstance(found, timedelta):
                    return found
                await asyncio.sleep(found.total_seconds())

    async def _asked(
        self, place_id: str, once: Callable[[Place, timedelta], Awaitable[Heard]], within: timedelta
    ) -> Heard:
        try:
            place = await asyncio.to_thread(self.store.places.get, place_id)
            return await once(place, within) if place else Heard(failed=GONE)
        except (NotAllowed, SealingError, ValueError) as error:
            # ValueError: a secret that is none. No text repeats it.
            return Heard(failed=f"may not be called: {error}")
        except Unanswered as error:
            return Heard(failed=f"could not be reached: {error}", is_final=False)

    async def _posted(
        self, place: Place, message_id: str, body: bytes, within: timedelta, *, body_at_most: int
    ) -> Heard:
        headers = Secret.of(place.secret).headers(message_id, body, self.clock())
        headers |= {"Content-Type": "application/json"}
        answer = await self.outbound.call(
            "POST", place.url, within=within, headers=headers, content=body, body_at_most=body_at_most
        )
        return Heard(status=answer.status, retry_after=answer.retry_after, body=answer.body)

    async def _queried(self, place: Place, query: str, within: timedelta) -> Heard:
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        if place.secret:
            headers["Authorization"] = f"Bearer {place.secret}"
        answer = await self.outbound.call(
            "POST",
            f"{place.url.rstrip('/')}/api/v1/query",
            within=within,
            headers=headers,
            content=urlencode({"query": query}).encode(),
            body_at_most=BODY_AT_MOST,
        )
        return Heard(status=answer.status, retry_after=answer.retry_after, body=answer.body)
