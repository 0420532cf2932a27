"""Limits over HTTP (docs/rules.md W4)."""

from typing import Any

import pytest

from api.upgrades.sweep import sweep
from instar.domain.access import Grant, Role
from instar.domain.messages.keepers import Keeps
from instar.domain.sets.names import TURNS
from instar.domain.steering.turns.turns import Turn
from tests.api.conftest import GROUP, SCALE_SET, SUBSCRIPTION, Api, error_of
from tests.api.steering.running import another_role, run_upgrade

ALL = "/instar/limits/all"
ONE = {"scope": "/", "upgradesAtOnce": 1}


def asks(api: Api, path: str = SCALE_SET, number: int = 1, wants: int = 5) -> None:
    stored = api.stored(path)
    turn = Turn(
        unique_id=stored.identity.unique_id,
        number=number,
        resource_id=stored.identity.resource_id,
        batch=1,
        since=api.clock(),
        wants=wants,
    )
    api.store.turns.ask(turn, api.clock())


async def two_upgrades(api: Api) -> str:
    """Both have asked, in that order: of web and of db."""
    other = SCALE_SET.replace("/web", "/db")
    for path in (SCALE_SET, other):
        await api.create(path)
        run_upgrade(api, 1, path=path)
        asks(api, path)
    return other


async def test_w4_a_limit_is_put_read_listed_changed_and_deleted(api: Api) -> None:
    made = await api.call("PUT", ALL, ONE | {"reason": "slowly"})
    assert made.status_code == 201, made.text
    body = made.json()
    assert body["id"] == ALL
    assert body["properties"] == ONE | {"now": {"upgrades": 0, "machinesOut": 0}, "holders": [], "waiting": []}
    assert (body["reason"], body["systemData"]["lastModifiedBy"]) == ("slowly", "owner")
    assert (await api.call("PUT", ALL, ONE | {"reason": "slowly"})).json()["etag"] == body["etag"], "nothing changed"
    changed = await api.call(
        "PUT", ALL.upper().replace("/INSTAR/LIMITS", "/instar/limits"), ONE | {"machinesOutAtOnce": 9}
    )
    assert changed.status_code == 200
    assert changed.headers["ETag"] != body["etag"]
    assert [one["name"] for one in (await api.get("/instar/limits"))["value"]] == ["ALL"]
    assert (await api.call("DELETE", ALL)).status_code == 200
    assert (await api.call("DELETE", ALL)).status_code == 204
    assert (await api.call("GET", ALL)).status_code == 404


async def test_w4_it_is_shown_who_holds_how_much_and_who_waits_for_what(api: Api) -> None:
    await api.call("PUT", ALL, ONE)
    other = await two_upgrades(api)
    shown = (await api.get(ALL))["properties"]
    assert shown["now"] == {"upgrades": 1, "machinesOut": 5}
    [holder], [waits] = shown["holders"], shown["waiting"]
    assert (holder["id"], holder["upgrade"], holder["machines"]) == (SCALE_SET, 1, 5)
    assert (waits["id"], waits["machines"]) == (other, 5)
    assert waits["waitsFor"] == "waits for its turn: 1 of 1 upgrades run (limit 'all')"


@pytest.mark.parametrize("change", ["delete", "raise", "move"])
async def test_w4_whoever_waits_for_a_limit_that_changes_is_told_at_once(api: Api, change: str) -> None:
    await api.call("PUT", ALL, ONE)
    await two_upgrades(api)
    api.gateway.looks_again.clear()
    match change:
        case "delete":
            await api.call("DELETE", ALL)
        case "raise":
            await api.call("PUT", ALL, {"scope": "/", "upgradesAtOnce": 2})
        case _:
            await api.call("PUT", ALL, ONE | {"scope": f"{GROUP}2"})
    assert api.gateway.looks_again == [1]


async def test_w4_who_runs_when_a_limit_is_made_counts_and_is_seen_to(api: Api) -> None:
    await api.create()
    run_upgrade(api, 4, batch=True)
    await api.call("PUT", ALL, ONE)
    assert (await api.get(ALL))["properties"]["now"]["upgrades"] == 1
    assert api.gateway.keepers == [Keeps(what=TURNS)]


