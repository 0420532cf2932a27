"""An outside issuer with a login for people, which is played here; it checks what RFC 6749 and 7636 have it check."""

import base64
import hashlib
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlsplit

import httpx
import jwt
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key
from jwt.algorithms import RSAAlgorithm

from instar.compute.clock import utc_now

URL = "https://login.example/realms/farm"
AUDIENCE = "api://instar"
CLIENT = "instar-page"
_KEY: list[RSAPrivateKey] = []


def key() -> RSAPrivateKey:
    """One for all tests: making it takes longer than most of them."""
    if not _KEY:
        _KEY.append(generate_private_key(public_exponent=65537, key_size=2048))
    return _KEY[0]


@dataclass
class Realm:
    """What it knows, what it was asked, and how it misbehaves."""

    secret: str = ""
    methods: list[str] | None = None
    access: dict[str, Any] = field(default_factory=dict)
    """Claims of access tokens that are not the usual ones."""
    identity: dict[str, Any] = field(default_factory=dict)
    """The same of id tokens."""
    opaque: bool = False
    """Access tokens are no JSON Web Tokens."""
    refreshes: bool = False
    lasts: timedelta = timedelta(minutes=5)
    answer: dict[str, Any] = field(default_factory=dict)
    """What is different in answers of the token endpoint; None: it is not there."""
    status: int = 200
    away: bool = False
    discovered: dict[str, Any] = field(default_factory=dict)
    asked: list[dict[str, str]] = field(default_factory=list)
    headers: list[httpx.Headers] = field(default_factory=list)
    codes: dict[str, dict[str, str]] = field(default_factory=dict)
    refresh: str = ""
    given: int = 0

    def transport(self) -> httpx.MockTransport:
        return httpx.MockTransport(self._answer)

    def login(self, url: str) -> str:
        """What the browser is sent back with after somebody has logged in there; as the query of a URL."""
        asked = {name: value for name, [value] in parse_qs(urlsplit(url).query).items()}
        assert asked["response_type"] == "code"
        assert asked["client_id"] == CLIENT
        assert asked["code_challenge_method"] == "S256"
        code = f"code-{len(self.codes)}"
        self.codes[code] = asked
        return f"code={code}&state={asked['state']}&session_state=x"

    def _answer(self, request: httpx.Request) -> httpx.Response:
        if self.away:
            raise httpx.ConnectError("away")
        match request.url.path.removeprefix("/realms/farm"):
            case "/.well-known/openid-configuration":
                methods = {} if self.methods is None else {"token_endpoint_auth_methods_supported": self.methods}
                return httpx.Response(
                    200,
                    json={
                        "issuer": URL,
                        "jwks_uri": f"{URL}/keys",
                        "authorization_endpoint": f"{URL}/auth",
                        "token_endpoint": f"{URL}/token",
                    }
                    | methods
                    | self.discovered,
                )
            case "/keys":
                jwk = RSAAlgorithm.to_jwk(key().public_key(), as_dict=True) | {"kid": "k", "use": "sig", "alg": "RS256"}
                return httpx.Response(200, json={"keys": [jwk]})
            case "/token":
                return self._token(request)
            case _:
                return httpx.Response(404)

    def _token(self, request: httpx.Request) -> httpx.Response:
        form = dict(parse_qsl(request.content.decode()))
        self.asked.append(form)
        self.headers.append(request.headers)
        if self.status != 200:
            return httpx.Response(self.status, text="<html>no</html>")
        if not self._knows(form, request.headers.get("authorization", "")):
            return httpx.Response(401, json={"error": "invalid_client"})
        if form["grant_type"] != "refresh_token":
            return self._for_code(form)
        if not self.refresh or form["refresh_token"] != self.refresh:
            return httpx.Response(400, json={"error": "invalid_grant", "error_description": "no such session"})
        return httpx.Response(200, json=self._tokens(""))

    def _for_code(self, form: dict[str, str]) -> httpx.Response:
        asked = self.codes.pop(form["code"], None)
        if asked is None or asked["redirect_uri"] != form["redirect_uri"]:
            return httpx.Response(400, json={"error": "invalid_grant"})
        digest = hashlib.sha256(form.get("code_verifier", "").encode()).digest()
        if base64.urlsafe_b64encode(digest).rstrip(b"=").decode() != asked["code_challenge"]:
            return httpx.Response(400, json={"error": "invalid_grant", "error_description": "PKCE verification failed"})
        return httpx.Response(200, json=self._tokens(asked["nonce"]))

    def _knows(self, form: dict[str, str], authorization: str) -> bool:
        if not self.secret:
            return form.get("client_id") == CLIENT
        basic = base64.b64encode(f"{CLIENT}:{self.secret}".encode()).decode()
        in_form = form.get("client_id") == CLIENT and form.get("client_secret") == self.secret
        return authorization == f"Basic {basic}" or in_form

    def _tokens(self, nonce: str) -> dict[str, Any]:
        self.given += 1
        body: dict[str, Any] = {"token_type": "Bearer", "expires_in": 300, "access_token": self._access()}
        if nonce:
            body["id_token"] = self.signed({"aud": CLIENT, "nonce": nonce, "name": "Ada"} | self.identity)
        if self.refreshes:
            self.refresh = body["refresh_token"] = f"refresh-{self.given}"
        return {name: value for name, value in (body | self.answer).items() if value is not None}

    def _access(self) -> str:
        if self.opaque:
            return "opaque"
        return self.signed({"aud": AUDIENCE, "azp": CLIENT, "name": "Ada", "jti": str(self.given)} | self.access)

    def signed(self, claims: dict[str, Any]) -> str:
        given = {"iss": URL, "sub": "u-1", "exp": self.end()} | claims
        body = {name: value for name, value in given.items() if value is not None}
        return jwt.encode(body, key(), algorithm="RS256", headers={"kid": "k"})

    def end(self) -> datetime:
        return utc_now() + self.lasts
