"""Temporal's page behind its guard: who is let in, and what is passed on."""

import json
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import pytest_asyncio
from fastapi import FastAPI, Request
from fastapi.responses import Response

from instar.connection.sealed_payloads import SealedPayloads
from instar.domain.sets.names import Attribute
from instar.stack.guard.links import Page, Sessions
from instar.stack.guard.page import CODEC, COOKIE, page_app
from instar.stack.guard.views import FIRST, OPENED, PATH, VIEWS
from instar.store.database.key_file import KeyFile

KEY = "5" * 64
URL = "http://instar-0123456789ab.localhost:8233"
PAYLOAD = {"payloads": [{"metadata": {"encoding": "anNvbi9wbGFpbg=="}, "data": "Mg=="}]}


class Inner:
    """What stands for Temporal's own page."""

    def __init__(self) -> None:
        self.seen: list[tuple[str, str, dict[str, str], bytes]] = []
        self.settings = '{"Codec": {"Endpoint": "", "PassAccessToken": false}, "Version": "2"}'
        self.app = FastAPI()

        @self.app.api_route("/{path:path}", methods=["GET", "POST"], response_model=None)
        async def every(request: Request) -> Response:
            target = request.scope["raw_path"].decode() + "?" + request.url.query
            self.seen.append((request.method, target, dict(request.headers), await request.body()))
            if request.url.path == "/api/v1/settings":
                return Response(self.settings, media_type="application/json")
            answer = Response(b"inner", 203, headers={"X-Frame-Options": "SAMEORIGIN"}, media_type="text/html")
            answer.set_cookie("_csrf", "c")
            return answer


@pytest.fixture
def inner() -> Inner:
    return Inner()


@pytest_asyncio.fixture
async def http(tmp_path: Path, inner: Inner) -> AsyncIterator[httpx.AsyncClient]:
    app = page_app(URL, "http://inner", Sessions(KEY), SealedPayloads(KeyFile(tmp_path / "keys")))
    async with httpx.AsyncClient(transport=httpx.ASGITransport(inner.app), base_url="http://inner") as client:
        app.state.inner = client
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=URL) as asking:
            yield asking


async def log_in(http: httpx.AsyncClient) -> None:
    answer = await http.get(Page(KEY, URL).link())
    assert (answer.status_code, answer.text) == (200, OPENED)
    cookie = answer.headers["set-cookie"]
    assert all(word in cookie for word in (f"{COOKIE}=", "HttpOnly", "SameSite=strict"))


async def test_without_a_session_nothing_is_passed_on_and_it_is_said_what_to_do(
    http: httpx.AsyncClient, inner: Inner
) -> None:
    for method, path in (("GET", "/"), ("POST", "/api/v1/x"), ("GET", "/_app/x.js"), ("DELETE", "/x")):
        answer = await http.request(method, path)
        assert answer.status_code == 401
        assert "instar page --temporal" in answer.text
        assert answer.headers["x-frame-options"] == "DENY"
    assert (await http.post(f"{CODEC}/decode", json=PAYLOAD)).status_code == 401
    assert inner.seen == []


@pytest.mark.parametrize("link", ["", "x", "a.b.c"])
async def test_a_link_that_is_none_opens_nothing(http: httpx.AsyncClient, link: str) -> None:
    answer = await http.get("/instar/open", params={"link": link})
    assert answer.status_code == 401
    assert "set-cookie" not in answer.headers


FOREIGN: list[dict[str, str]] = [
    {"Host": "evil.example"},
    {"Host": "127.0.0.1:8233"},
    {"Host": "instar-0123456789ab.localhost"},
    {"Host": ""},
    {"Origin": "http://evil.example"},
    {"Origin": "null"},
    {"Origin": "http://instar-0123456789ab.localhost:9999"},
    {"Sec-Fetch-Site": "cross-site"},
    {"Sec-Fetch-Site": "same-site"},
]


@pytest.mark.parametrize("headers", FOREIGN, ids=str)
@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_another_name_or_another_sites_page_is_refused_even_with_a_session(
    http: httpx.AsyncClient, inner: Inner, headers: dict[str, str], method: str
) -> None:
    await log_in(http)
    for path in ("/api/v1/namespaces", f"{CODEC}/decode"):
        answer = await http.request(method, path, headers={"Content-Type": "text/plain"} | headers, content=b"{}")
        assert answer.status_code == 403
    assert inner.seen == []


@pytest.mark.parametrize("headers", [{"Host": "evil.example"}, {"Origin": "http://evil.example"}], ids=str)
async def test_a_link_counts_under_the_pages_own_name_alone(http: httpx.AsyncClient, headers: dict[str, str]) -> None:
    link = Page(KEY, URL).link()
    assert (await http.get(link, headers=headers)).status_code == 403
    assert (await http.get(link, headers={"Sec-Fetch-Site": "cross-site"})).status_code == 200, "a link in a mail"


