"""What a form was answered, for whoever sends the same form again: a double click, a reload, the way back.

Kept in this process alone. Where another process gets the second one, what the visitor saw is not so any more, and the
API's own locks hold (P15): it is refused, and does no harm.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Hashable

from fastapi import Request

from api.page.asking import Answer

AT_MOST = 1_000
"""Answers kept: hours of many people's work."""


class Once:
    """Does each thing once, as long as it remembers it; what was refused may be tried again."""

    def __init__(self, at_most: int = AT_MOST) -> None:
        self._at_most = at_most
        self._done: OrderedDict[Hashable, Answer] = OrderedDict()
        self._doing: dict[Hashable, asyncio.Future[Answer]] = {}

    async def answer(self, key: Hashable, ask: Callable[[], Awaitable[Answer]]) -> Answer:
        """The answer to what that key stands for. Raises whatever `ask` raises."""
        if key in self._done:
            return self._done[key]
        if key not in self._doing:
            self._doing[key] = asyncio.ensure_future(ask())
            self._doing[key].add_done_callback(lambda done: self._ended(key, done))
        # Whoever closes the window does not end what others may wait for.
        return await asyncio.shield(self._doing[key])

    async def known(self, key: Hashable) -> Answer | None:
        """What it was answered, or is about to be; None where it is not being done and was not."""
        if doing := self._doing.get(key):
            return await asyncio.shield(doing)
        return self._done.get(key)

    def _ended(self, key: Hashable, done: asyncio.Future[Answer]) -> None:
        self._doing.pop(key, None)
        if done.cancelled() or done.exception() is not None or not done.result().ok:
            return
        self._done[key] = done.result()
        while len(self._done) > self._at_most:
            self._done.popitem(last=False)


def once_of(request: Request) -> Once:
    """That of the application."""
    state = request.app.state
    if not hasattr(state, "page_once"):
        state.page_once = Once()
    found: Once = state.page_once
    return found
