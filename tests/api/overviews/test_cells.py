"""`GET …/instar/machines` and one of them: what each machine of a set is doing."""

from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import event

from instar.compute.errors import Unavailable
from instar.domain.machines.instances import Instance, OsDisk
from instar.domain.records.upgrades import InstanceRecord, UpgradeKind, UpgradeStatus
from tests.api.conftest import NEW, OLD, SCALE_SET, Api, error_of
from tests.api.upgrades.test_rolling_upgrades import record

MACHINES = f"{SCALE_SET}/instar/machines"
RUNS: dict[str, Any] = {"status": UpgradeStatus.ROLLING_FORWARD, "ended_at": None}


def came_to(ids: str, outcome: str, batch: int = 1, reason: str = "") -> InstanceRecord:
    return InstanceRecord(ids=ids, batch=batch, outcome=outcome, reason=reason)


async def told(api: Api) -> dict[str, Any]:
    return dict((await api.get(MACHINES))["properties"])


async def doing(api: Api) -> dict[str, str]:
    """What the machines do, by their ids as ranges."""
    return {one["instances"]: one["doing"] for one in (await told(api))["groups"]}


async def test_p17_machines_that_are_told_alike_stand_together(api: Api, sick: set[str]) -> None:
    await api.create()
    await api.add_machines(10)
    sick.update("45")
    found = await told(api)
    assert found["groups"] == [
        {"doing": "healthy", "count": 8, "instances": "0-3,6-9", "batch": 0, "updateDomain": 0}
        | {"version": OLD, "health": "Healthy"},
        {"doing": "unhealthy", "count": 2, "instances": "4-5", "batch": 0, "updateDomain": 0}
        | {"version": OLD, "health": "Unhealthy"},
    ]
    assert found["health"] == {
        "all": 10,
        "healthy": 8,
        "unhealthy": 2,
        "starting": 0,
        "stopped": 0,
        "limitPercent": 20,
        "overLimit": False,
    }
    assert found["notObserved"] == 0
    assert "upgrade" not in found
    sick.add("6")
    api.clock.now = api.clock.now.replace(minute=5)
    assert (await told(api))["health"]["overLimit"] is True


async def test_p17_each_is_told_by_its_part_in_the_newest_upgrade(api: Api, sick: set[str]) -> None:
    await api.create()
    await api.add_machines(8)
    sick.add("5")
    outcomes = (
        came_to("0", "upgraded"),
        came_to("1-2", "inProgress", 2),
        came_to("3", "rolledBack"),
        came_to("4", "skipped", 0),
        came_to("5", "rollbackFailed"),
        came_to("6-7,9", "pending", 0),
    )
    api.store.upgrades.write(record(api, 3, api.clock(), instances=outcomes, **RUNS))
    assert await doing(api) == {
        "6-7": "waiting",
        "1-2": "swapping",
        "0": "healthy",
        "4": "skipped",
        "9": "vanished",
        "3": "rolledBack",
        "5": "needsPerson",
    }
    assert (await told(api))["upgrade"] == 3
    assert [one["batch"] for one in (await told(api))["groups"] if one["instances"] in ("1-2", "4")] == [2, 0]


async def test_p16_after_the_end_those_that_left_are_not_told_any_more(api: Api, sick: set[str]) -> None:
    await api.create()
    await api.add_machines(2)
    assert not sick
    outcomes = (came_to("0", "failed"), came_to("1", "upgraded"), came_to("2", "upgraded"))
    api.store.upgrades.write(record(api, 1, api.clock(), instances=outcomes, status=UpgradeStatus.FAULTED))
    assert await doing(api) == {"1": "healthy", "0": "failed"}


