"""What a rollback would do now, over HTTP (docs/rules.md C3, R2)."""

from datetime import timedelta
from typing import Any

import pytest

from instar.compute.simulated.file.scripts import InstanceScript
from instar.domain.access import Grant, Role
from instar.domain.steering.rollout_policy import RolloutPolicy
from instar.domain.steering.wishes import Hold
from tests.api.conftest import GROUP, NEW, OLD, SCALE_SET, Api, error_of
from tests.api.steering.running import another_role, run_upgrade
from tests.api.steering.test_rollbacks import ROLLBACK, upgraded

PLAN = f"{ROLLBACK}/plan"


async def rested(api: Api, machines: int = 3) -> None:
    """Machines that were brought to NEW and have booted."""
    await upgraded(api, machines)
    api.clock.advance(timedelta(hours=1))
    api.gateway.sent.clear()


async def planned(api: Api, body: Any = None) -> dict[str, Any]:
    answer = await api.call("POST", PLAN, body)
    assert answer.status_code == 200, answer.text
    properties: dict[str, Any] = answer.json()["properties"]
    return properties


async def test_c3_r2_a_plan_tells_who_goes_back_in_which_batches_and_does_nothing(api: Api) -> None:
    await rested(api)
    operations = api.store.operations.running(api.stored().identity.unique_id)
    told = await planned(api)
    assert (told["target"]["version"], told["kind"], told["wouldBegin"]) == (OLD, "rollback", True)
    assert told["goesBackTo"] == [{"version": OLD, "generation": 1, "instances": "0-2", "newlyMade": False}]
    assert (told["quarantines"], told["sentence"]) == ([NEW], f"3 go back to {OLD} (0-2)")
    assert [(one["batch"], one["instances"], one["begins"][:16]) for one in told["batches"]] == [
        (1, "0", "2026-03-01T13:00"),
        (2, "1", "2026-03-01T13:05"),
        (3, "2", "2026-03-01T13:10"),
    ]
    assert (told["takes"], told["pace"]["by"], told["obstacles"]) == ("PT15M", "healthWait", [])
    assert told["instances"] == {"all": 3, "due": 3, "current": 0}
    assert api.gateway.sent == []
    assert api.store.operations.running(api.stored().identity.unique_id) == operations
    assert api.store.upgrades.last_number(api.stored().identity.unique_id) == 1


async def test_c3_r2_the_same_wishes_as_a_rollback_with_waves_and_windows(api: Api) -> None:
    await rested(api)
    policy = RolloutPolicy.model_validate(
        {"canary": {"instances": ["2"], "bake": "PT30M"}, "approval": "afterCanary",
         "windows": [{"from": "20:00", "to": "22:00", "timeZone": "UTC"}]}
    )  # fmt: skip
    unique_id = api.stored().identity.unique_id
    api.store.rollout_policies.put(unique_id, policy, "ann", api.clock(), "", lambda _: None)
    body = {"toVersion": OLD, "instances": ["0", "2"]}
    told = await planned(api, body)
    canary, rest = told["batches"]
    assert (canary["instances"], canary["wave"], canary["bake"]) == ("2", "canary", "PT30M")
    assert "outside of its windows" in canary["waits"]
    assert (rest["instances"], rest["gate"]) == ("0", "afterCanary")
    assert told["leftOut"] == [{"instances": "1", "reason": "not among the instances that were asked for"}]
    assert [(one["what"], one["override"], one["stops"]) for one in told["obstacles"]] == [("window", "window", False)]
    now = await planned(api, body | {"override": ["window"], "reason": "r"})
    assert (now["batches"][0]["begins"][:16], now["obstacles"]) == ("2026-03-01T13:00", [])


async def test_c3_r2_p2_a_sick_set_stops_it_and_the_override_that_helps_is_told(api: Api) -> None:
    await rested(api)
    for one in ("0", "1"):
        sick = InstanceScript(sick_from=api.clock() - timedelta(minutes=1))
        api.fleet.script_instance(api.stored().identity, one, sick)
    api.clock.advance(timedelta(minutes=1))
    told = await planned(api)
    [obstacle] = told["obstacles"]
    assert (obstacle["what"], obstacle["override"], told["wouldBegin"]) == ("unhealthySet", "unhealthySet", False)
    assert told["batches"] == []
    waived = await planned(api, {"override": ["unhealthySet"], "reason": "r"})
    assert ([one["size"] for one in waived["batches"]], waived["wouldBegin"]) == ([1, 1, 1], True)


async def test_c3_c2_r2_a_pause_and_what_runs_stop_it_and_a_hold_does_not(api: Api) -> None:
    await rested(api)
    api.store.wishes.hold(Hold(name="freeze", scope="/", reason="no", by="ann", since=api.clock()), 10)
    assert (await planned(api))["obstacles"] == []
    await api.call("POST", f"{SCALE_SET}/instar/pause", {"reason": "disk is full"})
    run_upgrade(api, 9)
    told = await planned(api)
    assert ([one["what"] for one in told["obstacles"]], told["wouldBegin"]) == (["upgrade", "pause"], False)
    assert len(told["batches"]) == 3, "what it would do once nothing stops it"


async def test_c3_r2_who_may_read_may_plan_and_go_nowhere(api: Api) -> None:
    await rested(api)
    async with another_role(api, Grant(Role.READER, GROUP)) as ask:
        answer = await ask("POST", PLAN, {"override": ["unhealthySet"], "reason": "r"})
        assert answer.status_code == 200, answer.text
        assert (await ask("POST", ROLLBACK, {})).status_code == 403
    async with another_role(api, Grant(Role.READER, f"{GROUP}2")) as ask:
        assert (await ask("POST", PLAN, {})).status_code == 403


@pytest.mark.parametrize(
    ("body", "target"),
    [({"version": OLD}, "version"), ({"toVersion": "9"}, ""), ({"instances": []}, "instances"),
     ({"instances": ["77"]}, ""), ({"override": ["hold"], "reason": "r"}, "override"),
     ({"override": ["window"]}, "reason")],
)  # fmt: skip
async def test_c3_r2_nonsense_is_refused_as_by_a_rollback(api: Api, body: Any, target: str) -> None:
    await rested(api)
    answer, real = await api.call("POST", PLAN, body), await api.call("POST", ROLLBACK, body)
    assert answer.status_code == (400 if target else 409)
    assert error_of(answer).get("target", "") == target
    assert error_of(answer) == error_of(real)


async def test_c3_r2_where_nobody_goes_it_says_why_and_while_the_compute_is_away_it_asks_to_wait(api: Api) -> None:
    await api.create()
    await api.add_machines(2)
    assert "nothing to go back to" in error_of(await api.call("POST", PLAN))["message"]
    api.fleet.away(api.clock() + timedelta(hours=1))
    assert (await api.call("POST", PLAN)).status_code == 503
