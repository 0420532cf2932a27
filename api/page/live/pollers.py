"""Looks that many share: who listens to the same and has the same rights is answered by one look a second."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Hashable
from dataclasses import dataclass, field

from api.page.asking import Api
from api.page.live.parts import Parts
from api.page.live.questions import Question, Refused, Shown

_log = logging.getLogger(__name__)

EVERY = 1.0
"""Seconds between the end of a look and the next one, at the least."""
REST = 4.0
"""A look that takes long is followed by a pause so many times as long."""
AFTER_A_REFUSAL = 15.0
"""What is not there, or is forbidden, will hardly be there in a second; and refusals are noted and counted."""
UNAUTHENTICATED = 401
REFUSALS = range(400, 500)

LOOK_WITHIN = 30.0
"""Seconds: what runs the machines may hang, and whoever looks is to know."""

TOO_LATE = "The API has not answered within {seconds:g} seconds. It is tried again."
WENT_WRONG = "What is shown could not be brought up to date: the API's log has the error. It is tried again."


async def unchanged(_api: Api) -> bool:
    """Its rights are what they were."""
    return True


@dataclass(eq=False)
class Listener:
    """A page that is open."""

    api: Api
    view: Hashable
    keeps_rights: Callable[[Api], Awaitable[bool]] = unchanged
    """Whether it still has the rights that all listeners of its poller have. Raises what says that nobody knows."""
    refused: bool = False
    """Whether it is asked for no more until it was looked at anew: its token is not taken, or its rights are others."""
    heard: int = 0
    """The newest look that it was told of."""


@dataclass(frozen=True)
class Heard:
    """The newest look."""

    number: int
    parts: Parts | None
    """None: there was none yet, or what was asked for is not to be had."""
    trouble: str = ""
    """Why there is nothing newer."""


@dataclass(eq=False)
class Poller:
    """Looks as long as somebody listens. Close it."""

    question: Question
    listeners: list[Listener] = field(default_factory=list)
    _shown: Shown | None = None
    trouble: str = ""
    """Why there is nothing newer; "" where there is."""
    _number: int = 0
    _made: dict[Hashable, Parts] = field(default_factory=dict)
    _news: asyncio.Event = field(default_factory=asyncio.Event)
    _task: "asyncio.Task[None] | None" = None

    def join(self, listener: Listener) -> None:
        """One more listens. The first one begins the looks."""
        self.listeners.append(listener)
        if self._task is None:
            self._task = asyncio.get_running_loop().create_task(self._run())

    def leave(self, listener: Listener) -> bool:
        """One less; whether that was the last."""
        self.listeners.remove(listener)
        if not self.listeners:
            self.close()
        return not self.listeners

    def close(self) -> None:
        """Look no more."""
        if self._task is not None:
            self._task.cancel()
            self._task = None
        self.question.close()

    async def next(self, listener: Listener, patience: float) -> Heard | None:
        """The newest look, once there is one that it was not told of; None after so many seconds without one.

        None at once where its own token is refused.
        """
        loop = asyncio.get_running_loop()
        until = loop.time() + patience
        while listener.heard == self._number and not listener.refused:
            left = until - loop.time()
            if left <= 0:
                return None
            news = self._news
            try:
                async with asyncio.timeout(left):
                    await news.wait()
            except TimeoutError:
                return None
        if listener.refused:
            return None
        listener.heard = self._number
        parts = self._parts(listener.view) if self._shown is not None else None
        return Heard(self._number, parts, self.trouble)

    def _parts(self, view: Hashable) -> Parts:
        made = self._made.get(view)
        if made is None:
            assert self._shown is not None  # noqa: S101  # whoever calls has looked
            made = self._made[view] = self._shown.parts(view)
        return made

    async def _run(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            began = loop.time()
            pause = EVERY
            try:
                async with asyncio.timeout(LOOK_WITHIN):
                    pause = await self._look()
            except TimeoutError:
                self._tell(None, TOO_LATE.format(seconds=LOOK_WITHIN))
            except Exception:  # noqa: BLE001  # whatever it was: the next look is another one
                _log.exception("a look for the page has failed")
                self._tell(None, WENT_WRONG)
            await asyncio.sleep(max(pause, REST * (loop.time() - began)))

    async def _look(self) -> float:
        """Ask with the token of one that listens; of the next one, where that is refused. Seconds to the next look.

        All are told what one was answered: so it counts only if that one has the rights of all, before and after.
        """
        for listener in [one for one in self.listeners if not one.refused]:
            api = listener.api
            if not await self._still_as_all(listener, api):
                continue
            try:
                shown = await self.question.look(api)
            except Refused as refusal:
                if refusal.answer.status == UNAUTHENTICATED:
                    self._refuse(listener)
                    continue
                if not await self._still_as_all(listener, api):
                    continue
                self._tell(None, refusal.answer.error)
                return AFTER_A_REFUSAL if refusal.answer.status in REFUSALS else EVERY
            if not await self._still_as_all(listener, api):
                continue
            self._tell(shown)
            return EVERY
        return EVERY

    async def _still_as_all(self, listener: Listener, api: Api) -> bool:
        if await listener.keeps_rights(api):
            return True
        self._refuse(listener)
        return False

    def _refuse(self, listener: Listener) -> None:
        listener.refused = True
        self._wake()

    def _tell(self, shown: Shown | None, trouble: str = "") -> None:
        if shown is None and trouble == self.trouble:
            return
        if shown is not None:
            self._shown, self._made = shown, {}
        self.trouble = trouble
        self._number += 1
        self._wake()

    def _wake(self) -> None:
        self._news.set()
        self._news = asyncio.Event()