async def test_a_disk_of_the_upgrade_a_target_and_a_later_operation_are_seen(
    api: Api, sick: set[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    await api.create()
    await api.add_machines(4)
    assert not sick
    unique_id = api.stored().identity.unique_id
    target = record(api, 1, api.clock()).target

    async def listed(*_: Any) -> tuple[Instance, ...]:
        return tuple(moved)

    there = list(await api.fleet.list_instances(api.stored().identity))
    moved = [
        replace(there[0], os_disk=OsDisk("new-0", target, made_by=f"{unique_id}/1")),
        replace(there[1], os_disk=OsDisk("new-1", target, made_by=f"{unique_id}/1")),
        replace(there[2], last_operation=2),
        replace(there[3], last_operation=1),
    ]
    monkeypatch.setattr(type(api.fleet), "list_instances", listed)
    outcomes = (came_to("0", "inProgress"), came_to("1", "upgraded"), came_to("2-3", "failed"))
    api.store.upgrades.write(record(api, 1, api.clock(), instances=outcomes, **RUNS))
    assert await doing(api) == {"0": "healthWait", "1": "onTarget", "2": "healthy", "3": "failed"}
    groups = (await told(api))["groups"]
    assert [one["version"] for one in groups] == [NEW, NEW, OLD, OLD]


async def test_of_a_change_of_the_model_the_generation_is_the_target(api: Api, sick: set[str]) -> None:
    await api.create()
    await api.add_machines(2)
    assert not sick
    for generation, word in ((1, "onTarget"), (2, "healthy")):
        changes = {"kind": UpgradeKind.MODEL_CHANGE, "generation": generation}
        api.store.upgrades.write(record(api, generation, api.clock(), **changes))
        assert await doing(api) == {"0-1": word}


async def test_machines_that_nobody_has_looked_at_are_not_called_sick(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    await api.create()
    await api.add_machines(2)

    async def away(*_: object) -> None:
        raise Unavailable("not now")

    monkeypatch.setattr(type(api.fleet), "observe_health", away)
    monkeypatch.setattr("api.upgrades.looking.boots", lambda *_: False)
    assert await doing(api) == {"0-1": "notSeen"}
    assert (await told(api))["notObserved"] == 2


async def test_a_compute_that_does_not_answer_is_told(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    await api.create()

    async def away(*_: object) -> None:
        raise Unavailable("not now")

    monkeypatch.setattr(type(api.fleet), "list_instances", away)
    answer = await api.call("GET", MACHINES)
    assert answer.status_code == 503
    assert error_of(answer)["code"] == "ServiceUnavailable"


async def test_ten_thousand_machines_are_a_few_lines_and_as_many_queries_as_two(
    api: Api, sick: set[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    await api.create()
    await api.add_machines(2)
    assert not sick
    api.store.upgrades.write(record(api, 1, api.clock(), instances=(came_to("0-1", "pending", 0),), **RUNS))
    asked: list[str] = []
    event.listen(api.store.database._engine, "before_cursor_execute", lambda *given: asked.append(given[2]))
    await told(api)
    few = len(asked)
    one = (await api.fleet.list_instances(api.stored().identity))[0]
    many = tuple(replace(one, instance_id=str(number)) for number in range(10_000))

    async def listed(*_: Any) -> tuple[Instance, ...]:
        return many

    monkeypatch.setattr(type(api.fleet), "list_instances", listed)
    outcomes = (came_to("0-99", "upgraded"), came_to("100-9999", "pending", 0))
    api.store.upgrades.write(record(api, 1, api.clock(), instances=outcomes, **RUNS))
    api.clock.now = api.clock.now.replace(minute=5)
    asked.clear()
    answer = await api.call("GET", MACHINES)
    assert len(asked) == few
    assert len(answer.content) < 2_000
    assert sum(group["count"] for group in answer.json()["properties"]["groups"]) == 10_000


async def test_p17_one_machine_tells_what_became_of_it_in_each_upgrade(api: Api) -> None:
    await api.create()
    await api.add_machines(2)
    assert (await api.get(f"{MACHINES}/1"))["properties"] == {"upgrades": []}
    for number, (outcome, reason) in enumerate((("upgraded", ""), ("failed", "no answer")), start=1):
        rows = (came_to("0", "upgraded"), came_to("1", outcome, number, reason))
        api.store.upgrades.write(record(api, number, api.clock(), instances=rows))
    api.store.upgrades.write(record(api, 3, api.clock(), instances=(came_to("0,7", "upgraded"),)))
    found = (await api.get(f"{MACHINES}/1"))["properties"]["upgrades"]
    assert [(one["number"], one["outcome"], one["batch"], one["reason"]) for one in found] == [
        (2, "failed", 2, "no answer"),
        (1, "upgraded", 1, ""),
    ]
    assert (found[0]["targetVersion"], found[0]["kind"], found[0]["status"]) == (NEW, "osUpgrade", "Completed")
    assert len((await api.get(f"{MACHINES}/7"))["properties"]["upgrades"]) == 1


@pytest.mark.parametrize("name", ["2", "x", "0x1", "-1", "1.0", "9" * 30, "%00", "١"])
async def test_a_machine_that_never_was_is_not_found(api: Api, name: str) -> None:
    await api.create()
    await api.add_machines(2)
    answer = await api.call("GET", f"{MACHINES}/{name}")
    assert answer.status_code in (400, 404)
    assert error_of(answer)
