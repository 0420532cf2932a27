"""`GET /instar/scaleSets`: many sets at a glance."""

import json
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import event

from instar.compute.errors import Unavailable
from instar.domain.access import Grant, Role
from instar.domain.records.operations import OperationKind, OperationStatus
from instar.domain.records.progress import Counts
from instar.domain.records.quarantine import Quarantine, QuarantinedVersion
from instar.domain.records.scale_set_status import ScaleSetStatus
from instar.domain.records.upgrades import Decision, UpgradeKind, UpgradeStatus
from instar.domain.steering.wishes import Approval, Gate, Hold, Pause
from tests.api.conftest import ENABLE, GROUP, NEW, OLD, SCALE_SET, SECRETS, SUBSCRIPTION, Api, document, error_of
from tests.api.upgrades.test_rolling_upgrades import record

ALL = "/instar/scaleSets"
DB = SCALE_SET.replace("/web", "/db")


async def only(api: Api, **query: Any) -> dict[str, Any]:
    [one] = (await api.get(ALL, **query))["value"]
    return dict(one["properties"])


def decided(api: Api, action: str, reason: str, batch: int = 0) -> Decision:
    return Decision(sequence=1, at=api.clock(), batch=batch, action=action, reason=reason)


def running(api: Api, *decisions: Decision, **changes: Any) -> None:
    changes = {"status": UpgradeStatus.ROLLING_FORWARD, "ended_at": None, "decisions": decisions} | changes
    api.store.upgrades.write(record(api, 1, api.clock(), **changes))


async def test_a_set_with_nothing_to_tell(api: Api) -> None:
    await api.create()
    [one] = (await api.get(ALL))["value"]
    assert (one["id"], one["name"], one["type"], one["location"]) == (SCALE_SET, "web", "Instar/scaleSets", "westus2")
    told = one["properties"]
    assert told == {
        "subscriptionId": SUBSCRIPTION,
        "resourceGroup": "Farm",
        "provisioningState": "Succeeded",
        "image": {"publisher": "Canonical", "offer": "UbuntuServer", "sku": "18.04-LTS", "version": "latest"},
        "capacity": 3,
        "automatic": False,
        "state": "idle",
        "reason": "",
    }


async def test_the_state_of_its_operations_is_that_of_the_set_itself(api: Api) -> None:
    await api.call("PUT", SCALE_SET, document())
    seen = []
    for status in (OperationStatus.FAILED, OperationStatus.SUCCEEDED, OperationStatus.FAILED):
        seen += [await only(api)]
        assert seen[-1]["provisioningState"] == (await api.get(SCALE_SET))["properties"]["provisioningState"]
        api.store.operations.end(api.gateway.last.operation_id, status, api.clock())
        seen += [await only(api)]
        assert seen[-1]["provisioningState"] == (await api.get(SCALE_SET))["properties"]["provisioningState"]
        api.clock.advance(timedelta(minutes=1))
        tags = {"tags": {"run": str(len(seen))}, **ENABLE}
        await api.call("PATCH", SCALE_SET, tags)
    assert [one["provisioningState"] for one in seen][:5] == ["Creating", "Failed", "Updating", "Succeeded", "Updating"]


async def test_p17_an_upgrade_that_runs_is_told_with_what_it_does_and_how_far_it_is(api: Api) -> None:
    await api.create()
    running(api, decided(api, "batch", "batch 2: 4-7", 2), counts=Counts(successful=4, in_progress=4, pending=12))
    told = await only(api)
    assert (told["state"], told["reason"]) == ("upgrading", "batch 2: 4-7")
    upgrade = told["upgrade"]
    assert (upgrade["number"], upgrade["kind"], upgrade["startedBy"]) == (1, "osUpgrade", "Platform")
    assert (upgrade["targetVersion"], upgrade["status"], upgrade["batch"]) == (NEW, "RollingForward", 2)
    assert upgrade["progress"]["successfulInstanceCount"] == 4
    assert upgrade["progress"]["pendingInstanceCount"] == 12
    assert "endTime" not in upgrade


async def test_c1_a_parked_upgrade_says_what_for_and_since_when(api: Api) -> None:
    await api.create()
    reason = "paused by ann since 2026-03-01 12:00Z: full"
    running(api, decided(api, "parked", f"parked: {reason}"))
    api.store.waits.say(api.stored().identity.unique_id, 1, reason, api.clock())
    told = await only(api)
    assert (told["state"], told["reason"]) == ("parked", reason)
    assert told["upgrade"]["waitsFor"] == reason
    assert told["upgrade"]["waitsSince"] == "2026-03-01T12:00:00.1234+00:00"


