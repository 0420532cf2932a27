"""The history of a set on the page."""

import dataclasses
from datetime import timedelta

import pytest

from api.page.history import upgrades
from instar.connection.setting_groups import HooksSettings
from instar.domain.records.progress import Counts
from instar.domain.records.upgrades import ErrorDetail, UpgradeError, UpgradeKind, UpgradeStart, UpgradeStatus
from instar.domain.sets.names import os_upgrade_workflow_id
from instar.domain.sets.policies import StartedBy
from instar.domain.steering.start_wishes import StartWishes
from tests.api.conftest import NEW, SCALE_SET, Api
from tests.api.page.sets.looking_on import MARKUP, RUNS, SET, came_to, decision, page, visitor
from tests.api.upgrades.test_rolling_upgrades import record

HISTORY = f"{SET}/history"


async def test_a_set_without_a_past(api: Api) -> None:
    await api.create()
    async with visitor(api) as http:
        assert "Nothing was done" in (await page(http, HISTORY)).the("main").text
        for number in ("1", "0", "x", "9" * 30, "%2e%2e", "latest%2F"):
            answer = await http.get(f"{HISTORY}/{number}")
            assert answer.status_code in (400, 404), number
        assert (await http.get(f"{SET}x/history")).status_code == 404


async def test_all_of_every_kind_are_listed_the_newest_first_by_pages(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    await api.create()
    for number, kind in enumerate(UpgradeKind, start=1):
        api.store.upgrades.write(record(api, number, api.clock(), kind=kind, counts=Counts(successful=number)))
    async with visitor(api) as http:
        shown = list((await page(http, HISTORY)).the("ol", _id="upgrades").all("li"))
        assert [one["data-upgrade"] for one in shown] == ["4", "3", "2", "1"]
        assert [one.the("h2").text for one in shown] == [
            "single machines 4",
            f"rollback 3 to {NEW}",
            f"model change 2 to {NEW}",
            f"upgrade 1 to {NEW}",
        ]
        assert "3 done" in shown[1].text
        monkeypatch.setattr(upgrades, "LINES", "3")
        first = await page(http, HISTORY)
        assert len(list(first.the("ol").all("li"))) == 3
        older = await page(http, first.the("a", _id="page-next")["href"])
        assert [one["data-upgrade"] for one in older.the("ol").all("li")] == ["1"]
        assert (await http.get(f"{HISTORY}?after=nonsense")).status_code == 400


async def test_one_tells_every_decision_and_every_machine(api: Api) -> None:
    await api.create()
    error = UpgradeError(
        code="MaxUnhealthy", message="stopped: 2 of 4", details=(ErrorDetail(code="x", message="sick", target="web/3"),)
    )
    end = api.clock() + timedelta(minutes=3, seconds=20)
    wishes = StartWishes(by="ann", reason=MARKUP, override=("hold",))
    api.store.upgrades.write(
        record(
            api,
            1,
            api.clock(),
            started_by=StartedBy.USER,
            status=UpgradeStatus.FAULTED,
            ended_at=end,
            error=error,
            start=UpgradeStart(wishes=wishes),
            counts=Counts(successful=2, failed=2, rolled_back=1, skipped=1),
            decisions=(decision(api, 1, "started", MARKUP), decision(api, 2, "verdict", "stopped: 2 of 4", 1)),
            instances=(
                came_to("0,2", "upgraded"),
                came_to("1", "rolledBack", 1, "no answer"),
                came_to("3", "failed", 1, "no answer"),
                came_to("4", "skipped", 0, "protected"),
            ),
        )
    )
    async with visitor(api) as http:
        answer = await http.get(f"{HISTORY}/1")
        shown = await page(http, f"{HISTORY}/1")
    assert "<img" not in answer.text
    head = shown.the(_id="upgrade")
    assert head["data-status"] == "Faulted"
    for told in ("stopped: 2 of 4", "web/3 : sick", "by ann", "after 3 min 20 s", "override hold", "2 failed"):
        assert told in head.text, told
    rows = [one.text for one in shown.the("table", _id="became").the("tbody").all("tr")]
    assert rows == [
        "1 upgraded 2 0,2",
        "1 failed 1 3 no answer",
        "1 rolledBack 1 1 no answer",
        "skipped 1 4 protected",
    ]
    assert [one["id"] for one in shown.the("ol", _id="decisions").all("li")] == ["decision-1", "decision-2"]


async def test_n2_the_workflow_is_linked_where_temporals_page_is_known(api: Api) -> None:
    await api.create()
    api.store.upgrades.write(record(api, 1, api.clock(), **RUNS))
    api.store.upgrades.write(record(api, 2, api.clock(), kind=UpgradeKind.INSTANCE_ACTION))
    workflow = os_upgrade_workflow_id(api.stored().identity, 1)
    async with visitor(api) as http:
        shown = await page(http, f"{HISTORY}/1")
        assert not list(shown.all("a", _id="workflow"))
        assert workflow in shown.text
        before = api.app.state.services
        hooks = HooksSettings(temporal_page="https://temporal.example.com/")
        settings = before.settings.model_copy(update={"hooks": hooks})
        api.app.state.services = dataclasses.replace(before, settings=settings)
        shown = await page(http, f"{HISTORY}/1")
        link = shown.the("a", _id="workflow")
        assert link["href"].startswith("https://temporal.example.com/namespaces/default/workflows/os-upgrade%2Fweb-")
        assert link.text == workflow
        assert not list((await page(http, f"{HISTORY}/2")).all("a", _id="workflow"))
        assert SCALE_SET
