"""The guard against requests that are made to get past it, or to leave false tracks."""

import logging
from typing import Any

import jwt
import pytest
from starlette.types import Message, Scope

from api.access.challenge import quotable
from api.access.guard import Guard
from api.access.own_issuer import ISSUER
from api.login.composition import access_from
from instar.domain.access import Grant, Role, need_of
from instar.domain.legible import WORDS_AT_MOST
from instar.store.credentials import Credential
from instar.store.errors import Unavailable
from tests.api.access.served import MINE, sent, served_with, token_of
from tests.api.conftest import GROUP, SCALE_SET, SUBSCRIPTION, Api, document, error_of

SET = "providers/Microsoft.Compute/virtualMachineScaleSets/web"

DEVIOUS = [
    f"{MINE}/../Farm/{SET}",
    f"{MINE}%2F..%2FFarm/{SET}",
    f"{MINE}/%2e%2e/Farm/{SET}",
    f"{MINE}/..%2fFarm/{SET}",
    f"{GROUP}%2F{SET}",
    f"{GROUP}/{SET}%2F..%2F..%2F..%2F..%2Fmine",
    f"//{GROUP}//{SET}//",
    GROUP.upper() + "/" + SET.upper(),
    f"{GROUP}/{SET.replace('web', '%77eb')}",
    f"{GROUP}%2F%2F{SET}/",
    f"{GROUP}/{SET};x={MINE}",
    f"{GROUP}/{SET}%3F{MINE}",
    f"{GROUP}/{SET}%23{MINE}",
    f"/subscriptions/{SUBSCRIPTION}/./resourceGroups/Farm/{SET}",
    f"/docs/..{GROUP}/{SET}",
    f"/docs%2F..{GROUP}/{SET}",
    f"/static-offline-docs/..{GROUP}/{SET}",
    f"/static-offline-docs/%2e%2e{GROUP}/{SET}",
    f"/healthz{GROUP}/{SET}",
    f"/metadata/endpoints/..{GROUP}/{SET}",
]


@pytest.mark.parametrize("path", DEVIOUS)
async def test_no_spelling_of_a_path_reaches_another_group(api: Api, path: str) -> None:
    await api.create()
    before, token = api.stored(), token_of(api, Role.OWNER, MINE)
    for method in ("GET", "HEAD", "PUT", "PATCH", "DELETE"):
        answer = await sent(api, method, path, token, document(sku__capacity=1))
        assert answer.status_code in (400, 403, 404, 405), (method, answer.text)
        assert "Canonical" not in answer.text
    assert api.stored() == before
    assert not api.stored().deleting
    assert [one.identity.name for one in api.store.scale_sets.list(SUBSCRIPTION, "Farm")] == ["web"]


@pytest.mark.parametrize(
    "path", ["/docsx", "/docs/x", "/healthz/x", "/readyzz", "/openapi.json.x", "/static-offline-docsx", "/static/x"]
)
async def test_what_is_open_is_open_alone(api: Api, path: str) -> None:
    assert (await sent(api, "GET", path, None)).status_code == 401


async def test_what_is_judged_is_what_is_routed(api: Api) -> None:
    """A group called `mine/../Farm` is no name that can be sent: each part is judged as the router sees it."""
    await api.create()
    token = token_of(api, Role.READER, GROUP)
    for path in (f"{GROUP}/{SET}", f"//{GROUP}//{SET}/", f"{GROUP.lower()}%2F{SET}", f"{GROUP}/{SET[:-3]}%77eb"):
        answer = await sent(api, "GET", path, token)
        assert answer.status_code == 200, path
        assert answer.json()["id"] == SCALE_SET


@pytest.mark.parametrize("method", ["HEAD", "OPTIONS", "TRACE", "get", "PROPFIND", "CONNECT"])
async def test_no_method_gets_past(api: Api, method: str) -> None:
    await api.create()
    assert (await sent(api, method, SCALE_SET, None)).status_code == 401
    assert (await sent(api, method, SCALE_SET, token_of(api, Role.OWNER, MINE))).status_code == 403


async def test_a_method_that_no_route_has_changes_nothing_for_its_spelling(api: Api) -> None:
    await api.create()
    token = token_of(api, Role.READER, GROUP)
    for method in ("delete", "Delete", "put", "DELETE "):
        assert (await sent(api, method.strip(), SCALE_SET, token)).status_code in (403, 405)
    assert not api.stored().deleting


async def test_whoever_opens_a_web_socket_is_turned_away() -> None:
    told: list[Message] = []
    reached: list[Scope] = []

    async def app(scope: Scope, _receive: Any, _send: Any) -> None:
        reached.append(scope)

    async def send(message: Message) -> None:
        told.append(message)

    async def receive() -> Message:
        return {"type": "websocket.connect"}

    guard = Guard(app)
    await guard({"type": "websocket", "path": "/docs", "headers": []}, receive, send)
    assert (told, reached) == ([{"type": "websocket.close", "code": 1008}], [])
    await guard({"type": "lifespan"}, receive, send)
    assert len(reached) == 1


def test_what_stands_in_a_header_is_one_line_of_plain_letters() -> None:
    assert quotable('the "exp" claim\r\nSet-Cookie: x=y\\') == "the 'exp' claim??Set-Cookie: x=y/"
    assert quotable("caf\xe9 \u2028\x7f") == "caf? ??"


