"""What stands before every route: no token, 401; not allowed, 403; and a note in the audit log of what changed.

It guards paths, not routes: a new route is closed unless its path is in the short list of open ones.
"""

import asyncio
import logging
from dataclasses import dataclass, field
from typing import Any

import jwt
from cachetools import LRUCache
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.access.caller import NOBODY, Caller
from api.access.challenge import authority, unauthenticated
from api.access.noting import entry_of, noted
from api.access.outside_issuer import IssuerAway, OutsideIssuer
from api.access.outside_login import OutsideLogin
from api.access.own_issuer import OwnIssuer, is_ours, principal_of
from api.access.principals import Principal, TokenRefused
from api.access.refusals import Refusals, too_many
from api.remembered.reading import reading_once
from api.wire.errors import ArmError, unavailable
from instar.compute.clock import Clock
from instar.domain.access import need_of, reads
from instar.serving.connections import origin_of
from instar.store.errors import Unavailable
from instar.store.store import Store

_log = logging.getLogger("instar.audit")

OPEN = frozenset(
    {"/", "/page", "/healthz", "/readyz", "/docs", "/openapi.json", "/docs/oauth2-redirect", "/metadata/endpoints"}
)
OPEN_BELOW = ("/static-offline-docs/", "/page/")
"""The page has sessions in place of tokens and looks at them itself (`api.page.access.visitor`)."""

REFUSED = (401, 403)
TOO_MANY = 429
TOKEN_AT_MOST = 16_384
"""Characters of a token; Entra ID's longest are far below."""

CALLERS_KEPT = 10_000
"""Clients at once."""


@dataclass(frozen=True)
class Access:
    """Who may be believed, and where roles are looked up."""

    store: Store
    clock: Clock
    own: OwnIssuer | None = None
    outside: OutsideIssuer | None = None
    outside_login: OutsideLogin | None = None
    """How people log in to the page at the outside issuer, where the settings say."""
    open_paths: frozenset[str] = field(default=OPEN)
    refusals: Refusals = field(default_factory=Refusals)
    public_url: str = ""
    """What clients reach us under, where that is not what their requests say."""

    callers: LRUCache[str | Principal, tuple[object, Caller]] = field(default_factory=lambda: LRUCache(CALLERS_KEPT))
    """With their roles, and the version of the store of which these were read: clients of our issuer, by their ids, and
    principals of the outside one."""

    async def principal_of(self, authorization: str) -> Principal:
        """Raises TokenRefused, IssuerAway."""
        token = bearer(authorization)
        if self.own is not None and self._is_ours(token):
            return await self.own.verified(token)
        return await self._outside_principal(token)

    async def caller_of(self, authorization: str, version: object = None) -> Caller:
        """Whoever a request comes from, with its roles as they are now. Raises TokenRefused, IssuerAway, StoreError.

        `version`: of the store, if that can be told: while it is the same, nobody was revoked and no role has changed.
        """
        token = bearer(authorization)
        who: str | Principal
        if self.own is not None and self._is_ours(token):
            who = self.own.subject_of(token)
        else:
            who = await self._outside_principal(token)
        kept = self.callers.get(who)
        if kept is not None and version is not None and kept[0] == version:
            return kept[1]
        if isinstance(who, Principal):
            caller = await self.caller(who)
        else:
            client, grants = await asyncio.to_thread(self.store.credentials.of_client, who)
            caller = Caller(principal_of(client), grants)
        if version is not None:
            self.callers[who] = (version, caller)
        return caller

    def _is_ours(self, token: str) -> bool:
        assert self.own is not None  # noqa: S101  # whoever calls has looked
        return self.own.knows(token) or is_ours(claimed(token))

    async def _outside_principal(self, token: str) -> Principal:
        if self.outside is not None and self.outside.is_issuer_of(claimed(token)):
            return await self.outside.verified(token)
        raise TokenRefused("its issuer is not one that is accepted here")

    async def caller(self, principal: Principal) -> Caller:
        """The principal with its roles as they are now."""
        return Caller(principal, await asyncio.to_thread(self.store.credentials.grants, principal.names))

    def login_at(self, scope: Scope) -> str:
        """Where a token can be had: here, or at the outside issuer where our own is off."""
        if self.own is None and self.outside is not None:
            return self.outside.url
        return self.public_url or authority(scope)


