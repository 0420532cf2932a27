"""`/`: all sets at a glance."""

import asyncio
import dataclasses
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import event

from api.page.sets import all_sets
from api.page.sets.rows import ROWS, STATES, Wanted, in_order, key_of, listed, row_of
from instar.compute.errors import Unavailable
from instar.domain.access import Role
from instar.domain.records.progress import Counts
from instar.domain.records.scale_set_status import ScaleSetStatus
from instar.domain.records.set_state import SetState
from instar.domain.records.upgrades import UpgradeError, UpgradeStatus
from instar.domain.steering.wishes import Hold, Pause
from tests.api.conftest import ENABLE, GROUP, NEW, OLD, SCALE_SET, SUBSCRIPTION, Api
from tests.api.page.access.visiting import browser
from tests.api.page.reading import Element
from tests.api.page.sets.looking_on import MARKUP, RUNS, SET, all_healthy_but, asks, decision, page, visitor
from tests.api.upgrades.test_rolling_upgrades import record


def path_of(name: str) -> str:
    return SCALE_SET.replace("/web", f"/{name}")


def names(shown: Element) -> list[str]:
    return [one.the("h2").text for one in shown.the("ol", _id="rows").all("li")]


def row(shown: Element, path: str = SCALE_SET) -> Element:
    return shown.the("li", _id=f"set-{key_of(path)}")


async def test_whoever_is_not_logged_in_is_led_to_the_login(api: Api) -> None:
    async with browser(api.app) as http:
        answer = await http.get("/?q=web")
        assert answer.status_code == 303
        assert answer.headers["location"] == "/page/login?then=%2F%3Fq%3Dweb"
        answer = await http.get("/page/events", headers={"Accept": "text/event-stream"})
        assert answer.status_code == 401


async def test_nothing_is_there_yet(api: Api) -> None:
    async with visitor(api) as http:
        shown = await page(http, "/")
    assert names(shown) == []
    assert "no scale set that you may read" in shown.the(_id="pages").text
    assert shown.the(_id="summary").text == "Nothing needs a person. 0 of 0 are being upgraded."


