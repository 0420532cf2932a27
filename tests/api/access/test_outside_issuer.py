"""Tokens of another OpenID Connect issuer, which is played here."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key
from jwt.algorithms import RSAAlgorithm

from api.access.outside_issuer import FETCH_AT_LEAST_APART, IssuerAway, OutsideIssuer
from api.access.principals import TokenRefused

URL = "https://login.example/realms/farm"
AUDIENCE = "api://instar"


class Elsewhere:
    """The issuer: its keys, and how often it was asked for them."""

    def __init__(self) -> None:
        self.keys: dict[str, RSAPrivateKey] = {}
        self.asked = 0
        self.away = False
        self.calls_itself = URL
        self.now = datetime.now(UTC)
        self.add("one")

    def add(self, key_id: str) -> None:
        self.keys[key_id] = generate_private_key(public_exponent=65537, key_size=2048)

    def answer(self, request: httpx.Request) -> httpx.Response:
        if self.away:
            raise httpx.ConnectError("away")
        if request.url.path.endswith("/.well-known/openid-configuration"):
            self.asked += 1
            return httpx.Response(200, json={"issuer": self.calls_itself, "jwks_uri": f"{URL}/keys"})
        keys = [
            {**RSAAlgorithm.to_jwk(key.public_key(), as_dict=True), "kid": key_id, "use": "sig", "alg": "RS256"}
            for key_id, key in self.keys.items()
        ]
        return httpx.Response(200, json={"keys": keys})

    def token(self, key_id: str = "one", **claims: Any) -> str:
        good = {
            "iss": URL,
            "aud": AUDIENCE,
            "sub": "someone",
            "azp": "night-shift",
            "groups": ["operators"],
            "exp": datetime.now(UTC) + timedelta(hours=1),
        }
        body = {name: value for name, value in (good | claims).items() if value is not None}
        return jwt.encode(body, self.keys[key_id], algorithm="RS256", headers={"kid": key_id})


@pytest.fixture
def elsewhere() -> Elsewhere:
    return Elsewhere()


@pytest.fixture
def issuer(elsewhere: Elsewhere) -> OutsideIssuer:
    return OutsideIssuer(f"{URL}/", AUDIENCE, lambda: elsewhere.now, httpx.MockTransport(elsewhere.answer))


async def test_a_token_tells_all_names_under_which_roles_may_be_given(
    elsewhere: Elsewhere, issuer: OutsideIssuer
) -> None:
    principal = await issuer.verified(elsewhere.token())
    assert principal.subject == "someone"
    assert principal.names == ("someone", "night-shift", "operators")
    assert (await issuer.verified(elsewhere.token(oid="object"))).subject == "object"


async def test_keys_are_fetched_once_and_again_for_one_that_is_new(elsewhere: Elsewhere, issuer: OutsideIssuer) -> None:
    for _ in range(3):
        await issuer.verified(elsewhere.token())
    assert elsewhere.asked == 1
    elsewhere.add("two")
    with pytest.raises(TokenRefused):
        await issuer.verified(elsewhere.token("two"))
    assert elsewhere.asked == 1  # not more than once a minute, whatever tokens ask for
    elsewhere.now += FETCH_AT_LEAST_APART
    await issuer.verified(elsewhere.token("two"))
    assert elsewhere.asked == 2


async def test_an_issuer_that_is_away_is_told_apart_from_a_bad_token(
    elsewhere: Elsewhere, issuer: OutsideIssuer
) -> None:
    elsewhere.away = True
    with pytest.raises(IssuerAway):
        await issuer.verified(elsewhere.token())
    elsewhere.away, elsewhere.now = False, elsewhere.now + FETCH_AT_LEAST_APART
    await issuer.verified(elsewhere.token())
    elsewhere.away, elsewhere.now = True, elsewhere.now + timedelta(days=2)
    await issuer.verified(elsewhere.token())  # what is kept goes on being good


async def test_a_document_of_another_issuer_is_not_believed(elsewhere: Elsewhere, issuer: OutsideIssuer) -> None:
    elsewhere.calls_itself = "https://other.example"
    with pytest.raises(IssuerAway):
        await issuer.verified(elsewhere.token())


def _other_key(elsewhere: Elsewhere) -> str:
    good = elsewhere.keys["one"]
    elsewhere.add("one")
    token = elsewhere.token()
    elsewhere.keys["one"] = good
    return token


BAD: dict[str, Callable[[Elsewhere], str]] = {
    "expired": lambda one: one.token(exp=datetime.now(UTC) - timedelta(minutes=5)),
    "without an end": lambda one: one.token(exp=None),
    "for another audience": lambda one: one.token(aud="api://elsewhere"),
    "of another issuer": lambda one: one.token(iss="https://other.example"),
    "without a subject": lambda one: one.token(sub=None),
    "signed by another key": _other_key,
    "unsigned": lambda _: jwt.encode({"iss": URL, "aud": AUDIENCE, "sub": "x"}, "", algorithm="none"),
    "signed with a shared secret": lambda _: jwt.encode(
        {"iss": URL, "aud": AUDIENCE, "sub": "x", "exp": 9e9}, "s" * 64, algorithm="HS256", headers={"kid": "one"}
    ),
    "rubbish": lambda _: "rubbish",
}


@pytest.mark.parametrize("kind", BAD)
async def test_a_token_that_is_not_good_is_refused(elsewhere: Elsewhere, issuer: OutsideIssuer, kind: str) -> None:
    with pytest.raises(TokenRefused):
        await issuer.verified(BAD[kind](elsewhere))
