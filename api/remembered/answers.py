"""Answers that are told by the store alone: while nothing was written there, the same question has the same answer.

A route says so of its answer (`told_by_the_store`), and the next one who asks the same, and is the same, is answered
with it: after the guard has let it in, for as long as the store's version is the one that was read before (`Database.
version`). Who asks while it is being found out waits for that. Nothing is remembered but 200s, and nothing across a
write, be it of this process or of another one. Where the store cannot tell its version (PostgreSQL), nothing is.
"""

import asyncio
from collections.abc import Hashable
from dataclasses import dataclass, field

from cachetools import LRUCache
from fastapi import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

BYTES_AT_MOST = 16 * 1024 * 1024
"""Of all bodies together."""

ONE_AT_MOST = 1024 * 1024
"""Bytes of one body."""

OK = 200
_ANNOUNCE = "announce"


def told_by_the_store(request: Request) -> None:
    """Say of the answer to this request that it follows from path, query, caller and store alone.

    Not from the clock, a header, the machines or Temporal: whatever it takes from there would be that of another
    moment. The earlier it is said, the more of those who ask the same at once are answered together.
    """
    if announce := getattr(request.state, _ANNOUNCE, None):
        announce()


async def of_the_store(request: Request) -> None:
    """The same as a dependency of a route, of all whose answers it is true."""
    told_by_the_store(request)


@dataclass(frozen=True, slots=True)
class Answer:
    """A whole 200."""

    headers: list[tuple[bytes, bytes]]
    body: bytes

    async def send(self, send: Send) -> None:
        """Tell it once more."""
        await send({"type": "http.response.start", "status": OK, "headers": list(self.headers)})
        await send({"type": "http.response.body", "body": self.body})


Coming = asyncio.Future[Answer | None]
"""What somebody is finding out: None for what is not to be remembered."""


@dataclass
class Answers:
    """Of one store, at one version of it. For one event loop."""

    version: object = None
    kept: LRUCache[Hashable, Answer] = field(
        default_factory=lambda: LRUCache(BYTES_AT_MOST, getsizeof=lambda one: len(one.body) + 1024)
    )
    coming: dict[Hashable, Coming] = field(default_factory=dict)

    def of(self, version: object) -> "Answers":
        """The same, without what was told of another version."""
        if version != self.version:
            self.version = version
            self.kept.clear()
            self.coming = {}
        return self


class RememberedAnswers:
    """ASGI middleware within the guard: whoever gets here may have the answer."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer from memory, or hand on and remember."""
        version = scope.get("state", {}).get("version")
        if scope["type"] != "http" or scope["method"] != "GET" or version is None:
            await self._app(scope, receive, send)
            return
        answers: Answers = scope["app"].state.services.answers.of(version)
        key = (scope["path"], scope["query_string"], scope["state"]["caller"])
        answer = answers.kept.get(key)
        if answer is None and (coming := answers.coming.get(key)) is not None:
            answer = await asyncio.shield(coming)
        if answer is not None:
            await answer.send(send)
            return
        copy = _Copy(answers, key, send)
        scope["state"][_ANNOUNCE] = copy.announce
        try:
            await self._app(scope, receive, copy)
        finally:
            copy.done(None)


class _Copy:
    """Hands an answer on; of one that was announced, it keeps a copy, and tells those who wait for it.

    These are told before it is sent: whoever takes it slowly keeps nobody waiting.
    """

    def __init__(self, answers: Answers, key: Hashable, send: Send) -> None:
        self._answers = answers
        self._version = answers.version
        self._coming_there = answers.coming
        self._key = key
        self._send = send
        self._coming: Coming | None = None
        self._start: Message | None = None
        self._body = b""

    def announce(self) -> None:
        """It can be told again. Idempotent."""
        if self._coming is None:
            self._coming = asyncio.get_running_loop().create_future()
            self._coming_there.setdefault(self._key, self._coming)

    def done(self, answer: Answer | None) -> None:
        """What came of it. The first word stands."""
        if self._coming is None or self._coming.done():
            return
        if answer is not None and self._answers.version == self._version:
            self._answers.kept[self._key] = answer
        if self._coming_there.get(self._key) is self._coming:
            del self._coming_there[self._key]
        self._coming.set_result(answer)

    async def __call__(self, message: Message) -> None:
        """Send."""
        if self._coming is None or self._coming.done():
            await self._send(message)
        elif message["type"] == "http.response.start" and message["status"] == OK:
            self._start = message
        elif self._start is None:
            self.done(None)
            await self._send(message)
        else:
            await self._body_of(self._start, message)

    async def _body_of(self, start: Message, message: Message) -> None:
        self._body += message.get("body", b"")
        more = message.get("more_body", False)
        if more and len(self._body) <= ONE_AT_MOST:
            return
        fits = not more and len(self._body) <= ONE_AT_MOST
        self.done(Answer(list(start.get("headers", ())), self._body) if fits else None)
        await self._send(start)
        await self._send({**message, "body": self._body})