async def test_what_is_asked_is_passed_on_as_it_came_without_the_session(http: httpx.AsyncClient, inner: Inner) -> None:
    await log_in(http)
    first = await http.get("/namespaces/default/workflows/a%2Fb?query=x%3Dy")
    assert (first.status_code, first.text) == (203, "inner")
    assert first.headers["x-frame-options"] == "DENY"
    headers = {"Origin": URL, "Sec-Fetch-Site": "same-origin", "X-CSRF-TOKEN": "c"}
    await http.post("/api/v1/namespaces", json={"a": 1}, headers=headers)
    (method, target, seen, _), (posted, _, theirs, body) = inner.seen
    assert (method, target) == ("GET", "/namespaces/default/workflows/a%2Fb?query=x%3Dy")
    assert "cookie" not in seen
    assert (posted, json.loads(body)) == ("POST", {"a": 1})
    assert theirs["cookie"] == "_csrf=c"
    assert theirs["x-csrf-token"] == "c"
    assert "origin" not in theirs


async def test_the_codec_server_of_the_page_opens_what_was_sealed(http: httpx.AsyncClient) -> None:
    await log_in(http)
    sealed = (await http.post(f"{CODEC}/encode", json=PAYLOAD)).json()
    assert sealed != PAYLOAD
    opened = await http.post(f"{CODEC}/decode", json=sealed)
    assert opened.json() == PAYLOAD
    assert opened.headers["cache-control"] == "no-store"
    assert (await http.post(f"{CODEC}/decode", content=b"nonsense")).status_code == 400
    assert (await http.post(f"{CODEC}/other", json=PAYLOAD)).status_code == 422


async def test_the_page_is_told_of_its_codec_server(http: httpx.AsyncClient, inner: Inner) -> None:
    await log_in(http)
    told = (await http.get("/api/v1/settings")).json()
    assert told == {"Codec": {"Endpoint": f"{URL}{CODEC}", "PassAccessToken": False}, "Version": "2"}
    inner.settings = '{"Codec": null}'
    assert (await http.get("/api/v1/settings")).json() == {"Codec": {"Endpoint": f"{URL}{CODEC}"}}
    for nonsense in ("", "[]", "1", '"x"'):
        inner.settings = nonsense
        assert (await http.get("/api/v1/settings")).status_code == 502


async def test_a_body_without_end_is_refused_and_a_page_that_is_away_is_said(
    http: httpx.AsyncClient, inner: Inner, monkeypatch: pytest.MonkeyPatch
) -> None:
    await log_in(http)
    assert (await http.post("/api", content=b"x" * (8 * 1024 * 1024 + 1))).status_code == 413
    assert inner.seen == []

    async def away(*_: Any, **__: Any) -> Any:
        raise httpx.ConnectError("refused")

    monkeypatch.setattr(httpx.AsyncClient, "send", _only_inner(httpx.AsyncClient.send, away))
    assert (await http.get("/")).status_code == 502


def _only_inner(send: Any, away: Any) -> Any:
    async def sending(self: httpx.AsyncClient, *arguments: Any, **more: Any) -> Any:
        return await (away if str(self.base_url).startswith("http://inner") else send)(self, *arguments, **more)

    return sending


async def test_a_link_leads_to_all_upgrades_by_a_page_of_our_own_that_nothing_foreign_gets_into(
    http: httpx.AsyncClient,
) -> None:
    assert (await http.get(PATH)).status_code == 401
    opened = await http.get(Page(KEY, URL).link())
    assert opened.headers["content-security-policy"] == "default-src 'none'; script-src 'self'"
    assert opened.headers["cache-control"] == "no-store"
    assert f'src="{PATH}"' in opened.text
    script = await http.get(PATH)
    assert script.headers["content-type"].startswith("text/javascript")
    given = json.loads(script.text.splitlines()[0].removeprefix("const given = ").removesuffix(";"))
    assert given["first"] == FIRST
    assert [view["name"] for view in given["views"]] == list(VIEWS)


@pytest.mark.parametrize("query", VIEWS.values(), ids=list(VIEWS))
async def test_the_views_name_attributes_and_types_that_there_are(query: str) -> None:
    names = set(re.findall(r"`(\w+)`", query))
    assert names <= {"WorkflowType", "ExecutionStatus", *Attribute}
    types = set(re.findall(r'`WorkflowType`="(\w+)"', query))
    assert types <= {"OsUpgradeWorkflow", "ScaleSet"}
    assert types
