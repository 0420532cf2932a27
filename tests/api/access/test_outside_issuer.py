"""Tokens of another OpenID Connect issuer, which is played here."""

import asyncio
import base64
import hashlib
import hmac
import json
import warnings
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from jwt.algorithms import RSAAlgorithm

from api.access.outside_issuer import FETCH_AT_LEAST_APART, KEPT_FOR, IssuerAway, OutsideIssuer, is_strong
from api.access.principals import TokenRefused

URL = "https://login.example/realms/farm"
AUDIENCE = "api://instar"


class Elsewhere:
    """The issuer: its keys, and how often it was asked for them."""

    def __init__(self) -> None:
        self.keys: dict[str, RSAPrivateKey] = {}
        self.asked = self.tried = 0
        self.keys_at = f"{URL}/keys"
        self.more: list[dict[str, Any]] = []
        self.away = False
        self.calls_itself = URL
        self.now = datetime.now(UTC)
        self.add("one")

    def add(self, key_id: str, bits: int = 2048) -> None:
        self.keys[key_id] = generate_private_key(public_exponent=65537, key_size=bits)

    def answer(self, request: httpx.Request) -> httpx.Response:
        self.tried += 1
        if self.away:
            raise httpx.ConnectError("away")
        if request.url.path.endswith("/.well-known/openid-configuration"):
            self.asked += 1
            self.tried -= 1
            return httpx.Response(200, json={"issuer": self.calls_itself, "jwks_uri": self.keys_at})
        keys = [
            {**RSAAlgorithm.to_jwk(key.public_key(), as_dict=True), "kid": key_id, "use": "sig", "alg": "RS256"}
            for key_id, key in self.keys.items()
        ]
        return httpx.Response(200, json={"keys": keys + self.more})

    def token(self, key_id: str = "one", **claims: Any) -> str:
        good = {
            "iss": URL,
            "aud": AUDIENCE,
            "sub": "someone",
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
    for _ in range(2):  # also in the minute in which it is not asked again
        with pytest.raises(IssuerAway):
            await issuer.verified(elsewhere.token())
    elsewhere.away, elsewhere.now = False, elsewhere.now + FETCH_AT_LEAST_APART
    await issuer.verified(elsewhere.token())
    elsewhere.away, elsewhere.now = True, elsewhere.now + timedelta(days=2)
    await issuer.verified(elsewhere.token())  # what is kept goes on being good
    elsewhere.add("two")
    with pytest.raises(IssuerAway):  # it may well be good: nobody can tell just now
        await issuer.verified(elsewhere.token("two"))


async def test_kept_keys_are_believed_for_a_week_and_no_longer(elsewhere: Elsewhere, issuer: OutsideIssuer) -> None:
    await issuer.verified(elsewhere.token())
    elsewhere.away, elsewhere.now = True, elsewhere.now + timedelta(days=7, seconds=-1)
    await issuer.verified(elsewhere.token())
    elsewhere.now += timedelta(seconds=1)
    with pytest.raises(IssuerAway):
        await issuer.verified(elsewhere.token())


async def test_a_key_that_the_issuer_took_back_is_good_for_an_hour_at_the_most(
    elsewhere: Elsewhere, issuer: OutsideIssuer
) -> None:
    await issuer.verified(elsewhere.token())
    token = elsewhere.token()
    elsewhere.keys = {}
    elsewhere.add("two")
    elsewhere.now += timedelta(hours=1, seconds=-1)
    await issuer.verified(token)
    elsewhere.now += timedelta(seconds=1)
    with pytest.raises(TokenRefused):
        await issuer.verified(token)


async def test_whoever_has_a_known_key_does_not_wait_for_fresh_ones(
    elsewhere: Elsewhere, monkeypatch: pytest.MonkeyPatch
) -> None:
    hold, held = asyncio.Event(), asyncio.Event()

    async def answer(request: httpx.Request) -> httpx.Response:
        if elsewhere.asked:
            held.set()
            await hold.wait()
        return elsewhere.answer(request)

    monkeypatch.setattr(elsewhere, "keys_at", f"{URL}/certs")
    issuer = OutsideIssuer(URL, AUDIENCE, lambda: elsewhere.now, httpx.MockTransport(answer))
    hold.set()
    await issuer.verified(elsewhere.token())
    hold.clear()
    elsewhere.now += KEPT_FOR
    held.clear()
    first = asyncio.create_task(issuer.verified(elsewhere.token()))
    await held.wait()
    await asyncio.wait_for(issuer.verified(elsewhere.token()), 5)
    assert not first.done()
    hold.set()
    await first


def test_a_published_secret_is_none_to_verify_with() -> None:
    assert not is_strong(jwt.PyJWK({"kty": "oct", "k": "c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0", "kid": "x", "alg": "HS256"}))


async def test_after_an_outage_it_is_asked_again_within_a_minute(elsewhere: Elsewhere, issuer: OutsideIssuer) -> None:
    await issuer.verified(elsewhere.token())
    elsewhere.away, elsewhere.now = True, elsewhere.now + KEPT_FOR
    for _ in range(3):
        await issuer.verified(elsewhere.token())
    assert elsewhere.tried == 2
    elsewhere.away, elsewhere.now = False, elsewhere.now + FETCH_AT_LEAST_APART
    await issuer.verified(elsewhere.token())
    assert elsewhere.asked == 2


async def test_a_document_of_another_issuer_is_not_believed_and_asked_for_once_a_minute(
    elsewhere: Elsewhere, issuer: OutsideIssuer
) -> None:
    elsewhere.calls_itself = "https://other.example"
    for _ in range(3):
        with pytest.raises(IssuerAway, match="calls itself"):
            await issuer.verified(elsewhere.token())
    assert elsewhere.asked == 1


async def test_keys_that_are_sent_in_clear_are_not_believed(elsewhere: Elsewhere, issuer: OutsideIssuer) -> None:
    elsewhere.keys_at = f"{URL.replace('https', 'http')}/keys"
    with pytest.raises(IssuerAway, match="without https"):
        await issuer.verified(elsewhere.token())


async def test_no_secret_and_no_short_key_among_the_published_ones_is_one_to_verify_with(
    elsewhere: Elsewhere, issuer: OutsideIssuer
) -> None:
    secret = base64.urlsafe_b64encode(b"s" * 64).decode()
    elsewhere.more = [{"kty": "oct", "k": secret, "kid": "shared", "alg": "HS256"}]
    claims = {"iss": URL, "aud": AUDIENCE, "sub": "x", "exp": 9e9}
    for algorithm in ("HS256", "RS256"):
        head, _, rest = jwt.encode(claims, b"s" * 64, algorithm="HS256", headers={"kid": "shared"}).partition(".")
        padded = json.loads(base64.urlsafe_b64decode(head + "=="))
        head = base64.urlsafe_b64encode(json.dumps(padded | {"alg": algorithm}).encode()).decode().rstrip("=")
        signing = f"{head}.{rest.rpartition('.')[0]}"
        signature = hmac.new(b"s" * 64, signing.encode(), hashlib.sha256).digest()
        token = f"{signing}.{base64.urlsafe_b64encode(signature).decode().rstrip('=')}"
        with pytest.raises(TokenRefused):
            await issuer.verified(token)
    elsewhere.now += FETCH_AT_LEAST_APART
    elsewhere.add("short", bits=1024)
    with warnings.catch_warnings(action="ignore"):
        short = elsewhere.token("short")
    with pytest.raises(TokenRefused, match="not one of the issuer's"):
        await issuer.verified(short)


async def test_the_token_may_be_for_several_and_clocks_may_differ_by_a_minute(
    elsewhere: Elsewhere, issuer: OutsideIssuer
) -> None:
    now = datetime.now(UTC)
    await issuer.verified(elsewhere.token(aud=["api://elsewhere", AUDIENCE]))
    await issuer.verified(elsewhere.token(exp=now - timedelta(seconds=30)))
    await issuer.verified(elsewhere.token(nbf=now + timedelta(seconds=30)))
    await issuer.verified(elsewhere.token(iss=f"{URL}/"))


def _other_key(elsewhere: Elsewhere) -> str:
    good = elsewhere.keys["one"]
    elsewhere.add("one")
    token = elsewhere.token()
    elsewhere.keys["one"] = good
    return token


def _confused(elsewhere: Elsewhere) -> str:
    """HS256 with what everybody knows: the public key."""
    public = elsewhere.keys["one"].public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    head, body = (
        base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=")
        for part in (
            {"alg": "HS256", "typ": "JWT", "kid": "one"},
            {"iss": URL, "aud": AUDIENCE, "sub": "x", "exp": int(9e9)},
        )
    )
    signature = hmac.new(public, f"{head}.{body}".encode(), hashlib.sha256).digest()
    return f"{head}.{body}.{base64.urlsafe_b64encode(signature).decode().rstrip('=')}"


BAD: dict[str, Callable[[Elsewhere], str]] = {
    "not good yet": lambda one: one.token(nbf=datetime.now(UTC) + timedelta(minutes=5)),
    "for several others": lambda one: one.token(aud=["api://elsewhere", "api://instar2"]),
    "for a part of the audience": lambda one: one.token(aud="api"),
    "without an audience": lambda one: one.token(aud=None),
    "without an issuer": lambda one: one.token(iss=None),
    "of an issuer below ours": lambda one: one.token(iss=f"{URL}/other"),
    "with an end beyond all numbers": lambda one: one.token(exp=float("inf")),
    "without the name of its key": lambda one: jwt.encode(
        {"iss": URL, "aud": AUDIENCE, "sub": "x", "exp": 9e9}, one.keys["one"], algorithm="RS256"
    ),
    "signed with the public key as a secret": _confused,
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
