"""The way in by the outside issuer: to it, and back with what it gives."""

import asyncio
import logging
from dataclasses import asdict
from typing import Annotated

from fastapi import APIRouter, Query, Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from api.access.outside_issuer import IssuerAway
from api.access.outside_login import Attempt, OutsideLogin
from api.access.principals import TokenRefused
from api.page.access.cookies import LOGIN as UNDER_WAY
from api.page.access.cookies import drop_cookie, read_cookie, set_cookie
from api.page.access.login_needed import onward_page
from api.page.access.logins import let_in, turned_away
from api.page.access.sessions import known_by
from api.page.access.then import HOME, place_of
from api.services.dependencies import Services, ServicesDep
from api.services.public_url import public_url
from api.wire.errors import ArmError, not_found, unavailable
from instar.domain.legible import legible
from instar.store.page.attempts import ATTEMPT_LASTS
from instar.store.page.proofs import Proof

_log = logging.getLogger("instar.audit")

router = APIRouter()

AWAY = "/page/login/outside"
BACK = "/page/login/back"
"""What the issuer must know as a redirect URI, below the page's own URL."""


@router.get(AWAY)
async def go(request: Request, services: ServicesDep, then: Annotated[str, Query()] = HOME) -> Response:
    """To the issuer. What its answer must fit is remembered by the browser, sealed."""
    login, attempt = _login(services), Attempt.new()
    try:
        url = await login.url(attempt, public_url(request, services) + BACK)
    except (IssuerAway, TokenRefused) as error:
        raise _away(error) from None
    remembered = {**asdict(attempt), "then": place_of(then)}
    sealed = await asyncio.to_thread(services.store.page_attempts.sealed, remembered, services.clock())
    response = RedirectResponse(url, status_code=303)
    # The issuer's answer is a request from another site: a strict cookie would not come with it.
    set_cookie(response, request, services, sealed, ATTEMPT_LASTS, UNDER_WAY, "lax")
    return response


@router.get(BACK)
async def come_back(request: Request, services: ServicesDep) -> Response:
    """From the issuer, with a code or an error."""
    login, sealed = _login(services), read_cookie(request, services, UNDER_WAY)
    remembered = await asyncio.to_thread(services.store.page_attempts.opened, sealed, services.clock())
    then = HOME if remembered is None else remembered.pop("then")
    try:
        tokens = await login.tokens(_attempt(remembered), public_url(request, services) + BACK, _answer(request))
        proof = Proof(token=tokens.token, refresh=tokens.refresh)
        response: Response = await let_in(
            request, services, await known_by(services, proof), proof, HTMLResponse(onward_page(then))
        )
    except TokenRefused as refused:
        _log.warning("a log-in by the outside issuer failed: %s", legible(str(refused)))
        response = await turned_away(request, services, f"The login did not work: {refused}.", then=then)
    except IssuerAway as away:
        raise _away(away) from None
    drop_cookie(response, request, services, UNDER_WAY, "lax")
    return response


_ANSWER_AT_MOST = 8_192


def _attempt(remembered: dict[str, str] | None) -> Attempt:
    if remembered is None:
        raise TokenRefused("no login is under way in this browser, or it took longer than ten minutes")
    return Attempt(**remembered)


def _answer(request: Request) -> dict[str, str]:
    return {name: value for name, value in request.query_params.items() if len(value) <= _ANSWER_AT_MOST}


def _login(services: Services) -> OutsideLogin:
    login = services.access.outside_login
    if login is None:
        raise not_found("Nobody logs in to the page at an outside issuer here (INSTAR_PAGE__CLIENT_ID).")
    return login


def _away(error: Exception) -> ArmError:
    _log.warning("%s", legible(str(error)))
    return unavailable("The issuer does not answer as it should just now. Try again later.")
