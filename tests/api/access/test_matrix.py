"""Every route, from the router itself, with every kind of bad token: a new route cannot escape it."""

import re
from collections.abc import Iterable, Iterator
from datetime import timedelta

import httpx
import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key

from api.access.guard import OPEN, OPEN_BELOW
from api.access.own_issuer import AUDIENCE, ISSUER, LIFE
from api.access.signing_keys import SigningKey
from api.login.issuer_routes import OPEN_PATHS
from instar.domain.access import Grant, Role
from tests.api.conftest import GROUP, SCALE_SET, SUBSCRIPTION, Api, error_of

NAMES = {"subscriptionId": SUBSCRIPTION, "resourceGroupName": "Farm", "scaleSetName": "web", "location": "westus2"}
READS = ("GET", "HEAD")
ASKED = (
    "/codec/decode",
    "/codec/encode",
    "/instar/rolloutPolicy/check",
    f"{SCALE_SET}/instar/rolloutPolicy/check",
    f"{SCALE_SET}/instar/plan",
    f"{SCALE_SET}/instar/rollback/plan",
)
"""By POST, and changes nothing."""

OVERVIEW = ("/tenants", "/subscriptions")
"""Shows what the caller has a role in, and so is open to whoever has one."""

OF_SCOPES = ("/instar/holds", "/instar/webhooks", "/instar/limits", "/instar/scaleSets")
"""Each takes a role at the scope that it is for: nobody is sent away at the door who has a role anywhere."""

SHARED = ("/publishers", "/locations/westus2/operations/", "/vmSizes", "/providers/Microsoft.Compute/skus")
"""Open to whoever has a role anywhere in a subscription."""

OF_THE_SUBSCRIPTION = tuple(
    f"/subscriptions/{SUBSCRIPTION}{rest}"
    for rest in ("", "/locations", "/resourceGroups", "/providers", "/providers/1")
)
"""Open to whoever has a role anywhere in it."""


def routes(api: Api) -> Iterator[tuple[str, str]]:
    for template, operations in api.app.openapi()["paths"].items():
        if template not in OPEN | OPEN_PATHS:
            path = re.sub(r"{(\w+)}", lambda name: NAMES.get(name[1], "1"), template)
            yield from ((method.upper(), path) for method in operations)


async def asked(api: Api, method: str, path: str, token: str | None) -> httpx.Response:
    headers = {} if token is None else {"Authorization": f"Bearer {token}"}
    query = {"api-version": "2024-11-01"}
    return await api.http.request(method, path, params=query, json={}, headers=headers, auth=None)


async def token_of(api: Api, role: Role, scope: str) -> str:
    client, secret = api.store.credentials.create("matrix", Grant(role, scope), api.clock())
    assert api.access.own is not None
    token = await api.access.own.issued(client.client_id, secret)
    assert token is not None
    return token


async def test_there_are_routes_to_guard(api: Api) -> None:
    assert len(list(routes(api))) > 80


def paths_of(routes: Iterable[object]) -> Iterator[str]:
    for route in routes:
        included = getattr(route, "original_router", None)
        if included is None:
            yield str(getattr(route, "path", route))
        else:
            yield from paths_of(included.routes)


async def test_no_route_hides_from_this_walk(api: Api) -> None:
    described = set(api.app.openapi()["paths"])
    assert described <= set(paths_of(api.app.routes))
    hidden = set(paths_of(api.app.routes)) - described - OPEN
    assert {path for path in hidden if not f"{path}/".startswith(OPEN_BELOW)} == set()


async def test_without_a_token_every_route_is_401_and_says_where_to_get_one(api: Api) -> None:
    api.access.refusals.per_minute = 10_000
    for method, path in routes(api):
        answer = await asked(api, method, path, None)
        assert answer.status_code == 401, (method, path, answer.text)
        assert answer.headers["WWW-Authenticate"].startswith('Bearer authorization_uri="http://api.test:8000"')
        assert method == "HEAD" or error_of(answer)["code"] == "AuthenticationFailed"


async def test_a_path_that_is_no_route_is_closed_as_well(api: Api) -> None:
    for path in ("/nothing", "/subscriptions", "/docs/../subscriptions", "/static-offline-docs/../openapi.jsonx"):
        assert (await asked(api, "GET", path, None)).status_code in (401, 404)
    assert (await asked(api, "GET", "/nothing", None)).status_code == 401


