"""What stands before every route: no token, 401; not allowed, 403; and a note in the audit log of what changed.

It guards paths, not routes: a new route is closed unless its path is in the short list of open ones.
"""

import asyncio
import logging
from dataclasses import dataclass, field

import jwt
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.access.outside_issuer import IssuerAway, OutsideIssuer
from api.access.own_issuer import OwnIssuer, is_ours
from api.access.principals import Principal, TokenRefused
from api.errors import ArmError, unavailable
from compute.clock import Clock
from domain.access import Need, allowed, need_of
from store.audit import Entry
from store.errors import StoreError, Unavailable
from store.store import Store

_log = logging.getLogger("instar.audit")

OPEN = frozenset({"/healthz", "/readyz", "/docs", "/openapi.json", "/docs/oauth2-redirect", "/metadata/endpoints"})
OPEN_BELOW = ("/static-offline-docs/",)
READS = ("GET", "HEAD", "OPTIONS")
TOKEN_AT_MOST = 16_384
"""Characters of a token; Entra ID's longest are far below."""


@dataclass(frozen=True)
class Access:
    """Who may be believed, and where roles are looked up."""

    store: Store
    clock: Clock
    own: OwnIssuer | None = None
    outside: OutsideIssuer | None = None
    open_paths: frozenset[str] = field(default=OPEN)

    async def principal_of(self, authorization: str) -> Principal:
        """Raises TokenRefused, IssuerAway."""
        scheme, _, token = authorization.partition(" ")
        token = token.strip()
        if scheme.lower() != "bearer" or not token or len(token) > TOKEN_AT_MOST:
            raise TokenRefused("a bearer token is needed")
        try:
            claims = jwt.decode(token, options={"verify_signature": False})
        except (jwt.InvalidTokenError, RecursionError, ValueError):
            raise TokenRefused("it is no token") from None
        if self.own is not None and is_ours(claims):
            return await self.own.verified(token)
        if self.outside is not None and self.outside.is_issuer_of(claims):
            return await self.outside.verified(token)
        raise TokenRefused("nobody who is believed here has issued it")

    async def check(self, principal: Principal, need: Need) -> None:
        """Raises ArmError 403 AuthorizationFailed."""
        grants = await asyncio.to_thread(self.store.credentials.grants, principal.names)
        if not allowed(grants, need):
            raise ArmError(
                403,
                "AuthorizationFailed",
                f"The client '{principal.name}' with object id '{principal.subject}' does not have authorization to "
                f"perform action '{need.action}' over scope '{need.scope}' or the scope is invalid. The role "
                f"{need.role} there, or above, is needed.",
            )


class Guard:
    """ASGI middleware. Whom to believe is what the application's services say (`Services.access`)."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let through who may; answer the others."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        access: Access = scope["app"].state.services.access
        if scope["path"] in access.open_paths or scope["path"].startswith(OPEN_BELOW):
            await self.app(scope, receive, send)
            return
        principal = None
        try:
            principal = await _principal(access, scope)
            await access.check(principal, need_of(scope["method"], scope["path"]))
        except ArmError as error:
            await _note(access, scope, principal, error.status)
            await error.response()(scope, receive, send)
            return
        except Unavailable:
            _log.warning("the store does not answer")
            await unavailable("The store does not answer just now.").response()(scope, receive, send)
            return
        scope["state"] = {**scope.get("state", {}), "principal": principal}
        noted = False

        async def sending(message: Message) -> None:
            nonlocal noted
            if message["type"] == "http.response.start" and not noted:
                noted = True
                headers = dict(message.get("headers", ()))
                request_id = headers.get(b"x-ms-request-id", b"").decode("latin-1")
                await _note(access, scope, principal, message["status"], request_id)
            await send(message)

        await self.app(scope, receive, sending)


async def _principal(access: Access, scope: Scope) -> Principal:
    given = dict(scope["headers"]).get(b"authorization", b"").decode("latin-1")
    try:
        return await access.principal_of(given)
    except TokenRefused as refusal:
        raise _unauthenticated(str(refusal), given=bool(given), where=_authority(scope)) from None
    except IssuerAway as away:
        _log.warning("%s", away)
        raise unavailable("The issuer of this token does not answer just now.") from None


async def _note(access: Access, scope: Scope, principal: Principal | None, status: int, request_id: str = "") -> None:
    """What changes something, or was refused, is noted; plain reads are not."""
    refused = status in (401, 403)
    if scope["method"] in READS and not refused:
        return
    who, need = principal or Principal("", "", ()), need_of(scope["method"], scope["path"])
    entry = Entry(access.clock(), who.subject, who.name, need.action, scope["path"], status, request_id)
    _log.info("%s %s (%s) %s %s: %d", entry.action, who.name, who.subject, scope["method"], entry.resource, status)
    if status == 401:  # noqa: PLR2004  # nobody's doing: strangers must not be able to fill the store
        return
    try:
        await asyncio.to_thread(access.store.audit.add, entry)
    except StoreError:
        _log.exception("this could not be written to the audit log")


def _unauthenticated(reason: str, *, given: bool, where: str) -> ArmError:
    challenge = f'Bearer authorization_uri="{where}", error="invalid_token", error_description="{reason}"'
    if not given:
        challenge = f'Bearer authorization_uri="{where}"'
    code = "InvalidAuthenticationToken" if given else "AuthenticationFailed"
    message = (
        f"The access token is not good: {reason}."
        if given
        else "Authentication failed. The 'Authorization' header is missing."
    )
    return ArmError(401, code, message, headers={"WWW-Authenticate": challenge.replace("\n", " ")})


def _authority(scope: Scope) -> str:
    host = dict(scope["headers"]).get(b"host", b"localhost").decode("latin-1")
    safe = "".join(one for one in host[:260] if one.isalnum() or one in ".:-[]")
    return f"{scope.get('scheme', 'https')}://{safe}"
