"""The machines of a set, as a table and one by one."""

import pytest

from instar.domain.access import Role
from tests.api.conftest import GROUP, NEW, OLD, Api
from tests.api.page.sets.looking_on import MARKUP, RUNS, SET, all_healthy_but, came_to, page, visitor
from tests.api.upgrades.test_rolling_upgrades import record

CELLS = f"{SET}/cells"
PART = {"HX-Request": "true"}


@pytest.fixture
async def machines(api: Api, monkeypatch: pytest.MonkeyPatch) -> Api:
    await api.create()
    await api.add_machines(250)
    all_healthy_but(api, monkeypatch, "7")
    outcomes = (came_to("0-9", "upgraded"), came_to("10", "failed", 2, MARKUP), came_to("11-249", "pending", 0))
    api.store.upgrades.write(record(api, 1, api.clock(), instances=outcomes, **RUNS))
    return api


async def test_the_table_has_every_machine_by_pages(machines: Api) -> None:
    async with visitor(machines) as http:
        seen: list[str] = []
        for number in (1, 2, 3):
            shown = await page(http, f"{CELLS}?page={number}")
            seen += [one["data-machine"] for one in shown.the("tbody").all("tr")]
            assert (
                shown.the("table", _id="machines")["data-page"],
                shown.the("table", _id="machines")["data-pages"],
            ) == (
                str(number),
                "3",
            )
        assert seen == [str(number) for number in range(250)]
        first = await page(http, CELLS)
        assert first.the("a", _id="page-next")["href"] == f"{CELLS}?page=2"
        row = next(one for one in first.all("tr", data_machine="10"))
        assert row.text == f"10 X failed Unhealthy {OLD} 2 0".replace("Unhealthy", "Healthy")
        assert next(row.all("a"))["href"] == f"{SET}/machines/10"
        last = await page(http, f"{CELLS}?page=99")
        assert last.the("table", _id="machines")["data-page"] == "3"


async def test_the_table_is_narrowed_to_what_machines_do(machines: Api) -> None:
    async with visitor(machines) as http:
        shown = await page(http, f"{CELLS}?doing=failed")
        assert [one["data-machine"] for one in shown.the("tbody").all("tr")] == ["10"]
        shown = await page(http, f"{CELLS}?doing=waiting")
        assert shown.the("a", _id="page-next")["href"] == f"{CELLS}?doing=waiting&page=2"
        assert [one["value"] for one in shown.all("option") if "selected" in one.attributes] == ["waiting"]
        assert "250 machines" in (await page(http, f"{CELLS}?doing=nonsense")).the("main").text
        assert (await http.get(f"{CELLS}?page=0")).status_code == 400


async def test_one_machine_tells_disks_health_and_what_became_of_it(machines: Api) -> None:
    async with visitor(machines) as http:
        shown = await page(http, f"{SET}/machines/7")
        assert "Unhealthy , looked at" in shown.the("dl").text
        for told in (f"of {OLD}", "running", "generation 1", "update domain", "lun 0"):
            assert told in shown.the("dl").text
        assert next(shown.all("h1")).text == "Machine 7 of web"
        row = shown.the("tbody").the("tr", data_upgrade="1")
        assert row.text == f"upgrade 1 {NEW} 2026-03-01 12:00Z 1 upgraded"
        assert next(row.all("a"))["href"] == f"{SET}/history/1"
        part = await http.get(f"{SET}/machines/10", headers=PART)
        assert part.text.lstrip().startswith("<article")
        assert "<img" not in part.text
        assert "&lt;img src=x" in part.text


async def test_a_machine_that_is_gone_or_never_was(machines: Api) -> None:
    identity = machines.stored().identity
    await machines.fleet.delete_instance(identity, "3")
    async with visitor(machines) as http:
        shown = await page(http, f"{SET}/machines/3")
        assert "not there any more" in shown.the("main").text
        assert "upgraded" in shown.the("tbody").the("tr", data_upgrade="1").text
        for name in ("250", "x", "%2e%2e", "7%2Finstar", "9" * 40):
            answer = await http.get(f"{SET}/machines/{name}")
            assert answer.status_code in (400, 404), name
        part = await http.get(f"{SET}/machines/250", headers=PART)
        assert (part.status_code, "html>" in part.text) == (404, False)
    async with visitor(machines, Role.READER, f"{GROUP}2") as http:
        for path in (CELLS, f"{SET}/machines/7"):
            await page(http, path, 403)