DAMAGED: dict[str, dict[str, int | str | None]] = {
    "expired": {"exp": -1},
    "not good yet": {"nbf": 500},
    "for another audience": {"aud": "https://elsewhere"},
    "of another issuer": {"iss": "https://elsewhere/"},
    "of an unknown client": {"sub": "somebody"},
    "without an end": {"exp": None},
}
OTHERS = ("signed by another key", "unsigned", "with its signature cut", "revoked", "rubbish", "a.b.c", "x" * 20_000)


def forged(api: Api, kind: str) -> str:
    assert api.access.own is not None
    key = api.access.own._key
    [client, *_] = api.store.credentials.all()
    now = api.clock().timestamp()
    claims = {"iss": ISSUER, "aud": AUDIENCE, "sub": client.client_id, "nbf": now - 10, "exp": now + 1000}
    if kind in DAMAGED:
        [(name, value)] = DAMAGED[kind].items()
        changed = claims | {name: now + value if isinstance(value, int) else value}
        return key.sign({name: value for name, value in changed.items() if value is not None})
    if kind == "signed by another key":
        other = SigningKey(generate_private_key(public_exponent=65537, key_size=2048), key.key_id)
        return other.sign(claims)
    if kind == "unsigned":
        return jwt.encode(claims, "", algorithm="none")
    if kind == "with its signature cut":
        return key.sign(claims)[:-8]
    if kind == "revoked":
        api.store.credentials.revoke(client.client_id, api.clock())
        return key.sign(claims)
    return kind


@pytest.mark.parametrize("kind", [*DAMAGED, *OTHERS], ids=lambda kind: kind[:40])
async def test_a_token_that_is_not_good_is_401_on_every_route(api: Api, kind: str) -> None:
    token = forged(api, kind)
    api.access.refusals.per_minute = 10_000
    for method, path in routes(api):
        answer = await asked(api, method, path, token)
        assert answer.status_code == 401, (method, path, answer.text)
        assert 'error="invalid_token"' in answer.headers["WWW-Authenticate"]
        assert token not in answer.text + str(answer.headers)


async def test_a_reader_reads_everything_and_changes_nothing(api: Api) -> None:
    await api.create()
    token = await token_of(api, Role.READER, "/")
    api.access.refusals.per_minute = 10_000
    for method, path in routes(api):
        answer = await asked(api, method, path, token)
        assert (answer.status_code == 403) == (method not in READS and path not in ASKED), (method, path, answer.text)
        if answer.status_code == 403:
            assert error_of(answer)["code"] == "AuthorizationFailed"
    assert api.stored().generation == 1
    assert api.store.operations.running(api.stored().identity.unique_id) == []


async def test_a_role_elsewhere_opens_nothing_here(api: Api) -> None:
    token = await token_of(api, Role.OWNER, "/subscriptions/another")
    api.access.refusals.per_minute = 10_000
    for method, path in routes(api):
        answer = await asked(api, method, path, token)
        if path.startswith(OF_SCOPES):
            continue
        assert answer.status_code == (200 if path in OVERVIEW else 403), (method, path, answer.text)


async def test_a_contributor_of_a_group_changes_what_is_in_it_and_nothing_beside(api: Api) -> None:
    await api.create()
    token = await token_of(api, Role.CONTRIBUTOR, GROUP.lower())
    for method, path in routes(api):
        answer = await asked(api, method, path, token)
        inside = path.startswith((f"{GROUP}/", *OF_SCOPES)) or path == GROUP
        shared = method in READS and any(word in path for word in SHARED)
        overview = method in READS and path in (*OVERVIEW, *OF_THE_SUBSCRIPTION)
        if path.startswith(OF_SCOPES):
            continue
        assert (answer.status_code != 403) == (inside or shared or overview), (method, path, answer.text)


async def test_a_token_is_good_for_an_hour(api: Api) -> None:
    token = await token_of(api, Role.READER, "/")
    path = next(path for method, path in routes(api) if method == "GET")
    api.clock.advance(LIFE - timedelta(seconds=1))
    assert (await asked(api, "GET", path, token)).status_code != 401
    api.clock.advance(timedelta(seconds=2))
    assert (await asked(api, "GET", path, token)).status_code == 401
