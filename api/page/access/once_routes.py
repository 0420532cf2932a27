"""Links that log in once: made for whoever knows a client's secret, used by whoever opens them first.

The code stands behind the `#`: browsers send that to nobody, so it is in no log and no `Referer`. A script of ours puts
it into a form, which is sent like any other.
"""

import asyncio
import secrets
from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import Response

from api.access.outside_issuer import IssuerAway
from api.access.principals import TokenRefused
from api.access.refusals import too_many
from api.login.failed_logins import refused_login
from api.page.access.logins import check_origin, let_in, onward, turned_away
from api.page.access.sessions import known_by
from api.page.access.then import HOME
from api.page.access.visitor import form_of
from api.page.views import view
from api.services.dependencies import ServicesDep
from api.services.public_url import public_url
from api.wire.errors import ArmError, unavailable
from instar.store.page.links import LINK_LASTS
from instar.store.page.proofs import Proof

router = APIRouter()

ONCE = "/page/once"
LINKS = "/page/links"
CODE_BYTES = 32


@router.post(LINKS, response_model=None, status_code=201)
async def make_link(request: Request, services: ServicesDep) -> dict[str, Any]:
    """A link for `client_id` and `client_secret`: for the command line, which has them."""
    form = await form_of(request)
    client_id, secret = form.get("client_id", ""), form.get("client_secret", "")
    own = services.access.own
    issued = await own.issued(client_id, secret) if own is not None and client_id and secret else None
    if issued is None:
        if seconds := await refused_login(request, services, client_id):
            raise too_many(seconds)
        raise ArmError(401, "AuthenticationFailed", "There is no such client, or that is not its secret.")
    code = secrets.token_urlsafe(CODE_BYTES)
    proof = Proof(client_id=client_id)
    await asyncio.to_thread(services.store.page_links.make, code, client_id, proof, services.clock())
    return {
        "url": f"{public_url(request, services)}{ONCE}#{code}",
        "expiresInSeconds": int(LINK_LASTS.total_seconds()),
    }


@router.get(ONCE)
async def show_once(request: Request) -> Response:
    """What sends the code on; without scripts it is put in by hand."""
    return view(request, None, "once.html")


@router.post(ONCE)
async def use_link(request: Request, services: ServicesDep) -> Response:
    """Log in with a `code` that nobody has used."""
    check_origin(request, services)
    code = (await form_of(request)).get("code", "").strip()
    proof = await asyncio.to_thread(services.store.page_links.take, code, services.clock()) if code else None
    if proof is None:
        return await turned_away(
            request, services, "This link was used before, or is too old. `instar page` prints a new one."
        )
    try:
        return await let_in(request, services, await known_by(services, proof), proof, onward(HOME))
    except TokenRefused as refused:
        return await turned_away(request, services, f"This link is not good: {refused}.", proof.client_id)
    except IssuerAway:
        raise unavailable("The issuer does not answer just now. Try again later.") from None
