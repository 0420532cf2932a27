"""Tokens that look like ours, and what becomes of good ones."""

import asyncio
import hashlib
import hmac
import json
import time
from datetime import timedelta
from typing import Any

import jwt
import pytest

from api.access.guard import TOKEN_AT_MOST
from api.access.own_issuer import AUDIENCE, ISSUER, LIFE, OwnIssuer
from api.access.principals import TokenRefused
from api.access.signing_keys import SigningKey
from instar.domain.access import Grant, Role
from instar.store.credentials import Stored
from tests.api.access.served import MINE, sent, token_of
from tests.api.conftest import GROUP, SCALE_SET, Api, error_of

HEADERS = ["Basic YTpi", "Bearer", "Bearer ", "Token x", "bearer\tx", "", "Bearer \xff\xfe", "Bearer a b", "Negotiate"]


@pytest.mark.parametrize("header", HEADERS)
async def test_an_authorization_that_is_none_is_401(api: Api, header: str) -> None:
    headers = {b"Authorization": header.encode("latin-1")}
    answer = await api.http.get(SCALE_SET, params={"api-version": "2024-11-01"}, headers=headers, auth=None)
    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"].startswith("Bearer authorization_uri=")


@pytest.mark.parametrize(("scheme", "status"), [("Bearer", 404), ("bEaReR", 404), ("Basic", 401), ("Token", 401)])
async def test_a_good_token_is_a_bearer_token(api: Api, scheme: str, status: int) -> None:
    headers = {"Authorization": f"{scheme} {token_of(api, Role.READER, '/')}"}
    answer = await api.http.get(SCALE_SET, params={"api-version": "2024-11-01"}, headers=headers, auth=None)
    assert answer.status_code == status


async def test_a_token_may_be_long_and_not_endless(api: Api) -> None:
    assert api.access.own is not None
    key = api.access.own._key
    [client, *_] = api.store.credentials.all()
    now = api.clock().timestamp()
    good = {"iss": ISSUER, "aud": AUDIENCE, "sub": client.client_id, "exp": now + 60}
    for length, status in ((11_000, 404), (TOKEN_AT_MOST, 401)):
        token = key.sign(good | {"groups": "x" * length})
        assert (await sent(api, "GET", SCALE_SET, token)).status_code == status
    deep = jwt.encode({"iss": "x"}, "s" * 64).split(".")
    for payload in ("[" * 5_000, '{"a":' * 2_000, "9" * 5_000, '"x"', "null", '{"iss":[]}', '{"iss":{"a":1}}'):
        middle = jwt.utils.base64url_encode(payload.encode()).decode()
        assert (await sent(api, "GET", SCALE_SET, f"{deep[0]}.{middle}.{deep[2]}")).status_code == 401


@pytest.mark.parametrize(
    "change",
    [
        {"exp": None},
        {"exp": "soon"},
        {"exp": "nan"},
        {"exp": "endless"},
        {"nbf": "nan"},
        {"nbf": [1]},
        {"aud": ["https://elsewhere"]},
        {"aud": None},
        {"aud": "https://instar/"},
        {"sub": None},
        {"sub": 7},
        {"sub": ""},
        {"iss": f"{ISSUER}/"},
    ],
    ids=str,
)
async def test_a_token_of_ours_with_claims_that_we_never_make_is_401(api: Api, change: dict[str, Any]) -> None:
    assert api.access.own is not None
    [client, *_] = api.store.credentials.all()
    now = api.clock().timestamp()
    claims = {"iss": ISSUER, "aud": AUDIENCE, "sub": client.client_id, "nbf": now, "exp": now + 60} | change
    if change.get("exp") == "endless":  # what no float holds
        claims["exp"] = 10**400
    token = api.access.own._key.sign({name: value for name, value in claims.items() if value is not None})
    assert (await sent(api, "GET", SCALE_SET, token)).status_code == 401


