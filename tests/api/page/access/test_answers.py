"""What every answer of the page tells browsers, errors too; what of the page is open, and its files."""

import hashlib
import json
import logging
import re
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.routing import APIRoute

from api.page.access.static_files import FOLDER
from instar.store.errors import Unavailable
from tests.api.conftest import Api, error_of
from tests.api.page.access.visiting import browser, csrf, from_page, logged_in, submit

OPEN = {"/page", "/page/login", "/page/login/outside", "/page/login/back", "/page/once", "/page/links"}
"""The logins, and nothing else."""

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "font-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
)


def check_headers(headers: Any, *, kept: bool = False) -> None:
    assert headers["content-security-policy"] == POLICY
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "same-origin"
    assert headers["cross-origin-opener-policy"] == "same-origin"
    assert headers["cross-origin-resource-policy"] == "same-origin"
    assert headers["x-frame-options"] == "DENY"
    assert headers["cache-control"] == ("no-cache" if kept else "no-store")


def routes_of(app: FastAPI) -> list[tuple[str, str]]:
    """Method and path of each route of the page, as the application has them."""
    found = []
    for route in _all(app.routes):
        if isinstance(route, APIRoute) and (route.path == "/" or route.path.startswith("/page")):
            found += [(method, route.path) for method in route.methods or ()]
    return found


def _all(routes: Any) -> Any:
    for route in routes:
        yield route
        yield from _all(getattr(route, "routes", None) or ())
        inner = getattr(route, "original_router", None) or getattr(route, "router", None)
        yield from _all(getattr(inner, "routes", ()))


async def test_each_route_but_those_of_the_login_needs_a_session(api: Api) -> None:
    routes = routes_of(api.app)
    assert {path for _, path in routes} >= OPEN | {"/", "/page/logout", "/page/events"}
    async with browser(api.app) as http:
        for method, path in routes:
            if path in OPEN:
                continue
            address = re.sub(r"\{[^}]*\}", "x", path)
            for more in ({}, {"Cookie": "instar-session-8000=" + "x" * 43}, {"Authorization": "Bearer x"}):
                answer = await http.request(method, address, headers=from_page(http) | more)
                assert answer.status_code == 303, (method, path, answer.text)
                assert answer.headers["location"].startswith("/page/login")
                assert "<main" not in answer.text


async def test_a_token_of_the_api_opens_no_page(api: Api) -> None:
    """Cookies alone do: what a browser cannot be made to send by another page is no way in here."""
    for method, path in routes_of(api.app):
        if path not in OPEN:
            answer = await api.http.request(method, re.sub(r"\{[^}]*\}", "x", path), headers={"Accept": "text/html"})
            assert answer.status_code == 303, (method, path)


async def test_each_route_that_changes_something_looks_where_its_form_comes_from(api: Api) -> None:
    async with browser(api.app) as http:
        await logged_in(api, http)
        token = await csrf(http)
        posts = [(method, path) for method, path in routes_of(api.app) if method not in ("GET", "HEAD", "OPTIONS")]
        assert ("POST", "/page/logout") in posts
        for method, path in posts:
            if path == "/page/links":
                continue  # it takes a secret, and gives no cookie
            address = re.sub(r"\{[^}]*\}", "x", path)
            for headers, fields in (({}, {"csrf": token}), ({"Origin": "https://evil.example"}, {"csrf": token})):
                answer = await http.request(method, address, data=fields, headers=headers)
                assert answer.status_code == 403, (method, path, answer.text)
                assert "RequestNotFromPage" in answer.text
            if path not in OPEN:
                answer = await http.request(method, address, data={"csrf": "x"}, headers=from_page(http))
                assert answer.status_code == 403, (method, path, answer.text)


async def test_no_route_of_the_page_is_in_the_document_of_the_api(api: Api) -> None:
    paths = api.app.openapi()["paths"]
    assert [path for path in paths if path == "/" or path.startswith("/page")] == []


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/", 303),
        ("GET", "/page", 303),
        ("GET", "/page/", 303),
        ("GET", "//page//login", 200),
        ("GET", "//page//nothing", 404),
        ("GET", "/page/login", 200),
        ("GET", "/page/once", 200),
        ("GET", "/page/nothing/here", 404),
        ("GET", "/page/static/nothing", 404),
        ("GET", "/page/static/", 404),
        ("GET", "/page/logout", 405),
        ("DELETE", "/page/login", 405),
        ("POST", "/page/login", 403),
        ("GET", "/page/login/outside", 404),
        ("GET", "/page/login/back?code=x&state=y", 404),
    ],
)
async def test_every_answer_has_them(api: Api, method: str, path: str, status: int) -> None:
    async with browser(api.app) as http:
        for accept in ("text/html", "application/json", "text/event-stream"):
            url = http.base_url.copy_with(raw_path=path.encode())
            answer = await http.send(http.build_request(method, url, headers={"Accept": accept}))
            expected = 401 if (path, accept) == ("/", "text/event-stream") else status
            assert answer.status_code == expected
            check_headers(answer.headers)
            if answer.status_code >= 400 and accept == "text/html":
                assert "<h1>That did not work</h1>" in answer.text
            if answer.status_code >= 400 and accept == "application/json":
                assert error_of(answer)


