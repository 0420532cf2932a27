"""One page that is open: its events, from the first to the one that says that it has to log in again."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Hashable
from enum import Enum

from fastapi import Request
from sse_starlette import EventSourceResponse, ServerSentEvent

from api.access.outside_issuer import IssuerAway
from api.access.principals import TokenRefused
from api.page.access.visitor import LoginNeeded, Visitor, still_seen
from api.page.asking import Api, api_of
from api.page.live.hub import Rights, hub_of
from api.page.live.parts import Parts, in_place, news
from api.page.live.pollers import Heard, Listener
from api.page.live.questions import Question
from api.page.views import rendered
from api.services.dependencies import Services
from api.wire.errors import ArmError, unavailable
from instar.store.errors import Unavailable

_log = logging.getLogger(__name__)

BEAT = 15.0
"""Seconds after which a page is told that the connection lives, and its session and its rights are looked at anew."""
RETRY_MS = 2_000
"""After so long a browser whose connection is lost tries again."""
SENT_WITHIN = 30.0
"""Seconds that a browser has to take an event."""
IN_DOUBT = 5.0
"""Seconds between two looks at a session or rights that could not be told."""
DOUBTED = (
    "Whether you may still look cannot be told just now: the store, or the issuer of your login, does not answer. "
    "It is tried again."
)
LOGIN = "login"
"""The event that leads to the login."""


async def rights_of(services: Services, visitor: Visitor) -> Rights | None:
    """What the visitor's roles are now; None where the token is not taken any more. Raises IssuerAway, Unavailable."""
    access = services.access
    try:
        caller = await access.caller_of(f"Bearer {visitor.token}", access.store.database.version())
    except TokenRefused:
        return None
    return tuple(sorted(caller.grants, key=lambda grant: (grant.scope, grant.role.value)))


async def known_rights(services: Services, visitor: Visitor) -> Rights:
    """The same. Raises LoginNeeded, ArmError 503."""
    try:
        rights = await rights_of(services, visitor)
    except IssuerAway:
        raise unavailable("The issuer of this login does not answer just now. Try again later.") from None
    if rights is None:
        raise LoginNeeded
    return rights


async def stream(
    request: Request,
    services: Services,
    visitor: Visitor,
    *,
    name: str,
    question: Callable[[Rights], Question],
    view: Hashable = None,
) -> EventSourceResponse:
    """The answer that goes on until somebody ends it. Raises ArmError 503, LoginNeeded.

    `name`: of the question. `view`: how this page looks at its answer.
    """
    rights = await known_rights(services, visitor)

    async def keeps_rights(api: Api) -> bool:
        try:
            return await rights_of(services, api.visitor) == rights
        except (IssuerAway, Unavailable):
            return True  # then the API does not answer it either

    listener = Listener(api_of(request, visitor), view, keeps_rights)
    hub_of(request.app).check(services, listener.api.client[0])
    shown = request.headers.get("last-event-id", "") or request.query_params.get("shows", "")
    return EventSourceResponse(
        _events(request, services, listener, rights, name=name, question=question, shown=shown),
        ping=BEAT,
        send_timeout=SENT_WITHIN,
        sep="\n",
    )


async def _events(
    request: Request,
    services: Services,
    listener: Listener,
    rights: Rights,
    *,
    name: str,
    question: Callable[[Rights], Question],
    shown: str,
) -> AsyncIterator[ServerSentEvent]:
    yield ServerSentEvent(comment="instar", retry=RETRY_MS)
    loop = asyncio.get_running_loop()
    with hub_of(request.app).listening(listener, rights, question, name) as poller:
        before: Parts | None = None
        in_doubt = False
        due = loop.time() + BEAT
        while True:
            heard = None if in_doubt else await poller.next(listener, due - loop.time())
            if heard is not None:
                for one in told(heard, before, shown):
                    yield one
                before = heard.parts or before
            if not listener.refused and loop.time() < due:
                continue
            try:
                over = await _looked_at_anew(request, services, listener, rights)
            except (ArmError, IssuerAway, Unavailable):
                # Nothing is shown meanwhile: what others with these rights see may be no more for this one.
                if not in_doubt:
                    _log.warning("whether a page that is open may stay so cannot be told just now")
                    yield trouble(DOUBTED)
                listener.refused = in_doubt = True
                yield ServerSentEvent(event="beat", data="-")
                await asyncio.sleep(IN_DOUBT)
                continue
            if over is Over.SESSION:
                yield ServerSentEvent(event=LOGIN, data="log in again")
            if over is not None:
                return
            if in_doubt:
                in_doubt = False
                yield trouble(poller.trouble)
            yield ServerSentEvent(event="beat", data="-")
            due = loop.time() + BEAT


class Over(Enum):
    """Why a stream ends."""

    SESSION = "its session is over"
    RIGHTS = "its rights are others: it has to begin anew"


async def _looked_at_anew(request: Request, services: Services, listener: Listener, rights: Rights) -> Over | None:
    """None: it may go on. Raises ArmError 503, IssuerAway, Unavailable where nobody can tell."""
    visitor = await still_seen(request, services)
    if visitor is None:
        return Over.SESSION
    now = await rights_of(services, visitor)
    if now is None:
        return Over.SESSION
    if now != rights:
        return Over.RIGHTS
    listener.api, listener.refused = api_of(request, visitor), False
    return None


def told(heard: Heard, before: Parts | None, shown: str) -> list[ServerSentEvent]:
    """The events of a look, for a page that shows `before`, or the state of that name where it has just come."""
    found: list[ServerSentEvent] = []
    if heard.parts is not None:
        digest = heard.parts.digest
        if before is not None or digest != shown:
            found = [ServerSentEvent(event=event, data=data, id=digest) for event, data in news(before, heard.parts)]
    if heard.trouble or before is None or found:
        found.append(trouble(heard.trouble))
    return found


def trouble(why: str) -> ServerSentEvent:
    """Why there is nothing newer; "" takes away what was said before."""
    return ServerSentEvent(event="changes", data=in_place(rendered("live/trouble.html", trouble=why)))