async def test_a_token_for_several_audiences_is_good_if_we_are_one(api: Api) -> None:
    assert api.access.own is not None
    [client, *_] = api.store.credentials.all()
    now = api.clock().timestamp()
    claims = {"iss": ISSUER, "aud": ["https://elsewhere", AUDIENCE], "sub": client.client_id, "exp": now + 60}
    assert (await sent(api, "GET", SCALE_SET, api.access.own._key.sign(claims))).status_code == 404


async def test_the_public_key_is_no_secret_to_sign_with(api: Api) -> None:
    """HS256 with what everybody may fetch, and `none`, under our own key's name."""
    assert api.access.own is not None
    key: SigningKey = api.access.own._key
    [client, *_] = api.store.credentials.all()
    claims = {"iss": ISSUER, "aud": AUDIENCE, "sub": client.client_id, "exp": int(api.clock().timestamp()) + 60}
    known = [json.dumps(key.public_jwk).encode(), key.public_jwk["n"].encode(), key.key_id.encode(), b""]
    for algorithm in ("HS256", "HS512", "none", "None", "NONE", "rs256", ""):
        for secret in known:
            parts = [{"alg": algorithm, "typ": "JWT", "kid": key.key_id}, claims]
            head, body = (jwt.utils.base64url_encode(json.dumps(part).encode()).decode() for part in parts)
            signature = hmac.new(secret, f"{head}.{body}".encode(), hashlib.sha256).digest()
            for end in (jwt.utils.base64url_encode(signature).decode(), ""):
                assert (await sent(api, "GET", SCALE_SET, f"{head}.{body}.{end}")).status_code == 401


async def test_a_revoked_client_is_out_at_once_and_a_role_that_was_taken_away_as_well(api: Api) -> None:
    client, _ = api.store.credentials.create("someone", Grant(Role.READER, "/"), api.clock())
    assert api.access.own is not None
    token = api.access.own._token(client, api.clock())
    assert (await sent(api, "GET", GROUP, token)).status_code == 404
    api.store.credentials.unassign(client.client_id, Grant(Role.READER, "/"))
    assert (await sent(api, "GET", GROUP, token)).status_code == 403
    api.store.credentials.revoke(client.client_id, api.clock())
    answer = await sent(api, "GET", GROUP, token)
    assert answer.status_code == 401
    assert "revoked" in error_of(answer)["message"]


async def test_few_secrets_of_earlier_releases_are_tried_at_once(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    """Hashing as they did takes a thread of those that all requests share."""
    running, most = 0, 0

    def slow(*_: object) -> bool:
        nonlocal running, most
        running += 1
        most = max(most, running)
        time.sleep(0.02)
        running -= 1
        return False

    assert api.access.own is not None
    own = OwnIssuer(api.access.own._key, api.store, api.clock)
    client, _ = api.store.credentials.create("old", Grant(Role.READER, "/"), api.clock())
    monkeypatch.setattr(Stored, "is_slow", True)
    monkeypatch.setattr(Stored, "is_opened_by", slow)
    assert await asyncio.gather(*(own.issued(client.client_id, "y") for _ in range(8))) == [None] * 8
    assert most == 2


async def test_a_role_is_looked_up_at_each_request(api: Api) -> None:
    token = token_of(api, Role.READER, MINE)
    await api.create()
    assert (await sent(api, "GET", SCALE_SET, token)).status_code == 403
    [client] = [one for one in api.store.credentials.all() if one.name == "someone"]
    api.store.credentials.assign(client.client_id, Grant(Role.READER, GROUP))
    assert (await sent(api, "GET", SCALE_SET, token)).status_code == 200
    api.clock.advance(timedelta(hours=2))
    assert (await sent(api, "GET", SCALE_SET, token)).status_code == 401


async def test_a_token_is_good_until_the_second_that_it_names(api: Api) -> None:
    own = api.access.own
    assert own is not None
    [owner, *_] = api.store.credentials.all()
    token = own._token(owner, api.clock())
    expires_at = (api.clock() + LIFE).replace(microsecond=0)
    api.clock.advance(expires_at - api.clock() - timedelta(microseconds=10))
    assert (await own.verified(token)).name == owner.name
    api.clock.advance(timedelta(microseconds=10))
    with pytest.raises(TokenRefused, match="expired"):
        await own.verified(token)