async def test_the_api_itself_has_none_of_them(api: Api) -> None:
    answer = await api.http.get("/healthz")
    assert answer.headers["content-security-policy"] == "default-src 'none'; frame-ancestors 'none'"
    assert "cache-control" not in answer.headers


async def test_a_store_that_is_away_is_told_as_a_page(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    def away(*_: object) -> None:
        raise Unavailable("the database does not answer")

    async with browser(api.app) as http:
        await logged_in(api, http)
        monkeypatch.setattr(api.store.page_sessions, "find", away)
        answer = await http.get("/")
        assert answer.status_code == 503
        assert answer.headers["retry-after"]
        assert "The database does not answer just now" in answer.text
        check_headers(answer.headers)


async def test_a_fault_of_ours_is_told_as_a_page_and_without_its_words(
    api: Api, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    words = "sec" + "ret"  # the log shows lines of code, and this is one

    def broken(*_: object) -> None:
        raise RuntimeError(words)

    async with browser(api.app) as http:
        await logged_in(api, http)
        monkeypatch.setattr(api.store.page_sessions, "find", broken)
        with caplog.at_level(logging.ERROR):
            answer = await http.get("/")
        assert answer.status_code == 500
        assert "Something went wrong inside Instar" in answer.text
        assert "secret" not in answer.text + caplog.text
        check_headers(answer.headers)


async def test_an_error_is_a_fragment_where_htmx_asks(api: Api) -> None:
    async with browser(api.app) as http:
        answer = await http.get("/page/nothing", headers={"HX-Request": "true"})
        assert answer.status_code == 404
        assert "<html" not in answer.text
        assert 'role="alert"' in answer.text


async def test_what_others_wrote_into_an_address_is_text(api: Api) -> None:
    async with browser(api.app) as http:
        answer = await http.get("/page/<script>alert(1)</script>")
        assert "<script>alert" not in answer.text
        assert "&lt;script&gt;" in answer.text


async def test_no_page_has_a_script_or_a_style_of_its_own(api: Api) -> None:
    async with browser(api.app) as http:
        await logged_in(api, http)
        pages = [await http.get(path) for path in ("/", "/page/once", "/page/nothing")]
        pages.append(await submit(http, "/page/login", token="x"))
        for page in pages:
            assert re.findall(r"<script(?![^>]* src=)[^>]*>|<style|\sstyle=|\son[a-z]+=|javascript:", page.text) == []
            for source in re.findall(r'<(?:script|link)[^>]* (?:src|href)="([^"]*)"', page.text):
                assert source.startswith("/page/static/")
                assert (await http.get(source)).status_code == 200, source


async def test_files_are_open_kept_and_asked_for_again(api: Api) -> None:
    async with browser(api.app) as http:
        for name, kind in (("page.css", "text/css"), ("once.js", "javascript"), ("vendor/htmx.min.js", "javascript")):
            answer = await http.get(f"/page/static/{name}")
            assert answer.status_code == 200
            assert kind in answer.headers["content-type"]
            check_headers(answer.headers, kept=True)
            same = await http.get(f"/page/static/{name}", headers={"If-None-Match": answer.headers["etag"]})
            assert same.status_code == 304
            assert not same.content


@pytest.mark.parametrize(
    "path",
    [
        "../app.py",
        "..%2Fapp.py",
        "%2e%2e/routes.py",
        "vendor/../../routes.py",
        "vendor/..%2f..%2froutes.py",
        "..%5Croutes.py",
        "%2Fetc%2Fpasswd",
        "/etc/passwd",
        "page.css%00",
        "x" * 300,
        "vendor",
        "",
    ],
)
async def test_nothing_else_is_served(api: Api, path: str) -> None:
    async with browser(api.app) as http:
        url = http.base_url.copy_with(raw_path=f"/page/static/{path}".encode())
        answer = await http.send(http.build_request("GET", url))
        assert answer.status_code in (303, 401, 404), answer.text
        assert "def " not in answer.text
        assert "root:" not in answer.text


def test_the_files_of_others_are_those_that_are_named() -> None:
    vendor = FOLDER / "vendor"
    named = json.loads((vendor / "vendor.json").read_text())
    licences = {one["licenceFile"] for one in named.values()}
    assert {path.name for path in vendor.iterdir()} == {*named, *licences, "vendor.json"}
    for name, one in named.items():
        assert hashlib.sha256((vendor / name).read_bytes()).hexdigest() == one["sha256"], name
        assert re.fullmatch(r"\d+\.\d+\.\d+", one["version"])
        assert one["version"].encode() in (vendor / name).read_bytes() or one["package"] != "htmx.org"
        assert "BSD" in (vendor / one["licenceFile"]).read_text()


def test_our_own_scripts_write_no_markup() -> None:
    for script in FOLDER.glob("*.js"):
        words = Path(script).read_text()
        assert (
            re.findall(r"\.innerHTML|\.outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function", words) == []
        )
