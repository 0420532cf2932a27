"""Who looks at the page, for each of its routes: `SeenDep` for what only shows, `ActsDep` for what changes something.

Whoever is not logged in is led to the login and back; no route but those of the login does without one of the two.
"""

import hmac
from dataclasses import dataclass, field
from typing import Annotated

from fastapi import Depends, Request

from api.page.access.cookies import read_cookie
from api.page.access.origins import not_from_page, wrong_in_origin
from api.page.access.sessions import csrf_of, found
from api.services.dependencies import Services, ServicesDep

FIELDS_AT_MOST = 2_000
"""Of a form: a machine each, and some more."""


@dataclass(frozen=True, slots=True)
class Visitor:
    """Whoever has a session."""

    name: str
    """As people call them; others have written it, and it may hold anything."""

    token: str = field(repr=False)
    """A bearer token for the API, good now; for a page that stays open it is asked for again (`still_seen`)."""

    csrf: str = field(repr=False)
    """What every form sends back as its field `csrf`, or htmx in the header `X-CSRF`."""


class LoginNeeded(Exception):
    """Nobody is logged in; what is answered is in `login_needed`."""


async def still_seen(request: Request, services: Services) -> Visitor | None:
    """Who sends the request, now; None once the session is over. Raises ArmError 503 while that cannot be told.

    An event stream asks this again and again, and ends when it is None.
    """
    value = read_cookie(request, services)
    known = await found(services, value)
    return None if known is None else Visitor(known.principal.name, known.token, csrf_of(value))


async def seen(request: Request, services: ServicesDep) -> Visitor:
    """Raises LoginNeeded."""
    visitor = await still_seen(request, services)
    if visitor is None:
        raise LoginNeeded
    return visitor


SeenDep = Annotated[Visitor, Depends(seen)]
"""Somebody who looks."""


async def acts(request: Request, services: ServicesDep, visitor: SeenDep) -> Visitor:
    """Raises LoginNeeded, and ArmError 403 where the request was not sent by a form of this session."""
    wrong = wrong_in_origin(request, services)
    if not wrong:
        given = request.headers.get("x-csrf", "") or await _of_form(request)
        if not hmac.compare_digest(given.encode("utf-8", "replace"), visitor.csrf.encode()):
            wrong = "This form is not of this session: somebody has logged in or out since it was shown."
    if wrong:
        raise not_from_page(wrong)
    return visitor


ActsDep = Annotated[Visitor, Depends(acts)]
"""Somebody who changes something, by a form of the page."""


async def form_of(request: Request) -> dict[str, str]:
    """The fields of a form, each its last value; files are refused. Raises HTTPException 400."""
    form = await request.form(max_files=0, max_fields=FIELDS_AT_MOST)
    return {name: value for name, value in form.multi_items() if isinstance(value, str)}


async def _of_form(request: Request) -> str:
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind not in ("application/x-www-form-urlencoded", "multipart/form-data"):
        return ""
    return (await form_of(request)).get("csrf", "")
