"""Sessions: begun by a login, asked for at each request, over with their time, a logout, or a revoked credential.

Whoever is logged in is looked at anew at each request: a client of our own issuer gets a new token as long as it is not
revoked, any other token is verified again. Roles are in neither: the API asks for them at each of its own requests.
"""

import asyncio
import hashlib
import hmac
import logging
import secrets
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import jwt

from api.access.outside_issuer import IssuerAway
from api.access.principals import Principal, TokenRefused
from api.services.dependencies import Services
from api.wire.errors import unavailable
from instar.domain.legible import legible
from instar.store.errors import SealingError
from instar.store.page.proofs import Proof
from instar.store.page.sessions import Session

_log = logging.getLogger("instar.audit")

VALUE_BYTES = 32
"""256 random bits."""

RENEWED_BEFORE = timedelta(seconds=20)
"""Before a token ends a new one is asked for; tokens of outside issuers are good for a minute longer than they say."""


LOOKS = 100
BETWEEN_LOOKS_SECONDS = 0.1
"""At a session whose token another request renews: together as long as that request waits for the issuer."""


@dataclass(frozen=True, slots=True)
class Known:
    """Whose session it is, with a token that is good now."""

    principal: Principal
    token: str = field(repr=False)


def csrf_of(value: str) -> str:
    """What the forms of a session hold: whoever knows it does not know the cookie."""
    return hmac.new(value.encode(), b"csrf", hashlib.sha256).hexdigest()


async def known_by(services: Services, proof: Proof) -> Known:
    """Who that is. Raises TokenRefused, IssuerAway."""
    token = proof.token
    if proof.client_id:
        own = services.access.own
        minted = await own.minted(proof.client_id) if own is not None else None
        if minted is None:
            raise TokenRefused("its client was revoked, or our own issuer is off")
        token = minted
    return Known(await services.access.principal_of(f"Bearer {token}"), token)


async def begin(services: Services, known: Known, proof: Proof) -> tuple[str, datetime]:
    """A session for whoever has just logged in: what the cookie holds, and when it is over.

    Raises TokenRefused for a token that is over.
    """
    now, value = services.clock(), secrets.token_urlsafe(VALUE_BYTES)
    ends_at = now + services.settings.page.session
    if not proof.client_id and not proof.refresh:
        ends_at = min(ends_at, end_of(proof.token))
        if ends_at <= now:
            raise TokenRefused("it is over")
    await asyncio.to_thread(services.store.page_sessions.begin, value, known.principal.subject, proof, now, ends_at)
    return value, ends_at


async def found(services: Services, value: str) -> Known | None:
    """Whose session that is; None where there is none, or none any more. Raises ArmError 503."""
    sessions = services.store.page_sessions
    session = await asyncio.to_thread(sessions.find, value, services.clock()) if value else None
    if session is None:
        return None
    try:
        return await known_by(services, await _fresh(services, value, session))
    except (TokenRefused, SealingError) as over:
        _log.info("a session of %s is over: %s", legible(session.principal), over)
        await asyncio.to_thread(sessions.end, value)
        return None
    except IssuerAway as away:
        _log.warning("%s", away)
        raise unavailable("The issuer you are logged in at does not answer just now. Try again later.") from None


async def _fresh(services: Services, value: str, session: Session) -> Proof:
    """What it asks with, renewed where its token is about to end. Of requests at once one renews.

    Raises SealingError, IssuerAway.
    """
    sessions, now = services.store.page_sessions, services.clock()
    proof, login = sessions.proof(session), services.access.outside_login
    left = end_of(proof.token) - now
    if not proof.refresh or login is None or left > RENEWED_BEFORE:
        return proof
    if not await asyncio.to_thread(sessions.may_renew, value, session.etag, now):
        return proof if left > timedelta() else await _renewed_elsewhere(services, value, session)
    try:
        renewed = await login.renewed(proof.refresh)
    except (TokenRefused, IssuerAway) as error:
        await asyncio.to_thread(sessions.leave, value, session.etag)
        if isinstance(error, IssuerAway) and left <= timedelta():
            raise
        return proof  # as long as it is good still
    fresh = Proof(token=renewed.token, refresh=renewed.refresh or proof.refresh)
    await asyncio.to_thread(sessions.renew, value, session.etag, fresh)
    return fresh


async def _renewed_elsewhere(services: Services, value: str, session: Session) -> Proof:
    """What another request, here or in another process, is just fetching. Raises SealingError, IssuerAway."""
    sessions = services.store.page_sessions
    for _ in range(LOOKS):
        again = await asyncio.to_thread(sessions.find, value, services.clock())
        if again is None or again.etag != session.etag:
            return sessions.proof(again or session)
        await asyncio.sleep(BETWEEN_LOOKS_SECONDS)
    raise IssuerAway("another request has not done with the renewal of a session yet")


def end_of(token: str) -> datetime:
    """When a token ends, by its own word: it is verified elsewhere. One that does not say has ended."""
    try:
        claims = jwt.decode(token, options={"verify_signature": False})
        return datetime.fromtimestamp(float(claims["exp"]), UTC)
    except (jwt.InvalidTokenError, KeyError, TypeError, ValueError, OverflowError, OSError, RecursionError):
        return datetime.min.replace(tzinfo=UTC)
