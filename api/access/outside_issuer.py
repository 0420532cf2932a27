"""Tokens of an OpenID Connect issuer that is not ours (Entra ID, Keycloak), by its URL.

Its signing keys are fetched from where its discovery document says, kept, and fetched anew when a token names a key
that is not among them; not more often than once a minute, whatever tokens ask for.
"""

import asyncio
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any

import httpx
import jwt

from api.access.principals import Principal, TokenRefused

ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384")
"""Signatures with a private key only: no shared secrets, and no `none`."""

LEEWAY = timedelta(seconds=60)
"""By which clocks may differ."""

FETCH_AT_LEAST_APART = timedelta(minutes=1)
KEPT_FOR = timedelta(hours=24)
FETCH_SECONDS = 10.0
SUBJECTS = ("oid", "sub")
"""What names a caller, the first that a token has: Entra ID's object id, else the subject."""

ALSO = ("azp", "appid", "client_id", "preferred_username")
"""Other names under which a role may be given."""


class IssuerAway(Exception):
    """The issuer's keys cannot be fetched just now, and none are kept."""


class OutsideIssuer:
    """One issuer and the audience that its tokens must be for."""

    def __init__(
        self, url: str, audience: str, clock: Callable[[], datetime], transport: httpx.AsyncBaseTransport | None = None
    ) -> None:
        self.url = url.rstrip("/")
        self._audience = audience
        self._clock = clock
        self._http = httpx.AsyncClient(timeout=FETCH_SECONDS, transport=transport, trust_env=True)
        self._keys: dict[str, jwt.PyJWK] = {}
        self._fetched_at: datetime | None = None
        self._one_fetch = asyncio.Lock()

    async def close(self) -> None:
        """Close its connections."""
        await self._http.aclose()

    def is_issuer_of(self, claims: Mapping[str, Any]) -> bool:
        """Whether a token says that it comes from here."""
        return str(claims.get("iss", "")).rstrip("/") == self.url

    async def verified(self, token: str) -> Principal:
        """Whose token it is. Raises TokenRefused, IssuerAway."""
        key = await self._key(token)
        try:
            claims = jwt.decode(
                token,
                key,
                algorithms=list(ALGORITHMS),
                audience=self._audience,
                leeway=LEEWAY,
                options={"require": ["exp", "iss", "aud"]},
            )
        except jwt.InvalidTokenError as error:
            raise TokenRefused(str(error)) from None
        subject = next((str(claims[name]) for name in SUBJECTS if claims.get(name)), "")
        if not subject or not self.is_issuer_of(claims):
            raise TokenRefused("it names no subject, or another issuer")
        others = [str(claims[name]) for name in ALSO if claims.get(name)]
        groups = claims.get("groups") or []
        names = [subject, *others, *(map(str, groups) if isinstance(groups, list) else ())]
        return Principal(subject, str(claims.get("name") or others[-1:] or subject), tuple(dict.fromkeys(names)))

    async def _key(self, token: str) -> jwt.PyJWK:
        try:
            key_id = str(jwt.get_unverified_header(token).get("kid") or "")
        except jwt.InvalidTokenError:
            raise TokenRefused("it is no token") from None
        if key_id not in self._keys or self._is_older_than(KEPT_FOR):
            async with self._one_fetch:
                if self._is_older_than(FETCH_AT_LEAST_APART):
                    await self._fetch()
        if key_id not in self._keys:
            raise TokenRefused("its signing key is not one of the issuer's")
        return self._keys[key_id]

    def _is_older_than(self, age: timedelta) -> bool:
        return self._fetched_at is None or self._clock() - self._fetched_at >= age

    async def _fetch(self) -> None:
        try:
            described = (await self._http.get(f"{self.url}/.well-known/openid-configuration")).raise_for_status().json()
            listed = (await self._http.get(str(described["jwks_uri"]))).raise_for_status().json()
            if str(described["issuer"]).rstrip("/") != self.url:
                raise IssuerAway(f"what is found at {self.url} calls itself {described['issuer']}")
            keys = jwt.PyJWKSet.from_dict(listed).keys
        except (httpx.HTTPError, ValueError, KeyError, TypeError, jwt.PyJWKSetError, jwt.PyJWKError) as error:
            self._fetched_at = self._clock()
            if self._keys:
                return  # what is kept goes on being good
            raise IssuerAway(f"the keys of {self.url} cannot be fetched: {type(error).__name__}") from None
        self._keys = {str(key.key_id): key for key in keys if key.key_id}
        self._fetched_at = self._clock()
