"""The flags of the page's cookies, however the page is reached."""

import dataclasses

import pytest

from tests.api.conftest import Api, trusting
from tests.api.page.access.visiting import SESSION, browser, cookie_of, csrf, from_page, is_in, someone, submit

BOUND = "__Host-instar-session"


def known_as(api: Api, public_url: str) -> None:
    services = api.app.state.services
    settings = services.settings.model_copy(update={"public_url": public_url})
    api.app.state.services = dataclasses.replace(services, settings=settings)


async def test_by_http_it_is_of_the_port_strict_and_for_no_script(api: Api) -> None:
    client_id, secret = someone(api)
    async with browser(api.app) as http:
        answer = await submit(http, "/page/login", client_id=client_id, client_secret=secret)
    cookie = cookie_of(answer, SESSION)
    assert {"httponly", "path", "samesite", "max-age"} <= set(cookie)
    assert (cookie["path"], cookie["samesite"], cookie["max-age"]) == ("/", "strict", "28800")
    assert {"secure", "domain"} & set(cookie) == set()


@pytest.mark.parametrize("way", ["https", "public url", "trusted proxy", "unknown proxy"])
async def test_by_https_it_is_bound_to_host_and_https(api: Api, way: str) -> None:
    client_id, secret = someone(api)
    base = "https://page.test" if way == "https" else "http://page.test"
    more = {}
    if way in ("public url", "unknown proxy"):
        known_as(api, "https://page.test/" if way == "public url" else "https://instar.example")
    if way == "trusted proxy":
        trusting(api, "127.0.0.1")
        more = {"X-Forwarded-Proto": "https", "X-Forwarded-Host": "page.test"}
    origin = "https://instar.example" if way == "unknown proxy" else "https://page.test"
    async with browser(api.app, base) as http:
        fields = {"client_id": client_id, "client_secret": secret}
        answer = await http.post("/page/login", data=fields, headers={"Origin": origin, **more})
        assert answer.status_code == 303, answer.text
        cookie = cookie_of(answer, BOUND)
        assert {"httponly", "secure"} <= set(cookie)
        assert (cookie["path"], cookie["samesite"]) == ("/", "strict")
        assert "domain" not in cookie
        shown = await http.get("/", headers={"Cookie": f"{BOUND}={cookie['value']}", **more})
        assert shown.status_code == 200


async def test_by_https_a_cookie_that_is_not_bound_is_none(api: Api) -> None:
    client_id, secret = someone(api)
    async with browser(api.app, "https://page.test") as http:
        answer = await submit(http, "/page/login", client_id=client_id, client_secret=secret)
        value = cookie_of(answer, BOUND)["value"]
        http.cookies.clear()
        for name in ("instar-session", SESSION):
            http.cookies.set(name, value, domain="page.test")
        assert not await is_in(http)
        http.cookies.set(BOUND, value, domain="page.test")
        assert await is_in(http)


async def test_a_logout_drops_it_under_the_name_it_has(api: Api) -> None:
    client_id, secret = someone(api)
    async with browser(api.app, "https://page.test") as http:
        await submit(http, "/page/login", client_id=client_id, client_secret=secret)
        answer = await submit(http, "/page/logout", csrf=await csrf(http))
        dropped = cookie_of(answer, BOUND)
        assert (dropped["max-age"], dropped["path"]) == ("0", "/")
        assert "secure" in dropped


@pytest.mark.parametrize("value", ["", "x" * 5_000, "a b", "../../etc", "'; DROP TABLE page_sessions --", "\u00e9"])
async def test_a_cookie_of_nonsense_is_no_session(api: Api, value: str) -> None:
    async with browser(api.app) as http:
        shown = await http.get("/", headers=[(b"Cookie", f"{SESSION}={value}".encode())])
        assert shown.status_code == 303
        post = await http.post("/page/logout", headers=from_page(http) | {"Cookie": f"{SESSION}=x"})
        assert (post.status_code, post.headers["location"]) == (303, "/page/login")


async def test_what_the_cookie_holds_is_not_in_the_store(api: Api) -> None:
    client_id, secret = someone(api)
    async with browser(api.app) as http:
        answer = await submit(http, "/page/login", client_id=client_id, client_secret=secret)
    value = cookie_of(answer, SESSION)["value"]
    with api.store.database.reading() as connection:
        rows = connection.exec_driver_sql("SELECT * FROM page_sessions").all()
    assert len(rows) == 1
    assert value not in str(rows)
    assert secret not in str(rows)
