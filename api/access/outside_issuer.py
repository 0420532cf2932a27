"""Tokens of an OpenID Connect issuer that is not ours (Entra ID, Keycloak), by its URL.

Its signing keys are fetched from where its discovery document says, kept, and fetched anew when a token names a key
that is not among them; not more often than once a minute, whatever tokens ask for. Which names a token gives its
principal is in `outside_names`.
"""

import asyncio
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

import httpx
import jwt
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from api.access.outside_names import outside_principal
from api.access.principals import Principal, TokenRefused
from api.remembered.tokens import VerifiedTokens, seconds
from instar.compute.clock import utc_now

ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384")
"""Signatures with a private key only: no shared secrets, and no `none`."""

RSA_BITS_AT_LEAST = 2048

LEEWAY = timedelta(seconds=60)
"""By which clocks may differ."""

FETCH_AT_LEAST_APART = timedelta(minutes=1)
KEPT_FOR = timedelta(hours=1)
"""After which they are fetched anew: how long a key that the issuer took back goes on being good here."""

BELIEVED_FOR = timedelta(days=7)
"""How old kept keys may become while the issuer does not answer: it may have taken one back meanwhile."""

FETCH_SECONDS = 10.0


class IssuerAway(Exception):
    """The issuer's keys cannot be fetched just now, and those that are kept do not help."""


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
        self._described: Mapping[str, Any] = {}
        self._fetched_at: datetime | None = None
        self._tried_at: datetime | None = None
        self._trouble = ""
        """Why the last try to fetch them came to nothing."""
        self._one_fetch = asyncio.Lock()
        self._verified = VerifiedTokens[Principal]()

    async def close(self) -> None:
        """Close its connections."""
        await self._http.aclose()

    def is_issuer_of(self, claims: Mapping[str, Any]) -> bool:
        """Whether a token says that it comes from here."""
        return str(claims.get("iss", "")).rstrip("/") == self.url

    async def verified(self, token: str) -> Principal:
        """Whose token it is. Raises TokenRefused, IssuerAway."""
        key, now = await self._key(token), utc_now().timestamp()  # PyJWT goes by that clock too
        if (known := self._verified.get(token, key, now)) is not None:
            return known
        claims = self._claims(token, key, self._audience)
        principal = outside_principal(claims, self._audience)
        leeway = LEEWAY.total_seconds()
        begins, ends = seconds(claims, "nbf", "iat") - leeway, seconds(claims, "exp") + leeway
        self._verified.keep(token, key, principal, begins=begins, ends=ends)
        return principal

    async def claims(self, token: str, audience: str) -> dict[str, Any]:
        """What a token says that is for that audience. Raises TokenRefused, IssuerAway."""
        return self._claims(token, await self._key(token), audience)

    def _claims(self, token: str, key: jwt.PyJWK, audience: str) -> dict[str, Any]:
        try:
            claims: dict[str, Any] = jwt.decode(
                token,
                key,
                algorithms=list(ALGORITHMS),
                audience=audience,
                leeway=LEEWAY,
                options={"require": ["exp", "iss", "aud"]},
            )
        except jwt.InvalidTokenError as error:
            raise TokenRefused(str(error)) from None
        if not self.is_issuer_of(claims):
            raise TokenRefused("another issuer has issued it")
        return claims

    async def endpoint(self, name: str) -> str:
        """A URL of its discovery document, as `token_endpoint`. Raises IssuerAway, TokenRefused where it has none."""
        url = str((await self.described()).get(name, ""))
        if not url or urlsplit(self.url).scheme == "https" != urlsplit(url).scheme:
            raise TokenRefused(f"the issuer {self.url} has no {name} with https in its discovery document")
        return url

    async def described(self) -> Mapping[str, Any]:
        """Its discovery document, as fresh as its keys. Raises IssuerAway."""
        if self._older(self._fetched_at, KEPT_FOR):
            async with self._one_fetch:
                if self._older(self._tried_at, FETCH_AT_LEAST_APART):
                    await self._fetch()
        if not self._described:
            raise IssuerAway(f"the discovery document of {self.url} cannot be fetched: {self._trouble}")
        return self._described

    async def post(self, url: str, body: str, headers: Mapping[str, str]) -> httpx.Response:
        """Ask one of its endpoints. Raises IssuerAway."""
        try:
            answer = await self._http.post(url, content=body, headers=dict(headers))
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise IssuerAway(f"{self.url} does not answer: {type(error).__name__}") from None
        if answer.is_server_error:
            raise IssuerAway(f"{self.url} does not answer: HTTP {answer.status_code}")
        return answer

    async def _key(self, token: str) -> jwt.PyJWK:
        try:
            key_id = str(jwt.get_unverified_header(token).get("kid") or "")
        except jwt.InvalidTokenError:
            raise TokenRefused("it is no JSON Web Token") from None
        known = key_id in self._keys
        # One request waits for fresh keys; those whose key is known need not wait with it.
        if (not known or self._older(self._fetched_at, KEPT_FOR)) and not (known and self._one_fetch.locked()):
            async with self._one_fetch:
                if self._older(self._tried_at, FETCH_AT_LEAST_APART):
                    await self._fetch()
        if self._trouble and (key_id not in self._keys or self._older(self._fetched_at, BELIEVED_FOR)):
            raise IssuerAway(f"the keys of {self.url} cannot be fetched: {self._trouble}")
        if key_id not in self._keys:
            raise TokenRefused("its signing key is not one of the issuer's")
        return self._keys[key_id]

    def _older(self, moment: datetime | None, age: timedelta) -> bool:
        return moment is None or self._clock() - moment >= age

    async def _fetch(self) -> None:
        self._tried_at = self._clock()
        try:
            described = (await self._http.get(f"{self.url}/.well-known/openid-configuration")).raise_for_status().json()
            self._trouble = self._wrong_in(described)
            if self._trouble:
                return
            listed = (await self._http.get(str(described["jwks_uri"]))).raise_for_status().json()
            keys = jwt.PyJWKSet.from_dict(listed).keys
        except (httpx.HTTPError, httpx.InvalidURL, ValueError, KeyError, TypeError, jwt.PyJWTError) as error:
            self._trouble = type(error).__name__
            return
        self._described = described
        self._keys = {str(key.key_id): key for key in keys if key.key_id and is_strong(key)}
        self._fetched_at = self._tried_at

    def _wrong_in(self, described: Mapping[str, Any]) -> str:
        if str(described["issuer"]).rstrip("/") != self.url:
            return f"what is found there calls itself {str(described['issuer'])[:200]!r}"
        if urlsplit(self.url).scheme == "https" != urlsplit(str(described["jwks_uri"])).scheme:
            return "its keys are at a URL without https"
        return ""


def is_strong(key: jwt.PyJWK) -> bool:
    """Whether a published key is one to verify with: a public key, and no short one."""
    public = key.key
    if isinstance(public, RSAPublicKey):
        return public.key_size >= RSA_BITS_AT_LEAST
    return isinstance(public, EllipticCurvePublicKey)
