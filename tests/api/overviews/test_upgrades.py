"""`GET …/instar/upgrades` and one of them: the upgrades that a set had."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from api.overviews.machines import versions_before
from instar.compute.errors import Unavailable
from instar.domain.machines.instances import Instance, OsDisk
from instar.domain.records.operation_keys import operation_key
from instar.domain.records.progress import Outcome
from instar.domain.records.upgrades import Decision, InstanceRecord, UpgradeKind, UpgradeStatus
from instar.domain.sets.policies import StartedBy
from tests.api.conftest import IMAGE, NEW, OLD, SCALE_SET, Api, error_of
from tests.api.upgrades.test_rolling_upgrades import record

UPGRADES = f"{SCALE_SET}/instar/upgrades"
KINDS = (UpgradeKind.OS_UPGRADE, UpgradeKind.MODEL_CHANGE, UpgradeKind.INSTANCE_ACTION, UpgradeKind.ROLLBACK)


def decision(api: Api, sequence: int, action: str, reason: str, batch: int = 0) -> Decision:
    return Decision(sequence=sequence, at=api.clock(), batch=batch, action=action, reason=reason)


async def numbers(api: Api, **query: Any) -> list[str]:
    return [one["name"] for one in (await api.get(UPGRADES, **query))["value"]]


async def with_upgrades(api: Api) -> None:
    await api.create()
    for number, kind in enumerate(KINDS, start=1):
        api.store.upgrades.write(record(api, number, api.clock(), kind=kind, started_by=StartedBy.USER))


async def test_a2_rolling_ones_of_every_kind_and_age_the_newest_first(api: Api) -> None:
    await api.create()
    assert await numbers(api) == []
    await with_upgrades_of_long_ago(api)
    assert await numbers(api) == ["4", "2", "1"]
    assert await numbers(api, kind="osUpgrade, MODELCHANGE") == ["2", "1"]
    assert await numbers(api, kind="instanceAction") == ["3"]
    assert await numbers(api, **{"$top": 2}) == ["4", "2"]


async def with_upgrades_of_long_ago(api: Api) -> None:
    for number, kind in enumerate(KINDS, start=1):
        long_ago = api.clock() - timedelta(days=900)
        api.store.upgrades.write(record(api, number, long_ago, kind=kind, started_by=StartedBy.USER))


async def test_p17_each_says_what_it_was_who_began_it_how_it_went_and_why(api: Api) -> None:
    await api.create()
    told = (decision(api, 1, "started", "pre-check"), decision(api, 2, "completed", "completed: all done", 3))
    api.store.upgrades.write(record(api, 1, api.clock(), decisions=told))
    api.store.upgrades.write(record(api, 2, api.clock(), decisions=told[:1], status=UpgradeStatus.FAULTED))
    newest, first = (await api.get(UPGRADES))["value"]
    assert (newest["name"], newest["properties"]["lastDecision"]["reason"]) == ("2", "pre-check")
    assert first["id"] == f"{UPGRADES}/1"
    properties = first["properties"]
    assert properties["kind"] == "osUpgrade"
    assert properties["targetVersion"] == NEW
    assert properties["startTime"] == "2026-03-01T12:00:00.1234+00:00"
    assert properties["endTime"] == "2026-03-01T12:10:00.1234+00:00"
    assert properties["batch"] == 3
    assert properties["lastDecision"]["reason"] == "completed: all done"
    assert properties["progress"] == {
        "successfulInstanceCount": 19,
        "failedInstanceCount": 1,
        "inProgressInstanceCount": 0,
        "pendingInstanceCount": 0,
        "rolledBackInstanceCount": 1,
        "needsPersonInstanceCount": 0,
        "skippedInstanceCount": 0,
    }


async def test_f10_what_a_running_one_waits_for_is_told_and_of_an_ended_one_nothing(api: Api) -> None:
    await api.create()
    unique_id = api.stored().identity.unique_id
    running = record(api, 1, api.clock(), status=UpgradeStatus.ROLLING_FORWARD, ended_at=None)
    api.store.upgrades.write(running)
    api.store.waits.say(unique_id, 1, "swap: too many calls", api.clock())
    [one] = (await api.get(UPGRADES))["value"]
    assert one["properties"]["waitsFor"] == "swap: too many calls"
    api.store.upgrades.write(running.model_copy(update={"status": UpgradeStatus.COMPLETED}))
    [one] = (await api.get(UPGRADES))["value"]
    assert "waitsFor" not in one["properties"]


async def test_one_upgrade_has_its_decisions_and_its_machines_where_they_are_asked_for(api: Api) -> None:
    await api.create()
    api.store.upgrades.write(
        record(
            api,
            1,
            api.clock(),
            decisions=(decision(api, 1, "started", "go"), decision(api, 2, "verdict", "go on", 1)),
            instances=(InstanceRecord(ids="7", batch=1, outcome=Outcome.ROLLED_BACK, reason="never healthy"),),
        )
    )
    for name in ("1", "latest", "LATEST"):
        plain = (await api.get(f"{UPGRADES}/{name}"))["properties"]
        assert plain["number"] == 1
        assert not {"decisions", "instances", "from"} & plain.keys()
    told = (await api.get(f"{UPGRADES}/1", **{"$expand": "decisions,instances"}))["properties"]
    assert [one["reason"] for one in told["decisions"]] == ["go", "go on"]
    assert told["instances"] == {"7": {"outcome": "rolledBack", "batch": 1, "reason": "never healthy"}}


@pytest.mark.parametrize("number", ["0", "-1", "x", "1.5", "٣", "9" * 30, "latest2"])
async def test_what_is_no_number_is_refused(api: Api, number: str) -> None:
    await with_upgrades(api)
    answer = await api.call("GET", f"{UPGRADES}/{number}")
    assert answer.status_code == 400
    assert error_of(answer)["target"] == "upgradeNumber"


async def test_what_was_never_begun_is_not_found_and_an_unknown_kind_is_refused(api: Api) -> None:
    await api.create()
    for number in ("latest", "1", "999999999"):
        answer = await api.call("GET", f"{UPGRADES}/{number}")
        assert answer.status_code == 404
        assert f"has no upgrade {number}" in error_of(answer)["message"]
    answer = await api.call("GET", UPGRADES, kind="upgrade")
    assert answer.status_code == 400
    assert "osUpgrade, modelChange, rollback, instanceAction" in error_of(answer)["message"]
    answer = await api.call("GET", UPGRADES.replace("/web/", "/nothing/"))
    assert answer.status_code == 404


async def test_where_it_takes_machines_from_is_told_by_their_disks(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    await api.create()
    await api.add_machines(2)
    members = InstanceRecord(ids="0", batch=1, outcome=Outcome.IN_PROGRESS)
    left_out = InstanceRecord(ids="1", batch=0, outcome=Outcome.SKIPPED)
    api.store.upgrades.write(record(api, 1, api.clock(), instances=(members, left_out)))
    latest = f"{UPGRADES}/latest"
    assert (await api.get(latest, **{"$expand": "from"}))["properties"]["from"] == [OLD]

    async def away(*_: object) -> None:
        raise Unavailable("not now")

    monkeypatch.setattr(type(api.fleet), "list_instances", away)
    assert (await api.get(latest, **{"$expand": "from"}))["properties"]["from"] == []


async def test_a_machine_that_was_moved_is_told_by_the_disk_that_was_put_aside(api: Api) -> None:
    await api.create()
    upgrade = record(api, 3, api.clock(), key="drawn")
    key = operation_key(upgrade.scale_set.unique_id, 3, "drawn")
    older = OsDisk("c", IMAGE.at("1.0"), replaced_by="else/1")
    aside = OsDisk("b", IMAGE.at("1.1"), made_by="else/1", replaced_by=key)
    moved = Instance("0", "v", OsDisk("a", IMAGE.at(NEW), made_by=key), 1, previous_os_disks=(aside, older))
    waiting = Instance("1", "v", OsDisk("a", IMAGE.at("1.2")), 1)
    current = Instance("2", "v", OsDisk("a", IMAGE.at(NEW)), 1)
    # Rolled back: what failed was put aside, and is no version that it came from.
    back = Instance(
        "3",
        "v",
        OsDisk("b", IMAGE.at("1.3")),
        1,
        previous_os_disks=(OsDisk("a", IMAGE.at(NEW), made_by=key, replaced_by=key),),
    )
    made = Instance("4", "v", None, 1)
    assert versions_before(upgrade, [moved, waiting, current, back, made]) == ["1.1", "1.2", "1.3"]
    later = replace(back, last_operation=upgrade.number + 1)
    assert versions_before(upgrade, [later]) == [], "what a later one gave it says nothing of this one"
    assert versions_before(upgrade, [replace(back, last_operation=upgrade.number)]) != []