async def test_a_set_with_nothing_to_tell(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    await api.create()
    await api.add_machines(3)
    all_healthy_but(api, monkeypatch, "1")
    async with visitor(api) as http:
        shown = row(await page(http, "/"))
    assert (shown["data-set"], shown["data-state"], shown["data-red"]) == (SCALE_SET, "idle", "yes")
    assert shown.the("a")["href"] == SET
    for told in ("web Farm", "UbuntuServer 18.04-LTS", "no upgrade yet", f"3 on {OLD}", "2 of 3 healthy"):
        assert told in shown.text
    assert "by hand only" in shown.text
    assert "1 of 3 machines are unhealthy, over the limit of 20 %" in shown.text


async def test_an_upgrade_that_runs_is_told_with_how_far_it_is(api: Api) -> None:
    await api.create()
    await api.call("PATCH", SCALE_SET, ENABLE)
    status = ScaleSetStatus(enabled=True, next_look_at=api.clock() + timedelta(hours=1))
    api.store.statuses.write(api.stored().identity.unique_id, status, api.clock())
    counts = Counts(successful=4, failed=1, in_progress=3, pending=12)
    decided = (decision(api, 1, "batch", "batch 2: 4-7", 2),)
    api.store.upgrades.write(record(api, 1, api.clock(), counts=counts, decisions=decided, **RUNS))
    async with visitor(api) as http:
        shown = await page(http, "/")
    told = row(shown)
    assert (told["data-state"], told["data-red"]) == ("upgrading", "no")
    for words in (
        f"→ {NEW}",
        "5 of 20 machines done, 1 failed, 3 out now",
        "batch 2: 4-7",
        "next look 2026-03-01 13:00Z",
    ):
        assert words in told.text
    widths = [(one["class"], one["width"]) for one in told.all("rect")]
    assert widths == [
        ("part-none", "20"),
        ("part-good", "4"),
        ("part-bad", "1"),
        ("part-work", "3"),
        ("part-still", "12"),
    ]
    assert shown.the(_id="summary").text == "Nothing needs a person. 1 of 1 is being upgraded."


async def test_what_needs_a_person_comes_first_then_what_is_upgraded_then_the_rest_by_name(api: Api) -> None:
    for name in ("calm", "Busy", "sick", "web"):
        await api.create(path_of(name))
    error = UpgradeError(code="x", message="stopped: 5 of 20 sick")
    for name, changes in (("Busy", RUNS), ("sick", {"status": UpgradeStatus.FAULTED, "error": error})):
        one = record(api, 1, api.clock(), **changes)
        identity = api.stored(path_of(name)).identity
        api.store.upgrades.write(one.model_copy(update={"scale_set": identity}))
    async with visitor(api) as http:
        shown = await page(http, "/")
        assert names(shown) == ["sick", "Busy", "calm", "web"]
        assert "upgrade 1 is Faulted: stopped: 5 of 20 sick" in row(shown, path_of("sick")).text
        assert shown.the(_id="summary").text == "1 needs a person. 1 of 4 is being upgraded."
        for query, found in (
            ("q=s", ["sick", "Busy"]),
            ("q=WEB", ["web"]),
            (f"q={SUBSCRIPTION}/farm/c", ["calm"]),
            ("q=%3Cb%3E", []),
            ("state=upgrading", ["Busy"]),
            ("state=needs+a+person", ["sick"]),
            ("state=nonsense", ["sick", "Busy", "calm", "web"]),
            ("state=idle&q=s", ["sick"]),
        ):
            assert names(await page(http, f"/?{query}")) == found, query


@pytest.mark.parametrize("query", ["page=0", "page=x", "page=99999999999", f"q={'x' * 201}"])
async def test_nonsense_is_refused_as_a_page_that_says_why(api: Api, query: str) -> None:
    async with visitor(api) as http:
        shown = await page(http, f"/?{query}", 400)
        assert "is invalid" in shown.the("main").text
        answer = await http.get(f"/page/events?{query}", headers={"Accept": "text/event-stream"})
        assert answer.status_code == 400


async def test_only_what_the_visitor_may_read_is_shown(api: Api) -> None:
    await api.create()
    await api.create(path_of("db"))
    async with visitor(api, Role.READER, path_of("db")) as http:
        assert names(await page(http, "/")) == ["db"]
    async with visitor(api, Role.READER, GROUP + "2") as http:
        assert names(await page(http, "/")) == []


async def test_what_others_have_written_is_text_wherever_it_stands(api: Api) -> None:
    await api.create()
    unique_id, now = api.stored().identity.unique_id, api.clock()
    api.store.wishes.pause(unique_id, Pause(reason=MARKUP, by=MARKUP, since=now))
    decided = (decision(api, 1, "batch", MARKUP, 2),)
    api.store.upgrades.write(record(api, 1, now, decisions=decided, status=UpgradeStatus.FAULTED))
    async with visitor(api, name=MARKUP) as http:
        answer = await http.get("/", params={"q": f"{MARKUP}\"'"})
        assert "<img" not in answer.text
        answer = await http.get("/")
        assert "<img" not in answer.text
        assert answer.text.count("&lt;img src=x") >= 3


async def test_a_compute_that_is_slow_or_away_keeps_no_page_back(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    await api.create()
    await api.add_machines(2)

    async def away(*_: object) -> None:
        raise Unavailable("not now")

    monkeypatch.setattr(type(api.fleet), "list_instances", away)
    async with visitor(api) as http:
        assert "health not known yet" in row(await page(http, "/")).text

        async def never(*_: object) -> None:
            await asyncio.Event().wait()

        monkeypatch.setattr(type(api.fleet), "list_instances", never)
        monkeypatch.setattr(all_sets, "MACHINES_WITHIN", 0.05)
        assert "3 machines" in row(await page(http, "/")).text


async def test_what_the_api_refuses_is_shown_as_it_is(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    async with visitor(api) as http:

        def fails(*_: Any) -> None:
            raise RuntimeError

        monkeypatch.setattr(type(api.store.overviews), "of", fails)
        await api.create()
        shown = await page(http, "/", 500)
    assert "Something went wrong inside Instar" in shown.the("main").text
    assert "InternalServerError" in shown.the("main").text


async def test_five_hundred_sets_are_shown_by_pages_with_as_many_asks_and_queries_as_one(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    await api.create()
    async with visitor(api) as http:
        queries: list[str] = []
        event.listen(api.store.database._engine, "before_cursor_execute", lambda *given: queries.append(given[2]))
        asked = asks(monkeypatch)
        await page(http, "/")
        few, once = len(queries), list(asked)
        assert once == ["GET /instar/scaleSets"] * 2
        overview = (await api.get("/instar/scaleSets"))["value"][0]
        rows = [
            row_of({**overview, "id": f"{overview['id']}-{number:03}", "name": f"web-{number:03}"})
            for number in range(499)
        ]
        for number in range(ROWS + 10):
            await api.create(path_of(f"web-{number:03}"))
        queries.clear()
        asked.clear()
        shown = await page(http, "/?page=2")
        # One query for the health source of each set is the compute's part, which no page waits for long.
        assert asked == once
        assert len(queries) < few + 2 * (ROWS + 12)
        assert len(names(shown)) == 11
        assert shown.the("a", _id="page-before")["href"] == "/"
        assert shown.the(_id="pages")["data-pages"] == "2"
        assert names(await page(http, "/?page=9")) == names(shown)
    page_of_500 = listed(rows, Wanted(page=10))
    assert (page_of_500.pages, len(page_of_500.rows), page_of_500.found) == (10, 49, 499)
    assert in_order(rows) == rows


def test_the_states_that_are_offered_are_those_that_there_are() -> None:
    assert set(STATES[1:]) == {one.value for one in SetState}


async def test_a_set_of_many_versions_names_the_most_frequent(api: Api) -> None:
    await api.create()
    for number in range(7):
        model = {"properties": {"versions": {f"{n}.0": 10 - n for n in range(number)}}}
        overview = (await api.get("/instar/scaleSets"))["value"][0]
        told = row_of({**overview, "properties": overview["properties"] | model["properties"]})
        assert told.versions == tuple((f"{n}.0", 10 - n) for n in range(number))


async def test_lists_go_on_where_the_api_is_reached_below_another_path(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    services = api.app.state.services
    settings = services.settings.model_copy(update={"public_url": "https://farm.example/instar", "page_items": 1})
    api.app.state.services = dataclasses.replace(services, settings=settings)
    monkeypatch.setattr(all_sets, "AT_ONCE", "1")
    for name in ("web", "db", "jobs"):
        await api.create(SCALE_SET.replace("/web", f"/{name}"))
        hold = Hold(name=f"keeps-{name}", scope="/", reason="r", by="ann", since=api.clock())
        api.store.wishes.hold(hold, 10)
    async with visitor(api) as http:
        assert names(await page(http, "/")) == ["db", "jobs", "web"]
        steered = (await page(http, "/page/steering")).the("main").text
        assert all(f"keeps-{name}" in steered for name in ("web", "db", "jobs"))
