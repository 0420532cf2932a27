"""People's login at an OpenID Connect issuer: the authorization code flow with PKCE (RFC 6749, RFC 7636).

What is asked and how is Authlib's; keys, and whether a token is good, are the issuer's affair (`outside_issuer`). The
id token is verified in any case. The API is then asked with the access token where that is for us, with the id token
where that is: which of the two has our audience differs between issuers and their settings.
"""

import hmac
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from authlib.oauth2 import OAuth2Client, OAuth2Error
from authlib.oauth2.rfc6749.parameters import prepare_token_request

from api.access.outside_issuer import OutsideIssuer
from api.access.principals import TokenRefused

RANDOM_BYTES = 32
"""256 bits; in base64 a verifier has its 43 characters of them (RFC 7636, 4.1)."""

_HEADERS = {"Accept": "application/json", "Content-Type": "application/x-www-form-urlencoded;charset=UTF-8"}


@dataclass(frozen=True, slots=True)
class Attempt:
    """One login under way: what the issuer's answer must fit."""

    state: str = field(repr=False)
    nonce: str = field(repr=False)
    verifier: str = field(repr=False)

    @classmethod
    def new(cls) -> "Attempt":
        """One that nobody can guess."""
        return cls(*(secrets.token_urlsafe(RANDOM_BYTES) for _ in range(3)))


@dataclass(frozen=True, slots=True)
class Tokens:
    """What came of it: a token for the API, and what fetches the next one, if anything."""

    token: str = field(repr=False)
    refresh: str = field(repr=False)


class OutsideLogin:
    """The page as a client of one issuer."""

    def __init__(self, issuer: OutsideIssuer, client_id: str, client_secret: str, scopes: str) -> None:
        self.issuer = issuer
        self._client_id = client_id
        self._client_secret = client_secret
        self._scopes = scopes

    async def url(self, attempt: Attempt, redirect_uri: str) -> str:
        """Where the browser is to go. Raises IssuerAway, TokenRefused."""
        there = await self.issuer.endpoint("authorization_endpoint")
        url, _ = self._client("none").create_authorization_url(
            there,
            state=attempt.state,
            code_verifier=attempt.verifier,
            nonce=attempt.nonce,
            redirect_uri=redirect_uri,
            response_mode="query",
        )
        return str(url)

    async def tokens(self, attempt: Attempt, redirect_uri: str, answer: Mapping[str, str]) -> Tokens:
        """What the issuer gives for the query that the browser came back with. Raises IssuerAway, TokenRefused."""
        if not hmac.compare_digest(answer.get("state", "").encode(), attempt.state.encode()):
            raise TokenRefused("the answer is not to the login that this browser has begun (state)")
        if answer.get("iss", self.issuer.url).rstrip("/") != self.issuer.url:
            raise TokenRefused("another issuer has answered (iss)")
        if answer.get("error") or not answer.get("code"):
            said = answer.get("error_description") or answer.get("error") or "nothing"
            raise TokenRefused(f"the issuer says: {said}")
        given = await self._asked(
            "authorization_code", code=answer["code"], redirect_uri=redirect_uri, code_verifier=attempt.verifier
        )
        await self._check_id_token(str(given.get("id_token", "")), attempt.nonce)
        return await self._chosen(given)

    async def renewed(self, refresh: str) -> Tokens:
        """New ones. Raises IssuerAway, TokenRefused where the issuer gives none any more."""
        return await self._chosen(await self._asked("refresh_token", refresh_token=refresh))

    async def _asked(self, grant_type: str, **what: str) -> Mapping[str, Any]:
        there = await self.issuer.endpoint("token_endpoint")
        client = self._client(await self._method())
        body = prepare_token_request(grant_type, **what)
        url, headers, body = client.client_auth(client.token_endpoint_auth_method).prepare(
            "POST", there, dict(_HEADERS), body
        )
        answer = await self.issuer.post(url, body, headers)
        try:
            given: Mapping[str, Any] = client.parse_response_token(_Answered(answer.status_code, answer.json()))
        except OAuth2Error as error:
            raise TokenRefused(f"the issuer says: {error.description or error.error}") from None
        except (ValueError, TypeError, AttributeError):
            raise TokenRefused("the issuer's answer is none of a token endpoint") from None
        return given

    async def _method(self) -> str:
        if not self._client_secret:
            return "none"
        there = (await self.issuer.described()).get("token_endpoint_auth_methods_supported", ())
        # Servers differ in how they read a secret with special letters out of the header; of the form they do not.
        return "client_secret_post" if "client_secret_post" in there else "client_secret_basic"

    async def _check_id_token(self, token: str, nonce: str) -> None:
        """OpenID Connect Core, 3.1.3.7. Raises TokenRefused, IssuerAway."""
        if not token:
            raise TokenRefused("the issuer gave no id token: is `openid` among INSTAR_PAGE__SCOPES?")
        claims = await self.issuer.claims(token, self._client_id)
        if not hmac.compare_digest(str(claims.get("nonce", "")).encode(), nonce.encode()):
            raise TokenRefused("the id token is not of the login that this browser has begun (nonce)")
        parties = claims["aud"] if isinstance(claims["aud"], list) else [claims["aud"]]
        if claims.get("azp", self._client_id) != self._client_id or (len(parties) > 1 and "azp" not in claims):
            raise TokenRefused("the id token was given to another client (azp)")

    async def _chosen(self, given: Mapping[str, Any]) -> Tokens:
        for name in ("access_token", "id_token"):
            token = given.get(name)
            if not isinstance(token, str):
                continue
            try:
                await self.issuer.verified(token)
            except TokenRefused:
                continue
            return Tokens(token, str(given.get("refresh_token") or ""))
        raise TokenRefused(
            "neither the access token nor the id token of the issuer is for Instar (INSTAR_OIDC__AUDIENCE): "
            "INSTAR_PAGE__SCOPES has to ask for one that is"
        )

    def _client(self, method: str) -> Any:
        return OAuth2Client(
            None,
            client_id=self._client_id,
            client_secret=self._client_secret,
            scope=self._scopes,
            code_challenge_method="S256",
            token_endpoint_auth_method=method,
        )


@dataclass(frozen=True, slots=True)
class _Answered:
    """What Authlib looks at in an answer."""

    status_code: int
    body: Any

    def json(self) -> Any:
        return self.body

    def raise_for_status(self) -> None:
        """Only asked of those that are the server's fault, and they are told of before."""