def bearer(authorization: str) -> str:
    """The token of a header. Raises TokenRefused where there is none."""
    scheme, _, token = authorization.partition(" ")
    token = token.strip()
    if scheme.lower() != "bearer" or not token or len(token) > TOKEN_AT_MOST:
        raise TokenRefused("a bearer token is needed")
    return token


def claimed(token: str) -> dict[str, Any]:
    """What a token says of itself, whoever has written it. Raises TokenRefused."""
    try:
        claims: dict[str, Any] = jwt.decode(token, options={"verify_signature": False})
    except (jwt.InvalidTokenError, RecursionError, ValueError):
        raise TokenRefused("it is no JSON Web Token") from None
    return claims


class Guard:
    """ASGI middleware. Whom to believe is asked of the application's services at each request."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let through who may; answer the others."""
        if scope["type"] == "lifespan":
            await self.app(scope, receive, send)
            return
        if scope["type"] != "http":  # there are no others: one that comes to be shall not be open
            await send({"type": "websocket.close", "code": 1008})
            return
        access: Access = scope["app"].state.services.access
        if scope["path"] in access.open_paths or scope["path"].startswith(OPEN_BELOW):
            await self.app(scope, receive, send)
            return
        if not reads(scope["method"], scope["path"]):
            await self._guarded(access, scope, receive, send)
            return
        async with reading_once(access.store.database):
            await self._guarded(access, scope, receive, send)

    async def _guarded(self, access: Access, scope: Scope, receive: Receive, send: Send) -> None:
        need, caller = need_of(scope["method"], scope["path"]), NOBODY
        version = access.store.database.version()
        try:
            caller = await _caller(access, scope, version)
            caller.require(need)
        except ArmError as error:
            if error.status in REFUSED and (seconds := access.refusals.wait(_who(scope, caller))):
                error = too_many(seconds)
            await _note(access, scope, caller, error.status)
            await error.response()(scope, receive, send)
            return
        state = scope["state"] = {**scope.get("state", {}), "caller": caller, "version": version}
        noted = False

        async def sending(message: Message) -> None:
            nonlocal noted
            if message["type"] == "http.response.start" and not noted:
                noted = True
                headers = dict(message.get("headers", ()))
                request_id = headers.get(b"x-ms-request-id", b"").decode("latin-1")
                await _note(access, scope, caller, message["status"], request_id, state.get("reason", ""))
            await send(message)

        try:
            await self.app(scope, receive, sending)
        except Exception:
            if not noted:  # it may have changed something before it failed
                await _note(access, scope, caller, 500, reason=state.get("reason", ""))
            raise


async def _caller(access: Access, scope: Scope, version: object) -> Caller:
    """Raises ArmError 401, or 503 while the issuer or the store is away."""
    given = dict(scope["headers"]).get(b"authorization", b"").decode("latin-1")
    try:
        return await access.caller_of(given, version)
    except TokenRefused as refusal:
        raise unauthenticated(str(refusal) if given else "", access.login_at(scope)) from None
    except IssuerAway as away:
        _log.warning("%s", away)
        raise unavailable("The issuer of this token does not answer just now. Try again later.") from None
    except Unavailable:
        _log.warning("the store does not answer")
        raise unavailable("The database does not answer just now: nothing was changed. Try again later.") from None


def _who(scope: Scope, caller: Caller) -> str:
    """Whose refusals are counted together: a principal's, or of those without one their address's."""
    return caller.principal.subject or f"from {origin_of(scope.get('client') or ())}"


async def _note(  # noqa: PLR0917  # who, what, what came of it, why
    access: Access, scope: Scope, caller: Caller, status: int, request_id: str = "", reason: str = ""
) -> None:
    """What changes something, or was refused, is noted; plain reads are not."""
    refused = status in REFUSED
    if reads(scope["method"], scope["path"]) and not refused and status != TOO_MANY:
        return
    action = need_of(scope["method"], scope["path"]).action
    entry = entry_of(caller, action, scope["path"], status, access.clock(), request_id, reason)
    line = (entry.action, entry.name, entry.principal, scope["method"], entry.resource, status)
    if status in (401, TOO_MANY):  # nobody's doing, or told often enough: strangers must not be able to fill the store
        _log.warning("refused: %s %s (%s) %s %s: %d", *line)
        return
    if refused:
        _log.warning("forbidden: %s %s (%s) %s %s: %d", *line)
    else:
        _log.info("%s %s (%s) %s %s: %d", *line)
    await noted(access.store, entry)
