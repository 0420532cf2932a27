"""Who looks at the page, for each of its routes: `SeenDep` for what only shows, `ActsDep` for what changes something.

Whoever is not logged in is led to the login and back; no route but those of the login does without one of the two.
"""

import hmac
from dataclasses import dataclass, field
from typing import Annotated
from urllib.parse import urlencode, urlsplit

from fastapi import Depends, Request
from starlette.responses import HTMLResponse, PlainTextResponse, RedirectResponse, Response

from api.page.access.cookies import read_cookie
from api.page.access.origins import wrong_in_origin
from api.page.access.sessions import csrf_of, found
from api.page.access.then import HOME, place_of
from api.services.dependencies import Services, ServicesDep
from api.wire.errors import ArmError

LOGIN = "/page/login"
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
    """Nobody is logged in. The answer leads to the login, in the way that whoever asks can follow."""

    def response(self, request: Request) -> Response:
        """A redirect; of htmx a header that says the same; of an event stream, which follows neither, 401."""
        if request.headers.get("hx-request") == "true":
            shown = urlsplit(request.headers.get("hx-current-url", ""))
            where = _login(shown.path + (f"?{shown.query}" if shown.query else ""))
            return PlainTextResponse("Log in first.", status_code=401, headers={"HX-Redirect": where})
        if "text/event-stream" in request.headers.get("accept", ""):
            return PlainTextResponse("Log in first.", status_code=401)
        if request.method not in ("GET", "HEAD"):
            return RedirectResponse(_login(HOME), status_code=303)
        where = _login(request.url.path + (f"?{request.url.query}" if request.url.query else ""))
        if _is_led_here(request):
            return HTMLResponse(_ONWARD.format(where=where.replace("&", "&amp;")))
        return RedirectResponse(where, status_code=303)


_ONWARD = """<!doctype html>
<html lang="en"><head><title>Instar</title><meta http-equiv="refresh" content="0;url={where}"></head>
<body><a href="{where}">Go on to Instar</a></body></html>
"""
"""With a link of another site browsers do not send the cookie (`SameSite=Strict`), nor while they follow redirects from
there. From this page on they do. `where` is percent-encoded."""


def _is_led_here(request: Request) -> bool:
    return (
        request.headers.get("sec-fetch-site", "") in ("cross-site", "same-site")
        and request.headers.get("sec-fetch-mode", "") == "navigate"
        and request.headers.get("sec-fetch-dest", "") == "document"
    )


def _login(then: str) -> str:
    place = place_of(then)
    return LOGIN if place == HOME else f"{LOGIN}?{urlencode({'then': place})}"


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
        raise refused(wrong)
    return visitor


ActsDep = Annotated[Visitor, Depends(acts)]
"""Somebody who changes something, by a form of the page."""


def refused(wrong: str) -> ArmError:
    """The answer to a form of somebody else's."""
    return ArmError(403, "RequestNotFromPage", f"{wrong} Nothing was done. Open the page anew, and try again.")


async def form_of(request: Request) -> dict[str, str]:
    """The fields of a form, each its last value; files are refused. Raises HTTPException 400."""
    form = await request.form(max_files=0, max_fields=FIELDS_AT_MOST)
    return {name: value for name, value in form.multi_items() if isinstance(value, str)}


async def _of_form(request: Request) -> str:
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind not in ("application/x-www-form-urlencoded", "multipart/form-data"):
        return ""
    return (await form_of(request)).get("csrf", "")
