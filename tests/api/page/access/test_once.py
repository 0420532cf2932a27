"""Links that log in to the page once."""

import asyncio
import re
from datetime import timedelta

import httpx
import pytest

from instar.store.database.page_tables import PAGE_LINKS
from instar.store.page.links import OF_ONE_AT_MOST
from tests.api.conftest import Api, error_of
from tests.api.page.access.visiting import HOME, browser, is_in, someone, submit


async def link(http: httpx.AsyncClient, client_id: str, secret: str) -> str:
    """The code of a new link, asked for as the command line does."""
    answer = await http.post(
        "/page/links", data={"client_id": client_id, "client_secret": secret}, headers={"Accept": "*/*"}
    )
    assert answer.status_code == 201, answer.text
    body = answer.json()
    assert body["expiresInSeconds"] == 600
    found = re.fullmatch(re.escape(HOME) + r"/page/once#([A-Za-z0-9_-]{43})", body["url"])
    assert found, body
    return found[1]


async def test_a_link_logs_in_once(api: Api) -> None:
    async with browser(api.app) as first, browser(api.app) as second:
        code = await link(first, *someone(api, name="Ada"))
        shown = await first.get("/page/once")
        assert '<script src="/page/static/once.js" defer>' in shown.text
        answer = await submit(first, "/page/once", code=code)
        assert (answer.status_code, answer.headers["location"]) == (303, "/")
        assert 'id="visitor">Ada<' in (await first.get("/")).text
        again = await submit(second, "/page/once", code=code)
        assert again.status_code == 403
        assert "was used before, or is too old" in again.text
        assert not await is_in(second)


async def test_of_many_at_once_one_gets_in(api: Api) -> None:
    async with browser(api.app) as http:
        code = await link(http, *someone(api))
        answers = await asyncio.gather(*(submit(http, "/page/once", code=code) for _ in range(8)))
        assert sorted(answer.status_code for answer in answers) == [303] + [403] * 7


async def test_a_link_is_good_for_ten_minutes(api: Api) -> None:
    async with browser(api.app) as http:
        early, late = [await link(http, *someone(api)) for _ in range(2)]
        api.clock.advance(timedelta(minutes=9, seconds=59))
        assert (await submit(http, "/page/once", code=early)).status_code == 303
        api.clock.advance(timedelta(seconds=1))
        assert (await submit(http, "/page/once", code=late)).status_code == 403


async def test_a_link_is_worth_nothing_once_its_client_is_revoked(api: Api) -> None:
    async with browser(api.app) as http:
        client_id, secret = someone(api)
        code = await link(http, client_id, secret)
        api.store.credentials.revoke(client_id, api.clock())
        answer = await submit(http, "/page/once", code=code)
        assert answer.status_code == 403
        assert "its client was revoked" in answer.text
        assert not await is_in(http)


async def test_the_store_has_no_code(api: Api) -> None:
    async with browser(api.app) as http:
        code = await link(http, *someone(api))
    with api.store.database.reading() as connection:
        rows = connection.execute(PAGE_LINKS.select()).all()
    assert len(rows) == 1
    assert code not in str(rows)


async def test_a_client_has_a_few_links_and_not_endlessly_many(api: Api) -> None:
    async with browser(api.app) as http:
        client_id, secret = someone(api)
        codes = []
        for _ in range(OF_ONE_AT_MOST + 2):
            codes.append(await link(http, client_id, secret))
            api.clock.advance(timedelta(seconds=1))
        with api.store.database.reading() as connection:
            assert len(connection.execute(PAGE_LINKS.select()).all()) == OF_ONE_AT_MOST
        assert (await submit(http, "/page/once", code=codes[1])).status_code == 403
        assert (await submit(http, "/page/once", code=codes[2])).status_code == 303


async def test_links_that_are_over_go_away_by_themselves(api: Api) -> None:
    async with browser(api.app) as http:
        await link(http, *someone(api))
        api.clock.advance(timedelta(minutes=11))
        await link(http, *someone(api))
    with api.store.database.reading() as connection:
        assert len(connection.execute(PAGE_LINKS.select()).all()) == 1


@pytest.mark.parametrize("code", ["", " ", "x", "\u00e9", "x" * 100_000, "' OR 1=1 --"])
async def test_nonsense_is_no_code(api: Api, code: str) -> None:
    async with browser(api.app) as http:
        answer = await submit(http, "/page/once", code=code)
        assert answer.status_code == 403
        assert "set-cookie" not in answer.headers


async def test_only_whoever_knows_a_secret_gets_a_link(api: Api) -> None:
    client_id, secret = someone(api)
    async with browser(api.app) as http:
        for fields in ({}, {"client_id": client_id}, {"client_id": client_id, "client_secret": "x"}, {"x": secret}):
            answer = await http.post("/page/links", data=fields, headers={"Accept": "*/*"})
            assert answer.status_code == 401
            assert error_of(answer)["code"] == "AuthenticationFailed"
        get = await http.get("/page/links", headers={"Accept": "*/*"})
        assert get.status_code == 405
