"""Asking a hook or a judge once: what is sent, and what is heard (docs/rules.md G1, G2, G4)."""

import asyncio
import json
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

from instar.compute.clock import Clock, utc_now
from instar.domain.steering.outside.answers import Heard
from instar.domain.steering.outside.hooks import Hook
from instar.domain.steering.outside.judges import BODY_AT_MOST, Judge, JudgeKind
from instar.outbound.client import OutboundClient
from instar.outbound.errors import NotAllowed, Unanswered
from instar.outbound.signatures import Secret
from instar.store.errors import SealingError
from instar.store.webhooks.places import Places
from instar.store.webhooks.webhooks import Place
from instar.telemetry.purposes import Purpose

GONE = "is not known any more: its policy was replaced long ago"

Json = dict[str, Any]


@dataclass(frozen=True)
class Questions:
    """Where hooks and judges are, and how they are called. Nothing here raises: what fails is heard as that."""

    places: Places
    outbound: OutboundClient
    clock: Clock = utc_now

    async def hook(self, hook: Hook, message_id: str, said: Json, within: timedelta) -> Heard:
        """Call a hook once. `said`: what is told besides which hook it is; `within`: for all of it."""
        document = {"id": message_id, "hook": hook.name, "at": hook.at.value} | said
        return await self._asked(Purpose.HOOK, hook.place, message_id, document, within, body_at_most=0)

    async def judge(self, judge: Judge, message_id: str, said: Json, within: timedelta) -> Heard:
        """Ask a judge once, likewise."""
        document = {"id": message_id, "judge": judge.name} | said
        query = judge.query if judge.kind is JudgeKind.PROMETHEUS else None
        return await self._asked(
            Purpose.JUDGE, judge.place, message_id, document, within, body_at_most=BODY_AT_MOST, query=query
        )

    async def _asked(  # passed on
        self,
        purpose: Purpose,
        place_id: str,
        message_id: str,
        document: Json,
        within: timedelta,
        *,
        body_at_most: int,
        query: str | None = None,
    ) -> Heard:
        try:
            place = await asyncio.to_thread(self.places.get, place_id)
            if place is None:
                return Heard(failed=GONE)
            if query is not None:
                return await self._queried(place, query, within)
            return await self._posted(purpose, place, message_id, json.dumps(document).encode(), within, body_at_most)
        except (NotAllowed, SealingError, ValueError) as error:
            # ValueError: a secret that is none. No text repeats it.
            return Heard(failed=f"may not be called: {error}")
        except Unanswered as error:
            return Heard(failed=f"could not be reached: {error}", is_final=False)

    async def _posted(  # noqa: PLR0917  # passed on
        self, purpose: Purpose, place: Place, message_id: str, body: bytes, within: timedelta, body_at_most: int
    ) -> Heard:
        headers = Secret.of(place.secret).headers(message_id, body, self.clock())
        headers |= {"Content-Type": "application/json"}
        answer = await self.outbound.call(
            purpose, "POST", place.url, within=within, headers=headers, content=body, body_at_most=body_at_most
        )
        return Heard(status=answer.status, retry_after=answer.retry_after, body=answer.body)

    async def _queried(self, place: Place, query: str, within: timedelta) -> Heard:
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        if place.secret:
            headers["Authorization"] = f"Bearer {place.secret}"
        answer = await self.outbound.call(
            Purpose.JUDGE,
            "POST",
            f"{place.url.rstrip('/')}/api/v1/query",
            within=within,
            headers=headers,
            content=urlencode({"query": query}).encode(),
            body_at_most=BODY_AT_MOST,
        )
        return Heard(status=answer.status, retry_after=answer.retry_after, body=answer.body)
