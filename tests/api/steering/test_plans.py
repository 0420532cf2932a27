"""What a start would do now, over HTTP (docs/rules.md C3)."""

from datetime import timedelta
from typing import Any

import pytest

from instar.compute.simulated.file.scripts import InstanceScript
from instar.domain.access import Grant, Role
from instar.domain.records.upgrades import Decision, UpgradeRecord, UpgradeStatus
from instar.domain.steering.rollout_policy import RolloutPolicy
from instar.domain.steering.wishes import Hold
from tests.api.conftest import GROUP, NEW, OLD, SCALE_SET, Api, error_of
from tests.api.steering.running import another_role, run_upgrade
from tests.api.steering.test_starts import quarantine, there

PLAN = f"{SCALE_SET}/instar/plan"


async def planned(api: Api, body: Any = None) -> dict[str, Any]:
    answer = await api.call("POST", PLAN, body)
    assert answer.status_code == 200, answer.text
    properties: dict[str, Any] = answer.json()["properties"]
    return properties


async def rested(api: Api, machines: int = 3) -> None:
    """Machines that have booted."""
    await there(api, machines)
    api.clock.advance(timedelta(hours=1))


def ran(api: Api, number: int, *minutes: float) -> None:
    """An upgrade that took so long for each of its batches."""
    run_upgrade(api, number, UpgradeStatus.COMPLETED)
    record = api.store.upgrades.get(api.stored().identity.unique_id, number)
    assert isinstance(record, UpgradeRecord)
    at, decisions = api.clock(), list[Decision]()
    for length in minutes:
        for action, moment in (("batch", at), ("verdict", at + timedelta(minutes=length))):
            decisions.append(Decision(sequence=len(decisions) + 1, at=moment, batch=1, action=action, reason="r"))
    api.store.upgrades.write(record.model_copy(update={"decisions": tuple(decisions)}))


async def test_c3_a_plan_tells_the_batches_and_does_nothing(api: Api) -> None:
    await rested(api)
    operations = api.store.operations.running(api.stored().identity.unique_id)
    told = await planned(api)
    assert (told["target"]["version"], told["wouldBegin"], told["obstacles"]) == (NEW, True, [])
    assert [(one["batch"], one["instances"], one["begins"]) for one in told["batches"]] == [
        (1, "0", "2026-03-01T13:00:00.1234+00:00"),
        (2, "1", "2026-03-01T13:05:00.1234+00:00"),
        (3, "2", "2026-03-01T13:10:00.1234+00:00"),
    ]
    assert told["instances"] == {"all": 3, "due": 3, "current": 0}
    assert (told["takes"], told["pace"]["by"], told["rollback"]) == ("PT15M", "healthWait", "auto")
    assert api.gateway.sent == []
    assert api.store.operations.running(api.stored().identity.unique_id) == operations
    assert api.store.upgrades.latest(api.stored().identity.unique_id) is None


async def test_c3_the_same_wishes_as_a_start_with_windows_gates_and_waves(api: Api) -> None:
    await rested(api)
    policy = RolloutPolicy.model_validate(
        {
            "canary": {"instances": ["2"], "bake": "PT30M"}, "approval": "afterCanary",
            "windows": [{"from": "20:00", "to": "22:00", "timeZone": "UTC"}],
        }
    )  # fmt: skip
    unique_id = api.stored().identity.unique_id
    api.store.rollout_policies.put(unique_id, policy, "ann", api.clock(), "", lambda _: None)
    body = {"version": NEW, "instances": ["0", "2"], "rollback": "none"}
    told = await planned(api, body)
    canary, rest = told["batches"]
    assert (canary["instances"], canary["wave"], canary["bake"]) == ("2", "canary", "PT30M")
    assert canary["begins"].startswith("2026-03-01T20:00:00")
    assert "outside of its windows" in canary["waits"]
    assert (rest["gate"], rest["begins"][:16]) == ("afterCanary", "2026-03-01T20:35")
    assert told["leftOut"] == [{"instances": "1", "reason": "not among the instances that were asked for"}]
    assert [(one["what"], one["stops"]) for one in told["obstacles"]] == [("window", False)]
    assert (told["wouldBegin"], told["rollback"]) == (True, "none")
    now = await planned(api, body | {"override": ["window"], "reason": "r"})
    assert now["batches"][0]["begins"].startswith("2026-03-01T13:00:00")
    assert now["obstacles"] == []


