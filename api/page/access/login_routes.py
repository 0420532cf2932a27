"""The way in with what our own issuer gives, or with a token; and the way out."""

import asyncio
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from api.access.outside_issuer import IssuerAway
from api.access.principals import TokenRefused
from api.page.access.cookies import drop_cookie, read_cookie
from api.page.access.login_needed import LOGIN, is_led_here, login_for, onward_page
from api.page.access.logins import ENDED, check_origin, let_in, login_page, note, onward, turned_away
from api.page.access.sessions import found, known_by
from api.page.access.then import HOME
from api.page.access.visitor import acts, form_of, still_seen
from api.services.dependencies import ServicesDep
from api.wire.errors import unavailable
from instar.store.page.proofs import Proof

router = APIRouter()

NO_CLIENT = "There is no such client, or that is not its secret."
NOTHING_GIVEN = "A client's id and its secret are needed, or a token."

Then = Annotated[str, Query()]


@router.get("/page")
async def home() -> Response:
    """What somebody may type."""
    return onward(HOME)


@router.get(LOGIN)
async def show_login(request: Request, services: ServicesDep, then: Then = HOME) -> Response:
    """The ways in. Whoever is in already is led on."""
    if await still_seen(request, services):
        return onward(then)
    if is_led_here(request) and not read_cookie(request, services):
        return HTMLResponse(onward_page(login_for(then)))
    return login_page(request, services, then)


@router.post(LOGIN)
async def login(request: Request, services: ServicesDep) -> Response:
    """With `client_id` and `client_secret`, or with `token`."""
    check_origin(request, services)
    form = await form_of(request)
    then, client_id, secret = form.get("then", HOME), form.get("client_id", "").strip(), form.get("client_secret", "")
    token = form.get("token", "").strip()
    if token:
        proof = Proof(token=token)
    elif client_id and secret:
        own = services.access.own
        if own is None or await own.issued(client_id, secret.strip()) is None:
            return await turned_away(request, services, NO_CLIENT, client_id, then)
        proof = Proof(client_id=client_id)
    else:
        return login_page(request, services, then, status=400, wrong=NOTHING_GIVEN)
    try:
        known = await known_by(services, proof)
        return await let_in(request, services, known, proof, onward(then))
    except TokenRefused as refused:
        return await turned_away(request, services, f"This token is not good: {refused}.", client_id, then)
    except IssuerAway:
        raise unavailable("The issuer of this token does not answer just now. Try again later.") from None


@router.post("/page/logout", dependencies=[Depends(acts)])
async def logout(request: Request, services: ServicesDep) -> Response:
    """End the session, here and in every tab of this browser. The one at an outside issuer is its own affair."""
    value = read_cookie(request, services)
    known = await found(services, value)
    await asyncio.to_thread(services.store.page_sessions.end, value)
    if known is not None:
        await note(request, services, known.principal, ENDED)
    response = RedirectResponse(LOGIN, status_code=303, headers={"Clear-Site-Data": '"cache"'})
    drop_cookie(response, request, services)
    return response