async def test_g3_the_gate_at_which_a_person_is_waited_for_is_told_until_somebody_has_spoken(api: Api) -> None:
    await api.create()
    unique_id = api.stored().identity.unique_id
    running(api, decided(api, "approval", "parked: waits for an approval before its first batch"))
    api.store.wishes.ask(unique_id, 1, Gate.FIRST, api.clock())
    told = await only(api)
    assert told["state"] == "parked"
    assert told["approval"]["gate"] == "first"
    word = Approval(gate=Gate.FIRST, approved=True, by="ann", at=api.clock())
    api.store.wishes.approve(unique_id, 1, word)
    assert "approval" not in await only(api)


async def test_c1_c2_what_keeps_an_idle_set_back_is_told_while_it_lasts(api: Api) -> None:
    await api.create()
    unique_id, now = api.stored().identity.unique_id, api.clock()
    end = now + timedelta(hours=1)
    api.store.wishes.pause(unique_id, Pause(reason="full", by="ann", since=now, until=end))
    told = await only(api)
    assert (told["state"], told["reason"]) == ("paused", told["paused"]["sentence"])
    api.store.wishes.hold(Hold(name="freeze", scope=GROUP, reason="r", by="bob", since=now), 10)
    api.store.wishes.hold(Hold(name="other", scope=f"{GROUP}2", reason="r", by="bob", since=now), 10)
    told = await only(api)
    assert told["state"] == "held"
    assert [hold["name"] for hold in told["holds"]] == ["freeze"]
    assert "held by 'freeze'" in told["reason"]
    api.store.wishes.release("freeze", now)
    api.clock.advance(timedelta(hours=1))
    told = await only(api)
    assert (told["state"], "paused" in told, "holds" in told) == ("idle", False, False)


async def test_f7_t5_records_that_are_behind_and_quarantined_versions_are_told(api: Api) -> None:
    await api.create()
    entry = QuarantinedVersion(version=NEW, since=api.clock(), number=1, generation=1, reason="stopped")
    status = ScaleSetStatus(held="its records are older than its machines", quarantine=Quarantine(versions=(entry,)))
    api.store.statuses.write(api.stored().identity.unique_id, status, api.clock())
    told = await only(api)
    assert (told["state"], told["reason"]) == ("held", "its records are older than its machines")
    assert told["quarantined"] == [NEW]


async def test_a4_the_looks_are_told_where_upgrades_begin_by_themselves(api: Api) -> None:
    await api.create()
    await api.call("PATCH", SCALE_SET, ENABLE)
    now = api.clock()
    status = ScaleSetStatus(enabled=True, last_look_at=now, last_look="nothing newer", next_look_at=now)
    api.store.statuses.write(api.stored().identity.unique_id, status, now)
    told = await only(api)
    assert told["automatic"] is True
    assert told["lastLook"] == {"at": "2026-03-01T12:00:00.1234+00:00", "outcome": "nothing newer"}
    assert told["nextLookAt"] == "2026-03-01T12:00:00.1234+00:00"


async def test_the_newest_rolling_upgrade_is_told_and_no_action_on_machines(api: Api) -> None:
    await api.create()
    for number, kind in ((1, UpgradeKind.OS_UPGRADE), (2, UpgradeKind.MODEL_CHANGE), (3, UpgradeKind.INSTANCE_ACTION)):
        api.store.upgrades.write(record(api, number, api.clock(), kind=kind))
    told = await only(api)
    assert (told["upgrade"]["number"], told["upgrade"]["kind"], told["state"]) == (2, "modelChange", "idle")
    assert told["upgrade"]["endTime"]


async def test_versions_are_counted_on_the_machines_where_they_are_asked_for(api: Api) -> None:
    await api.create()
    await api.add_machines(2)
    assert "versions" not in await only(api)
    assert (await only(api, **{"$expand": "versions"}))["versions"] == {OLD: 2}