async def test_w4_only_what_was_seen_is_changed(api: Api) -> None:
    tag = (await api.call("PUT", ALL, ONE)).headers["ETag"]
    await api.call("PUT", ALL, {"scope": "/", "upgradesAtOnce": 2})
    for method in ("PUT", "DELETE"):
        answer = await api.http.request(method, ALL, json=ONE, headers={"If-Match": tag})
        assert answer.status_code == 412, answer.text
    created = await api.http.request("PUT", ALL, json=ONE, headers={"If-None-Match": "*"})
    assert created.status_code == 412
    assert (await api.get(ALL))["properties"]["upgradesAtOnce"] == 2


@pytest.mark.parametrize(
    ("body", "target"),
    [
        ({}, "scope"),
        (ONE | {"upgradesAtOnce": 0}, "upgradesAtOnce"),
        (ONE | {"upgradesAtOnce": None}, ""),
        (ONE | {"scope": "web"}, "scope"),
        (ONE | {"scope": SCALE_SET + "/virtualMachines/0"}, "scope"),
        (ONE | {"until": "2026-12-01T06:00:00Z"}, "until"),
        (ONE | {"reason": 7}, "reason"),
        (ONE | {"reason": "x" * 501}, "reason"),
    ],
)
async def test_w4_nonsense_is_refused_by_name_and_nothing_is_limited(api: Api, body: Any, target: str) -> None:
    answer = await api.call("PUT", ALL, body)
    assert answer.status_code == 400, answer.text
    assert error_of(answer).get("target", "") == target
    assert (await api.get("/instar/limits"))["value"] == []
    assert (await api.call("PUT", "/instar/limits/-x", ONE)).status_code == 400


async def test_w4_a_role_at_the_scope_is_needed_and_others_are_not_shown(api: Api) -> None:
    await api.call("PUT", ALL, ONE)
    await api.call("PUT", "/instar/limits/far", ONE | {"scope": f"{GROUP}2"})
    await two_upgrades(api)
    async with another_role(api, Grant(Role.CONTRIBUTOR, GROUP)) as ask:
        assert (await ask("PUT", "/instar/limits/mine", ONE)).status_code == 403
        assert (await ask("PUT", ALL, ONE | {"scope": GROUP})).status_code == 403, "it is everybody's"
        assert (await ask("DELETE", ALL, None)).status_code == 403
        assert (await ask("PUT", "/instar/limits/mine", ONE | {"scope": GROUP})).status_code == 201
        assert [one["name"] for one in (await ask("GET", "/instar/limits", None)).json()["value"]] == ["all", "mine"]
        assert (await ask("GET", "/instar/limits/far", None)).status_code == 404
        assert (await ask("DELETE", "/instar/limits/far", None)).status_code == 204
    async with another_role(api, Grant(Role.READER, f"/subscriptions/{SUBSCRIPTION}/resourceGroups/Other")) as ask:
        shown = (await ask("GET", ALL, None)).json()["properties"]
        assert shown["now"]["upgrades"] == 1
        assert shown["holders"] == shown["waiting"] == [], "of sets that one may not read there is a number alone"


async def test_w4_there_is_an_end_to_how_many_there_may_be(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(api.store.turns.limits, "_at_most", 1)
    assert (await api.call("PUT", ALL, ONE)).status_code == 201
    answer = await api.call("PUT", "/instar/limits/other", ONE)
    assert (answer.status_code, error_of(answer)["code"]) == (409, "QuotaExceeded")
    assert (await api.call("PUT", ALL, ONE | {"upgradesAtOnce": 2})).status_code == 200


async def test_w4_what_went_wrong_with_a_set_is_found_by_the_sweep(api: Api) -> None:
    await api.call("PUT", ALL, ONE)
    other = await two_upgrades(api)
    api.gateway.keepers.clear()
    api.store.scale_sets.delete(api.stored().identity.unique_id)
    await sweep(api.app.state.services)
    assert api.gateway.keepers == [Keeps(what=TURNS)]
    [holder] = (await api.get(ALL))["properties"]["holders"]
    assert holder["id"] == other
