"""What a process answers while it waits for what it needs, and that it is ready (docs/rules.md F9)."""

from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from typing import Any

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Message, Receive, Send], Awaitable[None]]

RETRY_AFTER_SECONDS = 5


class Readiness:
    """An ASGI application: 503 and what is waited for, until there is another one that answers in its place.

    `/healthz` is 200 from the first moment: the process lives, and to restart it would not help. What is waited for is
    a plain word (`the database`); addresses and errors are in the log alone, for anybody may ask.
    """

    def __init__(self) -> None:
        self.waits_for = "its start"
        self.application: Application | None = None

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Answer."""
        if scope["type"] == "lifespan":
            await live(receive, send)
        elif self.application is not None:
            await self.application(scope, receive, send)
        elif scope["type"] == "http":
            await self._wait(scope, send)

    async def _wait(self, scope: Message, send: Send) -> None:
        if scope["path"] == "/healthz":
            await answer(send, 200, '{"status":"ok"}')
            return
        said = f'{{"error":{{"code":"ServiceUnavailable","message":"Not ready yet: waits for {self.waits_for}."}}}}'
        await answer(send, 503, said, {"retry-after": str(RETRY_AFTER_SECONDS)})


async def live(receive: Receive, send: Send) -> None:
    """The life of a server whose application needs none; that of what it answers with is its owner's affair."""
    while (await receive())["type"] != "lifespan.shutdown":
        await send({"type": "lifespan.startup.complete"})
    await send({"type": "lifespan.shutdown.complete"})


async def answer(send: Send, status: int, body: str, headers: Mapping[str, str] | None = None) -> None:
    """One answer in JSON."""
    content = body.encode()
    given = {"content-type": "application/json", "content-length": str(len(content))} | dict(headers or {})
    start = {"type": "http.response.start", "status": status}
    await send(start | {"headers": [(name.encode(), value.encode()) for name, value in given.items()]})
    await send({"type": "http.response.body", "body": content})