async def test_a_compute_that_does_not_answer_keeps_no_list_back(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    await api.create()
    await api.add_machines(1)

    async def away(*_: object) -> None:
        raise Unavailable("not now")

    monkeypatch.setattr(type(api.fleet), "list_instances", away)
    told = await only(api, **{"$expand": "versions"})
    assert told["state"] == "idle"
    assert "versions" not in told


async def test_a_list_has_as_many_queries_for_fifty_sets_as_for_one(api: Api) -> None:
    await api.create()
    asked: list[str] = []
    event.listen(api.store.database._engine, "before_cursor_execute", lambda *given: asked.append(given[2]))
    await api.get(ALL)
    few = len(asked)
    for number in range(49):
        await api.create(SCALE_SET.replace("/web", f"/web-{number}"))
    asked.clear()
    assert len((await api.get(ALL))["value"]) == 50
    assert len(asked) == few <= 16


async def token_of(api: Api, role: Role, scope: str) -> str:
    client, secret = api.store.credentials.create("reader", Grant(role, scope), api.clock())
    assert api.access.own is not None
    token = await api.access.own.issued(client.client_id, secret)
    assert token
    return token


async def test_only_what_the_caller_may_read_is_listed_and_no_secret(api: Api) -> None:
    await api.create()
    await api.create(DB)
    other = SCALE_SET.replace("/Farm/", "/Other/")
    await api.call("PUT", f"/subscriptions/{SUBSCRIPTION}/resourceGroups/Other", {"location": "westus2"})
    await api.create(other)
    for scope, expected in (
        ("/", [SCALE_SET, DB, other]),
        (GROUP.lower(), [SCALE_SET, DB]),
        (DB, [DB]),
        ("/subscriptions/elsewhere", []),
    ):
        token = await token_of(api, Role.READER, scope)
        headers = {"Authorization": f"Bearer {token}"}
        answer = await api.http.get(ALL, headers=headers, auth=None)
        assert answer.status_code == 200
        assert {one["id"] for one in answer.json()["value"]} == set(expected)
        assert not any(secret in json.dumps(answer.json()) for secret in SECRETS)


async def test_a_scope_narrows_the_list_and_nonsense_is_refused(api: Api) -> None:
    await api.create()
    await api.create(DB)
    for scope, names in (("/", ["db", "web"]), (f"{GROUP}/", ["db", "web"]), (DB.upper(), ["db"]), (f"{GROUP}2", [])):
        assert [one["name"] for one in (await api.get(ALL, scope=scope))["value"]] == names, scope
    for scope in ("", "x", "subscriptions/s", "/subscriptions/a b", "/subscriptions/s/x", "/\x00", "/subscriptions"):
        answer = await api.http.get(ALL, params={"scope": scope})
        assert answer.status_code == 400, scope
        assert error_of(answer)["target"] == "scope"
    answer = await api.http.get(ALL, params={"$expand": "machines"})
    assert answer.status_code == 400
    assert "it may be versions" in error_of(answer)["message"]


async def test_a_set_in_deletion_is_told_as_such(api: Api) -> None:
    await api.create()
    running(api, decided(api, "batch", "batch 1"))
    await api.call("DELETE", SCALE_SET)
    told = await only(api)
    assert (told["state"], told["provisioningState"]) == ("deleting", "Deleting")
    assert api.store.operations.running(api.stored().identity.unique_id)[-1].kind is OperationKind.DELETE


async def test_p2_health_is_counted_as_a_pre_check_would_where_it_is_asked_for(api: Api, sick: set[str]) -> None:
    await api.create()
    await api.add_machines(5)
    sick.add("1")
    assert "health" not in await only(api, **{"$expand": "versions"})
    told = await only(api, **{"$expand": "health"})
    assert told["versions"] == {OLD: 5}
    expected = {"all": 5, "healthy": 4, "unhealthy": 1, "starting": 0, "stopped": 0}
    assert told["health"] == {**expected, "limitPercent": 20, "overLimit": False}
    sick.add("2")
    api.clock.advance(timedelta(seconds=2))
    assert (await only(api, **{"$expand": "versions,health"}))["health"]["overLimit"] is True


async def test_b9_the_limit_is_that_of_the_next_upgrade(api: Api) -> None:
    await api.create(properties__upgradePolicy__rollingUpgradePolicy={"maxUnhealthyInstancePercent": 50})
    await api.add_machines(1)
    assert (await only(api, **{"$expand": "health"}))["health"]["limitPercent"] == 50
    await api.call("PATCH", SCALE_SET, ENABLE)
    assert (await only(api, **{"$expand": "health"}))["health"]["limitPercent"] == 20


async def test_health_that_nobody_has_looked_at_is_left_out_and_keeps_no_list_back(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    await api.create()
    await api.add_machines(1)

    async def away(*_: object) -> None:
        raise Unavailable("not now")

    monkeypatch.setattr(type(api.fleet), "observe_health", away)
    told = await only(api, **{"$expand": "health"})
    assert told["versions"] == {OLD: 1}
    assert "health" not in told


async def test_f6_f7_what_is_not_handed_over_and_records_that_are_behind_are_told(api: Api) -> None:
    await api.create()
    assert not {"handOver", "recordsBehind"} & set(await only(api))
    await api.call("PATCH", SCALE_SET, ENABLE)
    operation, unique_id = api.gateway.last.operation_id, api.stored().identity.unique_id
    api.store.waits.say(unique_id, 0, "the window of its rollout policy", api.clock())
    assert "handOver" not in await only(api)
    api.store.outbox.again(operation, "{}")
    api.store.waits.say(unique_id, 0, "", api.clock())
    api.store.outbox.not_taken(operation, "Temporal does not answer", api.clock())
    api.store.statuses.write(unique_id, ScaleSetStatus(held="its records are older"), api.clock())
    told = await only(api)
    assert told["handOver"] == {
        "operation": operation,
        "kind": "createOrUpdate",
        "waitsFor": "Temporal does not answer",
        "waitsSince": "2026-03-01T12:00:00.1234+00:00",
    }
    assert told["recordsBehind"] == "its records are older"
