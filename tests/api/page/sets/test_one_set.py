"""The page of one set."""

import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from api.page.access.visitor import Visitor
from api.page.asking import Answer
from api.page.asking import Api as Asked
from api.page.live.parts import Parts, news
from api.page.sets import asked as asking
from api.page.sets.one_set import REASONS, OneSet
from instar.compute.errors import Unavailable
from instar.domain.access import Grant, Role
from instar.domain.records.progress import Counts
from instar.domain.records.quarantine import Quarantine, QuarantinedVersion
from instar.domain.records.scale_set_status import ScaleSetStatus
from instar.domain.records.upgrades import UpgradeStart, UpgradeStatus
from instar.domain.steering.start_wishes import StartWishes
from instar.domain.steering.wishes import Gate, Hold, Pause
from tests.api.conftest import GROUP, NEW, OLD, SCALE_SET, Api
from tests.api.page.reading import Element, read
from tests.api.page.sets.looking_on import MARKUP, RUNS, SET, all_healthy_but, asks, came_to, decision, page, visitor
from tests.api.upgrades.test_rolling_upgrades import record


async def running(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    """An upgrade of ten machines, in its second batch."""
    await api.create()
    await api.add_machines(10)
    all_healthy_but(api, monkeypatch, "2")
    decided = (
        decision(api, 1, "started", "pre-check: go on"),
        decision(api, 2, "batch", "batch 1: 0-1", 1),
        decision(api, 3, "verdict", "go on: 0 of 2", 1),
        decision(api, 4, "batch", "batch 2: 2-3", 2),
    )
    outcomes = (came_to("0-1", "upgraded"), came_to("2-3", "inProgress", 2), came_to("4-9", "pending", 0))
    start = UpgradeStart(wishes=StartWishes(by="ann", reason="it mends the leak"))
    counts = Counts(successful=2, in_progress=2, pending=6)
    changes: dict[str, Any] = {"decisions": decided, "instances": outcomes, "counts": counts, "start": start} | RUNS
    api.store.upgrades.write(record(api, 1, api.clock(), **changes))


async def test_the_head_says_what_runs_who_began_it_and_how_far_it_is(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    await running(api, monkeypatch)
    async with visitor(api) as http:
        shown = await page(http, SET)
    head = shown.the(_id="head")
    assert (head["data-state"], head["data-red"], head["data-upgrade"]) == ("upgrading", "no", "1")
    for told in (f"upgrade 1 to {NEW} from {OLD}", "by ann", "because: it mends the leak", "2 done", "2 out now"):
        assert told in head.text
    assert "6 waiting" in head.text
    assert "1 of 5 batches done" in head.the(_id="forecast").text
    assert "batch 2: 2-3" in head.the(_id="last-decision").text
    assert shown.the("head").the("title").text == "web: upgrading - Instar"
    assert shown.the("a", _id="to-history")["href"] == f"{SET}/history"


async def test_limits_stand_where_they_are(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    await running(api, monkeypatch)
    body = {"scope": GROUP, "upgradesAtOnce": 3, "machinesOutAtOnce": 50, "reason": "one power feed"}
    assert (await api.call("PUT", "/instar/limits/all", body)).status_code == 201
    body = {"scope": f"{GROUP}2", "upgradesAtOnce": 1, "reason": "elsewhere"}
    assert (await api.call("PUT", "/instar/limits/other", body)).status_code == 201
    async with visitor(api) as http:
        limits = (await page(http, SET)).the(_id="limits")
    told = {one["data-limit"]: (one["data-over"], one.text) for one in limits.all("li")}
    assert set(told) == {"unhealthy", "out of service", "failed in this upgrade", "limit 'all'"}
    assert told["unhealthy"][0] == "no"
    assert "1 of 10 machines unhealthy; more than 2 (20 %) stop it" in told["unhealthy"][1]
    assert "1 of 10 machines out of service; with a batch it may be 2 (20 %)" in told["out of service"][1]
    assert "0 of 4 machines of this upgrade failed until now" in told["failed in this upgrade"][1]
    assert f"2 of 50 machines out at once, on {GROUP}" in [one.text for one in limits.all("li")][-1]


async def test_a_limit_that_is_exceeded_says_so_in_words(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    await running(api, monkeypatch)
    all_healthy_but(api, monkeypatch, "2", "3", "4")
    async with visitor(api) as http:
        shown = await page(http, SET)
    over = [one for one in shown.the(_id="limits").all("li") if one["data-over"] == "yes"]
    assert [one["data-limit"] for one in over] == ["unhealthy", "out of service"]
    assert over[0].the("span", _class="name red-text").text == "unhealthy: over"
    assert "3 of 10 machines are unhealthy, over the limit of 20 %" in shown.the(_id="head").text


async def test_each_batch_has_a_bar_and_its_verdict(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    await running(api, monkeypatch)
    async with visitor(api) as http:
        shown = await page(http, SET)
    second, first = shown.the(_id="batches").all("li")
    assert (second["data-batch"], first["data-batch"]) == ("2", "1")
    assert "2 being swapped" in second.text
    assert "in work" in second.text
    assert "2 healthy" in first.text
    assert "go on: 0 of 2" in first.text
    assert [one["class"] for one in second.all("rect")] == ["part-none", "part-work"]


async def test_reasons_are_a_time_line_the_newest_first(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    await running(api, monkeypatch)
    many = tuple(decision(api, number, "verdict", f"number {number}", 1) for number in range(5, REASONS + 20))
    api.store.upgrades.write(record(api, 1, api.clock(), decisions=many, **RUNS))
    async with visitor(api) as http:
        shown = await page(http, SET)
    reasons = [one["id"] for one in shown.the(_id="reasons").all("li")]
    assert reasons == [f"reason-{number}" for number in range(REASONS + 19, 19, -1)]


async def test_every_machine_is_in_the_picture_and_its_legend(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    await running(api, monkeypatch)
    async with visitor(api) as http:
        shown = await page(http, SET)
    tally = {one["data-doing"]: int(one["data-count"]) for one in shown.the(_id="tally").all("li")}
    assert tally == {"waiting": 6, "swapping": 2, "healthy": 2}
    cells = shown.the(_id="cells")
    assert json.loads(cells["data-cells"])[0] == ["waiting", "4-9", 0, "", 0, OLD, "Healthy"]
    looks = json.loads(cells["data-looks"])
    assert set(tally) <= set(looks)
    assert len({look[0] for look in looks.values()}) == len(looks)
    assert cells["data-machines"] == f"{SET}/machines/"


async def test_what_keeps_it_back_is_told(api: Api) -> None:
    await api.create()
    unique_id, now = api.stored().identity.unique_id, api.clock()
    api.store.wishes.pause(unique_id, Pause(reason="full", by="ann", since=now))
    api.store.wishes.hold(Hold(name="freeze", scope=GROUP, reason="r", by="bob", since=now), 10)
    entry = QuarantinedVersion(version=NEW, since=now, number=1, generation=1, reason="5 of 20 sick")
    status = ScaleSetStatus(
        quarantine=Quarantine(versions=(entry,)), last_look_at=now, last_look="nothing newer", next_look_at=now
    )
    api.store.statuses.write(unique_id, status, now)
    body = {"properties": {"waves": [1, "20%"], "canary": {"bake": "PT1H"}}, "reason": "r"}
    assert (await api.call("PUT", f"{SCALE_SET}/instar/rolloutPolicy", body)).status_code == 201
    async with visitor(api) as http:
        shown = await page(http, SET)
    facts, head = shown.the(_id="facts").text, shown.the(_id="head")
    for told in ("paused by ann", "held by 'freeze'", f"{NEW} since", "5 of 20 sick", "last look", "nothing newer"):
        assert told in facts
    assert "this set's own: waves 1, 20% canary bake PT1H" in facts
    assert [one.text.partition(":")[0] for one in head.all("p", _class="note bad why")] == [
        "held with no end",
        "paused with no end",
        "quarantined",
    ]
    assert "No upgrade yet" in head.text


async def test_c6_g3_what_is_waited_for_and_since_when(api: Api) -> None:
    await api.create()
    unique_id = api.stored().identity.unique_id
    reason = "waits for an approval before its first batch"
    decided = (decision(api, 1, "approval", f"parked: {reason}"),)
    api.store.upgrades.write(record(api, 1, api.clock(), decisions=decided, **RUNS))
    api.store.waits.say(unique_id, 1, reason, api.clock())
    api.store.wishes.ask(unique_id, 1, Gate.FIRST, api.clock())
    async with visitor(api) as http:
        shown = await page(http, SET)
    assert shown.the(_id="waits").text == f"waits for: {reason}, since 2026-03-01 12:00Z"
    assert shown.the(_id="head")["data-red"] == "yes"
    assert "an approval is waited for, at the gate 'first'" in shown.the(_id="head").text


async def test_a_faulted_upgrade_tells_why_and_which_machines(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    await running(api, monkeypatch)
    outcomes = (came_to("2", "rollbackFailed", 2, "no answer"), came_to("3", "rolledBack", 2))
    end = api.clock() + timedelta(minutes=3)
    counts = Counts(successful=2, failed=2, rolled_back=1, rollback_failed=1, pending=6)
    api.store.upgrades.write(
        record(
            api,
            1,
            api.clock(),
            instances=outcomes,
            counts=counts,
            status=UpgradeStatus.FAULTED,
            ended_at=end,
            decisions=(decision(api, 5, "faulted", "stopped: 2 of 4", 2),),
        )
    )
    async with visitor(api) as http:
        shown = await page(http, SET)
    head = shown.the(_id="head")
    assert (head["data-red"], head["data-status"], head["data-state"]) == ("yes", "Faulted", "idle")
    for told in ("upgrade 1 is Faulted: stopped: 2 of 4", "after 3 min", "1 machine is not healthy after the rollback"):
        assert told in head.text
    tally = {one["data-doing"]: int(one["data-count"]) for one in shown.the(_id="tally").all("li")}
    assert tally == {"healthy": 8, "rolledBack": 1, "needsPerson": 1}


async def test_a_set_that_is_not_there_or_not_for_this_visitor(api: Api) -> None:
    await api.create()
    async with visitor(api) as http:
        shown = await page(http, f"{SET}x", 404)
        assert "was not found" in shown.the("main").text
        assert (await http.get(f"{SET}%00")).status_code == 400
        assert (await http.get(SET.replace("/page/sets/", "/page/sets/x/"))).status_code == 404
    async with visitor(api, Role.READER, f"{GROUP}2") as http:
        shown = await page(http, SET, 403)
        assert "does not have authorization" in shown.the("main").text


async def test_machines_that_are_not_told_are_said_not_to_be_and_the_rest_is_shown(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    await running(api, monkeypatch)

    async def away(*_: object) -> None:
        raise Unavailable("not now")

    monkeypatch.setattr(type(api.fleet), "list_instances", away)
    async with visitor(api) as http:
        shown = await page(http, SET)
    assert "not known just now: machines: What runs the machines" in shown.the(_id="head").text
    assert shown.the(_id="cells")["data-cells"] == ""
    assert shown.the(_id="tally").text == "not known just now"
    assert "no machines" not in shown.the("main").text
    assert "batch 2: 2-3" in shown.the(_id="reasons").text


async def test_a_forecast_is_not_told_on_once_there_is_none_any_more(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    await running(api, monkeypatch)
    monkeypatch.setattr(asking, "WHILE_IT_RUNS", 0.0)
    monkeypatch.setattr(asking, "FORECAST_WITHIN", 60.0)
    there, question = owner(api), OneSet(SCALE_SET, (), api.clock)
    assert (await question.look(there)).told.forecast

    ask = Asked.ask

    async def away(self: Asked, method: str, path: str, **more: Any) -> Answer:
        return Answer(503) if path.endswith("/rollingUpgrades/latest") else await ask(self, method, path, **more)

    monkeypatch.setattr(Asked, "ask", away)
    assert (await question.look(there)).told.forecast == {}
    question.close()


async def test_a_visitor_of_one_set_is_refused_nothing_for_the_default_policy(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    await api.create()
    async with visitor(api, Role.READER, SCALE_SET) as http:
        asked = asks(monkeypatch)
        shown = await page(http, SET)
    assert "GET /instar/rolloutPolicy" not in asked
    assert "not known" in shown.the(_id="facts").text


async def test_what_others_have_written_is_text_in_the_page_and_in_what_is_sent(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    await running(api, monkeypatch)
    unique_id, now = api.stored().identity.unique_id, api.clock()
    api.store.wishes.pause(unique_id, Pause(reason=MARKUP, by=MARKUP, since=now))
    start = UpgradeStart(wishes=StartWishes(by=MARKUP, reason=MARKUP))
    changes: dict[str, Any] = {"decisions": (decision(api, 1, MARKUP, MARKUP, 1),), "start": start} | RUNS
    api.store.upgrades.write(record(api, 2, now, **changes))
    api.store.waits.say(unique_id, 2, MARKUP, now)
    async with visitor(api) as http:
        answer = await http.get(SET)
    assert "<img" not in answer.text
    assert answer.text.count("&lt;img src=x") >= 8
    for part in (one for event, one in news(None, await parts_of(api)) if event == "changes"):
        assert "<img" not in part


def owner(api: Api) -> Asked:
    assert api.http.auth is not None
    token = next(api.http.auth.auth_flow(api.http.build_request("GET", "/"))).headers["authorization"].split()[1]
    return Asked(api.app, "http://page.test", ("127.0.0.1", 1), Visitor("ann", token, ""))


async def parts_of(api: Api) -> Parts:
    return (await OneSet(SCALE_SET, (Grant(Role.OWNER, "/"),), api.clock).look(owner(api))).parts()


async def test_what_is_sent_is_what_the_page_shows(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    await running(api, monkeypatch)
    async with visitor(api) as http:
        shown = await page(http, SET)
    parts = await parts_of(api)
    for name in parts.fragments:
        assert shown.the(_id=name).text == only(read(parts.fragments[name])).text
    assert [one["id"] for one in shown.the(_id="reasons").all("li")] == list(parts.rows)


def only(document: Element) -> Element:
    [one] = [one for one in document.within if not isinstance(one, str)]
    return one


async def test_ten_thousand_machines_cost_as_many_asks_as_ten_and_a_page_of_some_kilobytes(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    await running(api, monkeypatch)
    async with visitor(api) as http:
        asked = asks(monkeypatch)
        few = len((await http.get(SET)).text)
        once = sorted(asked)
        one = (await api.fleet.list_instances(api.stored().identity))[0]
        many = tuple(replace(one, instance_id=str(number), zone=str(number % 3 + 1)) for number in range(10_000))

        async def listed(*_: Any) -> Any:
            return many

        monkeypatch.setattr(type(api.fleet), "list_instances", listed)
        outcomes = (
            came_to("0-1999", "upgraded"),
            came_to("2000-3999", "inProgress", 2),
            came_to("4000-9999", "pending", 0),
        )
        api.store.upgrades.write(record(api, 1, api.clock(), instances=outcomes, **RUNS))
        api.clock.advance(timedelta(seconds=10))
        asked.clear()
        answer = await http.get(SET)
        # For the forecast, and for the versions that they came from, all are looked at once more: the stream brings it.
        less = [one for one in once if "rollingUpgrades" not in one]
        less.remove(next(one for one in once if one.endswith("upgrades/latest")))
        assert sorted(asked) == less
    assert sum(int(one["data-count"]) for one in read(answer.text).the(_id="tally").all("li")) == 10_000
    assert len(answer.text) < few + 120_000
