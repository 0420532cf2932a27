"""How a login ends: with a session and a note in the audit log, or with a sentence that says why not."""

import asyncio

from fastapi import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from api.access.caller import Caller
from api.access.noting import entry_of, noted
from api.access.principals import Principal
from api.access.refusals import too_many
from api.login.failed_logins import refused_login
from api.page.access.cookies import drop_cookie, read_cookie, set_cookie
from api.page.access.origins import not_from_page, wrong_in_origin
from api.page.access.sessions import Known, begin
from api.page.access.then import place_of
from api.page.views import view
from api.services.dependencies import Services
from instar.store.page.proofs import Proof

BEGUN = "Instar/pageSessions/write"
ENDED = "Instar/pageSessions/delete"
"""As ARM would name them."""

SEE_OTHER = 303


def check_origin(request: Request, services: Services) -> None:
    """For forms of whoever is not logged in yet. Raises ArmError 403."""
    if wrong := wrong_in_origin(request, services):
        raise not_from_page(wrong)


async def let_in(request: Request, services: Services, known: Known, proof: Proof, response: Response) -> Response:
    """Give that response a new session; one that the browser had is over. Raises TokenRefused."""
    value, ends_at = await begin(services, known, proof)
    if before := read_cookie(request, services):
        await asyncio.to_thread(services.store.page_sessions.end, before)
        drop_cookie(response, request, services)
    set_cookie(response, request, services, value, ends_at - services.clock())
    await note(request, services, known.principal, BEGUN)
    return response


async def turned_away(request: Request, services: Services, why: str, client_id: str = "", then: str = "/") -> Response:
    """The login once more, with the reason. Raises ArmError 429 for whom that happens too often."""
    if seconds := await refused_login(request, services, client_id):
        raise too_many(seconds)
    return login_page(request, services, then, status=403, wrong=why)


def login_page(request: Request, services: Services, then: str, *, status: int = 200, wrong: str = "") -> HTMLResponse:
    """All the ways in that there are here."""
    outside = services.access.outside_login
    return view(
        request,
        None,
        "login.html",
        status=status,
        wrong=wrong,
        then=place_of(then),
        own=services.access.own is not None,
        outside="" if outside is None else outside.issuer.url,
    )


async def note(request: Request, services: Services, principal: Principal, action: str) -> None:
    """Who came or went, in the audit log."""
    entry = entry_of(Caller(principal), action, request.url.path, SEE_OTHER, services.clock())
    await noted(services.store, entry)


def onward(place: str) -> RedirectResponse:
    """To a place of the page."""
    return RedirectResponse(place_of(place), status_code=SEE_OTHER)
