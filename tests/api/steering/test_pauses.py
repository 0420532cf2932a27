"""Pausing and resuming over HTTP (docs/rules.md C1)."""

from datetime import timedelta
from typing import Any

import pytest

from instar.domain.access import Grant, Role
from instar.domain.records.upgrades import UpgradeStatus
from tests.api.conftest import GROUP, SCALE_SET, Api, error_of
from tests.api.steering.running import another_role, run_upgrade

PAUSE = f"{SCALE_SET}/instar/pause"
RESUME = f"{SCALE_SET}/instar/resume"
STATUS = f"{SCALE_SET}/instar/automaticOSUpgrades"


async def test_c1_a_pause_says_who_since_when_why_and_until_when(api: Api) -> None:
    await api.create()
    assert (await api.call("GET", PAUSE)).status_code == 404
    answer = await api.call("POST", PAUSE, {"reason": "disk is full", "until": "2026-03-01T15:00:00+02:00"})
    assert answer.status_code == 200, answer.text
    shown = await api.get(PAUSE)
    assert shown == answer.json()
    properties = shown["properties"]
    assert (properties["reason"], properties["since"]) == ("disk is full", "2026-03-01T12:00:00.1234+00:00")
    assert properties["until"] == "2026-03-01T13:00:00+00:00"
    assert properties["by"]
    status = (await api.get(STATUS))["properties"]
    assert status["paused"] == properties
    assert api.gateway.nudged == ["web"]
    [entry] = [one for one in api.store.audit.newest(20) if one.resource == PAUSE]
    assert (entry.status, entry.reason) == (200, "disk is full")


async def test_c1_a_pause_ends_by_itself_by_a_resume_and_with_its_set(api: Api) -> None:
    await api.create()
    await api.call("POST", PAUSE, {"reason": "r", "until": "2026-03-01T13:00:00Z"})
    api.clock.advance(timedelta(hours=1))
    assert (await api.call("GET", PAUSE)).status_code == 404
    assert "paused" not in (await api.get(STATUS))["properties"]
    await api.call("POST", PAUSE, {"reason": "r"})
    for _ in range(2):
        assert (await api.call("POST", RESUME)).status_code == 204
    assert (await api.call("GET", PAUSE)).status_code == 404
    await api.call("POST", PAUSE, {"reason": "r"})
    unique_id = api.stored().identity.unique_id
    api.store.scale_sets.delete(unique_id)
    assert api.store.wishes.pause_of(unique_id) is None


async def test_c1_a_start_by_hand_is_refused_while_paused(api: Api) -> None:
    await api.create()
    await api.add_machines(3)
    await api.call("POST", PAUSE, {"reason": "disk is full"})
    refused = await api.call("POST", f"{SCALE_SET}/osRollingUpgrade")
    assert refused.status_code == 409
    assert "paused by" in error_of(refused)["message"]
    assert "disk is full" in error_of(refused)["message"]
    await api.call("POST", RESUME)
    assert (await api.call("POST", f"{SCALE_SET}/osRollingUpgrade")).status_code == 202


async def test_c1_the_upgrade_that_runs_is_told_at_once(api: Api) -> None:
    await api.create()
    run_upgrade(api, 7)
    await api.call("POST", PAUSE, {"reason": "r"})
    await api.call("POST", RESUME)
    assert (api.gateway.looks_again, api.gateway.nudged) == ([7, 7], [])
    run_upgrade(api, 8, UpgradeStatus.COMPLETED)
    await api.call("POST", PAUSE, {"reason": "r"})
    assert (api.gateway.looks_again, api.gateway.nudged) == ([7, 7], ["web"])


async def test_c1_with_temporal_away_the_wish_is_written_down_all_the_same(api: Api) -> None:
    await api.create()
    api.gateway.up = False
    assert (await api.call("POST", PAUSE, {"reason": "r"})).status_code == 200
    assert (await api.call("GET", PAUSE)).status_code == 200


@pytest.mark.parametrize(
    ("body", "target"),
    [
        ({}, "reason"),
        ({"reason": ""}, "reason"),
        ({"reason": "  "}, "reason"),
        ({"reason": 7}, "reason"),
        ({"reason": "x" * 501}, "reason"),
        ({"reason": "r", "until": "tomorrow"}, "until"),
        ({"reason": "r", "until": 5}, "until"),
        ({"reason": "r", "until": "2026-03-01T13:00:00"}, "until"),
        ({"reason": "r", "until": "2026-03-01T11:00:00Z"}, "until"),
        ({"reason": "r", "untill": "2026-03-02T13:00:00Z"}, "untill"),
    ],
)
async def test_c1_nonsense_is_refused_by_name_and_nothing_is_paused(api: Api, body: Any, target: str) -> None:
    await api.create()
    answer = await api.call("POST", PAUSE, body)
    assert (answer.status_code, error_of(answer)["target"]) == (400, target)
    assert (await api.call("GET", PAUSE)).status_code == 404


async def test_c1_who_may_only_read_sees_a_pause_and_makes_none(api: Api) -> None:
    await api.create()
    await api.call("POST", PAUSE, {"reason": "r"})
    async with another_role(api, Grant(Role.READER, GROUP)) as ask:
        assert (await ask("GET", PAUSE, None)).status_code == 200
        assert (await ask("POST", PAUSE, {"reason": "r"})).status_code == 403
        assert (await ask("POST", RESUME, None)).status_code == 403