async def test_no_token_and_no_host_writes_headers_of_its_own(api: Api) -> None:
    head = jwt.utils.base64url_encode(
        b'{"alg":"RS256","crit":["\\u2028\\"\\r\\nX: y"],"\\u2028\\"\\r\\nX: y":1}'
    ).decode()
    body = jwt.utils.base64url_encode(f'{{"iss":"{ISSUER}"}}'.encode()).decode()
    headers = {"Authorization": f"Bearer {head}.{body}.AAAA", "Host": 'a"b, error="x'}
    answer = await api.http.get(SCALE_SET, headers=headers, auth=None)
    assert answer.status_code == 401
    assert "X" not in answer.headers
    challenge = answer.headers["WWW-Authenticate"]
    assert challenge.count('"') == 6
    assert challenge.startswith('Bearer authorization_uri="http://aberrorx", error="invalid_token"')


async def test_a_public_url_is_where_tokens_are_had(api: Api) -> None:
    headers = {"Host": "inside:8000"}
    told_of = {"https://farm.example": "https://farm.example", "https://farm.example/": "https://farm.example"}
    for url, told in {**told_of, "": "http://inside:8000"}.items():
        settings = api.app.state.services.settings.model_copy(update={"public_url": url})
        async with served_with(api, access_from(settings, api.store, api.clock)) as http:
            answer = await http.get(SCALE_SET, headers=headers)
            assert answer.headers["WWW-Authenticate"] == f'Bearer authorization_uri="{told}"'


async def test_nobody_forges_lines_of_a_log(api: Api, caplog: pytest.LogCaptureFixture) -> None:
    forged = "%0A2026-03-01%20INFO%20instar.audit:%20all%20is%20well%1B%5B8m%E2%80%AE"
    client, _ = api.store.credentials.create("someone", Grant(Role.READER, "/"), api.clock())
    assert api.access.own is not None
    token = api.access.own._token(client, api.clock())
    with caplog.at_level(logging.INFO):
        await sent(api, "GET", f"{GROUP}{forged}", None)
        await sent(api, "DELETE", f"{GROUP}{forged}", token)
        await sent(api, "DELETE", f"{GROUP}/{'x' * 50_000}", token)
    ours = [one.getMessage() for one in caplog.records if one.name == "instar.audit"]
    assert len(ours) == 3
    assert all(one.isprintable() and len(one) < 4 * WORDS_AT_MOST for one in ours)
    kept = api.store.audit.newest(10)
    assert [one.status for one in kept] == [403, 403]
    assert all(one.resource.isprintable() and len(one.resource) <= WORDS_AT_MOST + 1 for one in kept)
    assert r"\n2026-03-01" in kept[1].resource


async def test_no_subject_and_no_name_forges_lines_of_a_log(
    api: Api, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def forger(_client_id: str) -> tuple[Credential, tuple[Grant, ...]]:
        return Credential("id\nall is well", "name\x1b[8m", api.clock(), None), ()

    monkeypatch.setattr(api.store.credentials, "of_client", forger)
    with caplog.at_level(logging.INFO):
        assert (await api.call("DELETE", SCALE_SET)).status_code == 403
    [entry] = api.store.audit.newest(10)
    assert (entry.principal, entry.name) == (r"id\nall is well", r"name\x1b[8m")
    assert all(one.getMessage().isprintable() for one in caplog.records if one.name == "instar.audit")


async def test_what_failed_half_way_is_noted(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(api.store.scale_sets, "find", broken)
    assert (await api.call("DELETE", SCALE_SET)).status_code == 500
    [entry] = api.store.audit.newest(10)
    assert (entry.status, entry.action) == (500, "Microsoft.Compute/virtualMachineScaleSets/delete")


async def test_while_the_store_is_away_the_guard_says_so(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    def away(*_: object) -> None:
        raise Unavailable("locked")

    monkeypatch.setattr(api.store.credentials, "of_client", away)
    answer = await api.call("GET", SCALE_SET)
    assert (answer.status_code, error_of(answer)["code"]) == (503, "ServiceUnavailable")
    assert answer.headers["Retry-After"]


async def test_reads_are_not_noted_and_what_a_reader_may_not_is(api: Api) -> None:
    token = token_of(api, Role.READER, "/")
    for method in ("GET", "HEAD", "OPTIONS"):
        await sent(api, method, SCALE_SET, token)
    assert api.store.audit.newest(10) == []
    for method in ("PUT", "PATCH", "DELETE", "POST"):
        await sent(api, method, SCALE_SET, token)
    noted = api.store.audit.newest(10)
    assert {entry.status for entry in noted} == {403}
    assert sum(1 + entry.repeats for entry in noted) == 4
    assert {entry.name for entry in noted} == {"someone"}


async def test_the_simulated_fleet_is_directed_by_those_with_a_role_everywhere(api: Api) -> None:
    for path in ("/instar/simulated/defaults", f"/instar/simulated{GROUP}/providers/Microsoft.Compute/x/y"):
        assert need_of("PUT", path).scope == "/"
        answer = await sent(api, "PUT", path, token_of(api, Role.OWNER, f"/subscriptions/{SUBSCRIPTION}"), {})
        assert answer.status_code == 403
    answer = await sent(api, "GET", "/instar/simulated/flight-record", token_of(api, Role.OWNER, GROUP))
    assert answer.status_code == 403