async def test_c3_all_that_would_stop_it_is_told_at_once(api: Api) -> None:
    await rested(api)
    quarantine(api)
    api.store.wishes.hold(Hold(name="freeze", scope="/", reason="no", by="ann", since=api.clock()), 10)
    await api.call("POST", f"{SCALE_SET}/instar/pause", {"reason": "disk is full"})
    run_upgrade(api, 9)
    told = await planned(api, {"version": NEW})
    assert [one["what"] for one in told["obstacles"]] == ["upgrade", "hold", "pause", "quarantine"]
    assert told["wouldBegin"] is False
    assert len(told["batches"]) == 3, "what it would do once nothing stops it"
    override = {"version": NEW, "override": ["hold", "quarantine"], "reason": "r"}
    assert [one["what"] for one in (await planned(api, override))["obstacles"]] == ["upgrade", "pause"]


async def test_c3_p2_a_sick_set_would_not_be_upgraded(api: Api) -> None:
    await rested(api)
    sick = InstanceScript(sick_from=api.clock() - timedelta(minutes=1))
    api.fleet.script_instance(api.stored().identity, "0", sick)
    api.clock.advance(timedelta(minutes=1))
    told = await planned(api)
    assert told["batches"] == [], "one of three is sick: more than 20 %"
    [obstacle] = told["obstacles"]
    assert (obstacle["what"], obstacle["override"], told["wouldBegin"]) == ("unhealthySet", "unhealthySet", False)
    waived = await planned(api, {"override": ["unhealthySet"], "reason": "r"})
    assert sum(one["size"] for one in waived["batches"]) == 3


async def test_c3_how_long_it_takes_is_learnt_from_the_last_upgrade_that_came_to_a_verdict(api: Api) -> None:
    await rested(api)
    ran(api, 1, 40)
    ran(api, 2, 1, 3)
    ran(api, 3)
    told = await planned(api)
    assert told["pace"] == {"batch": "PT2M", "longest": "PT3M", "by": "lastUpgrades"}
    assert told["takes"] == "PT6M"


async def test_c3_who_may_read_may_plan_and_start_nothing(api: Api) -> None:
    await rested(api)
    async with another_role(api, Grant(Role.READER, GROUP)) as ask:
        answer = await ask("POST", PLAN, {"override": ["hold"], "reason": "r"})
        assert answer.status_code == 200, answer.text
        assert (await ask("POST", f"{SCALE_SET}/instar/upgrade", {})).status_code == 403
    async with another_role(api, Grant(Role.READER, f"{GROUP}2")) as ask:
        assert (await ask("POST", PLAN, {})).status_code == 403


@pytest.mark.parametrize(
    ("body", "target"),
    [({"verison": OLD}, "verison"), ({"version": "9.9"}, "version"), ({"instances": ["77"]}, "instances"),
     ({"override": ["hold"]}, "reason")],
)  # fmt: skip
async def test_c3_nonsense_is_refused_as_by_a_start(api: Api, body: Any, target: str) -> None:
    await rested(api)
    answer = await api.call("POST", PLAN, body)
    assert (answer.status_code, error_of(answer)["target"]) == (400, target)


async def test_c3_w4_limits_cut_batches_and_whose_turn_it_is_is_not_foretold(api: Api) -> None:
    await rested(api, 10)
    assert [one["size"] for one in (await planned(api))["batches"]] == [2] * 5
    body = {"scope": "/", "machinesOutAtOnce": 1, "upgradesAtOnce": 1, "reason": "one power feed"}
    assert (await api.call("PUT", "/instar/limits/all", body)).status_code == 201
    told = await planned(api)
    assert [one["size"] for one in told["batches"]] == [1] * 10
    assert told["remarks"] == ["it may have to wait for its turn, which is not counted here: all"]


async def test_c3_g2_judges_are_named_and_taken_to_say_yes(api: Api) -> None:
    await rested(api)
    judge = {"name": "slo", "place": "p", "origin": "https://slo.lan"}
    unique_id = api.stored().identity.unique_id
    policy = RolloutPolicy.model_validate({"judges": [judge]})
    api.store.rollout_policies.put(unique_id, policy, "ann", api.clock(), "", lambda _: None)
    told = await planned(api)
    assert (told["wouldBegin"], told["obstacles"], len(told["batches"])) == (True, [], 3)
    assert told["remarks"] == ["asked before each batch, and taken to say yes here: slo"]
