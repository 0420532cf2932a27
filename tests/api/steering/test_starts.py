"""Starting an upgrade as it is wished (docs/rules.md C4)."""

from datetime import timedelta
from typing import Any

import pytest

from instar.compute.errors import Unavailable
from instar.compute.simulated.fleet import SimulatedFleet
from instar.domain.access import Grant, Role
from instar.domain.machines.instance_ids import InstanceIds
from instar.domain.messages.scale_set import StartUpgrade
from instar.domain.messages.updates import kept, read
from instar.domain.records.progress import Outcome
from instar.domain.records.quarantine import Quarantine, QuarantinedVersion
from instar.domain.records.scale_set_status import ScaleSetStatus
from instar.domain.records.upgrades import Decision, InstanceRecord, UpgradeStart, UpgradeStatus
from instar.domain.steering.start_wishes import Limit, StartWishes
from instar.domain.steering.wishes import Hold
from tests.api.conftest import GROUP, NEW, OLD, SCALE_SET, Api, error_of
from tests.api.steering.running import another_role, run_upgrade

START = f"{SCALE_SET}/instar/upgrade"


async def there(api: Api, machines: int = 3) -> None:
    """A set with machines, and two versions on offer."""
    await api.create()
    await api.add_machines(machines)
    for version in (OLD, NEW):
        api.store.images.publish("Canonical", "UbuntuServer", "18.04-LTS", version, "westus2", {}, api.clock())
    api.gateway.sent.clear()


def quarantine(api: Api, version: str = NEW, generation: int = 1) -> None:
    entry = QuarantinedVersion(version=version, since=api.clock(), number=7, generation=generation, reason="all sick")
    status = ScaleSetStatus(quarantine=Quarantine(versions=(entry,)))
    api.store.statuses.write(api.stored().identity.unique_id, status, api.clock())


def sent(api: Api) -> StartWishes:
    [(_, message)] = api.gateway.sent
    assert isinstance(message, StartUpgrade)
    assert read(kept(message)) == message
    assert message.wishes is not None
    return message.wishes


async def refused(api: Api, body: Any) -> tuple[int, str, str]:
    before = api.store.operations.running(api.stored().identity.unique_id)
    answer = await api.call("POST", START, body)
    assert answer.status_code >= 400, answer.text
    assert api.gateway.sent == []
    assert api.store.operations.running(api.stored().identity.unique_id) == before
    error = error_of(answer)
    return answer.status_code, error.get("target", ""), error["message"]


async def test_c4_what_is_wished_travels_to_the_set(api: Api) -> None:
    await there(api)
    body = {"version": OLD, "instances": ["2", "0"], "rollback": "none", "override": ["window"], "reason": "go back"}
    answer = await api.call("POST", START, body)
    assert answer.status_code == 202, answer.text
    assert answer.headers["Azure-AsyncOperation"]
    wishes = sent(api)
    assert (wishes.version, wishes.instances.ranges, wishes.rolls_back) == (OLD, "0,2", False)
    assert (wishes.override, wishes.reason) == ((Limit.WINDOW,), "go back")
    assert wishes.by
    [entry] = [one for one in api.store.audit.newest(20) if one.resource == START]
    assert (entry.status, entry.reason) == (202, "override window: go back")


async def test_c4_with_nothing_wished_it_is_the_newest_for_all_and_rolls_back(api: Api) -> None:
    await there(api)
    assert (await api.call("POST", START)).status_code == 202
    wishes = sent(api)
    assert (wishes.version, wishes.instances, wishes.rolls_back, wishes.override) == ("", InstanceIds(), True, ())
    assert (await api.call("POST", f"{SCALE_SET}/osRollingUpgrade", {"version": "1"})).status_code == 202
    message = api.gateway.last
    assert isinstance(message, StartUpgrade)
    assert message.wishes is None, "Azure's own start stays as it is"
    assert "wishes" not in kept(message)


@pytest.mark.parametrize(
    ("body", "target"),
    [
        ({"verison": OLD}, "verison"),
        ({"version": "latest"}, "version"),
        ({"version": ""}, "version"),
        ({"version": "1" * 200}, "version"),
        ({"version": 5}, "version"),
        ({"version": "9.9.9"}, "version"),
        ({"instances": []}, "instances"),
        ({"instances": "all"}, "instances"),
        ({"instances": [0]}, "instances"),
        ({"instances": ["-1"]}, "instances"),
        ({"instances": ["٣"]}, "instances"),
        ({"instances": ["007"]}, "instances"),
        ({"instances": ["0", "77"]}, "instances"),
        ({"rollback": True}, "rollback"),
        ({"rollback": "manual"}, "rollback"),
        ({"rollback": ["auto"]}, "rollback"),
        ({"override": "hold", "reason": "r"}, "override"),
        ({"override": ["everything"], "reason": "r"}, "override"),
        ({"override": [[]], "reason": "r"}, "override"),
        ({"override": ["hold"]}, "reason"),
        ({"override": ["hold"], "reason": "  "}, "reason"),
        ({"reason": "x" * 501}, "reason"),
    ],
)
async def test_c4_nonsense_is_refused_by_name_at_once(api: Api, body: Any, target: str) -> None:
    await there(api)
    status, named, message = await refused(api, body)
    assert (status, named) == (400, target)
    assert message.endswith(".")


async def test_c4_an_unknown_version_and_instance_are_told_with_what_there_is(api: Api) -> None:
    await there(api)
    assert (await refused(api, {"version": "9.9.9"}))[2].endswith(f"the newest there are {NEW}, {OLD}.")
    assert (await refused(api, {"instances": ["1", "8", "9"]}))[2] == "The scale set 'web' has no instance 8-9."


async def test_c4_a_quarantined_version_says_so_and_takes_an_override(api: Api) -> None:
    await there(api)
    quarantine(api)
    for body in ({"version": NEW}, {"version": NEW, "override": ["hold"], "reason": "r"}):
        status, _, message = await refused(api, body)
        assert (status, "quarantined since upgrade 7 (all sick)" in message) == (409, True)
        assert "override 'quarantine'" in message
    assert (await api.call("POST", START, {"version": OLD})).status_code == 202, "it alone is quarantined"
    override = {"version": NEW, "override": ["quarantine"], "reason": "it is mended"}
    assert (await api.call("POST", START, override)).status_code == 202
    assert (await api.call("POST", START)).status_code == 202, "T4: unnamed, the newest whatever it is"


async def test_c4_what_was_quarantined_on_another_model_is_no_obstacle(api: Api) -> None:
    await there(api)
    quarantine(api)
    changed = await api.call(
        "PATCH",
        SCALE_SET,
        {"properties": {"virtualMachineProfile": {"osProfile": {"customData": "b3RoZXI="}}}},
    )
    assert changed.status_code == 200, changed.text
    api.end_operations()
    assert (await api.call("POST", START, {"version": NEW})).status_code == 202


async def test_c4_an_override_takes_the_role_owner_at_the_set(api: Api) -> None:
    await there(api)
    body = {"override": ["unhealthySet"], "reason": "out of a sick fleet"}
    async with another_role(api, Grant(Role.CONTRIBUTOR, GROUP)) as ask:
        answer = await ask("POST", START, body)
        assert answer.status_code == 403
        message = error_of(answer)["message"]
        assert "instar/override/action" in message
        assert "The role Owner there" in message
        assert api.gateway.sent == []
        assert (await ask("POST", START, {"reason": "r"})).status_code == 202, "without one it may"
    async with another_role(api, Grant(Role.OWNER, SCALE_SET)) as ask:
        assert (await ask("POST", START, body)).status_code == 202


async def test_c4_a_hold_is_waived_by_name_and_a_pause_by_nothing(api: Api) -> None:
    await there(api)
    api.store.wishes.hold(Hold(name="freeze", scope="/", reason="no", by="ann", since=api.clock()), 10)
    status, _, message = await refused(api, {"override": ["window", "unhealthySet"], "reason": "r"})
    assert (status, "held by 'freeze'" in message) == (409, True)
    assert (await api.call("POST", START, {"override": ["hold"], "reason": "r"})).status_code == 202
    api.gateway.sent.clear()
    api.end_operations()
    await api.call("POST", f"{SCALE_SET}/instar/pause", {"reason": "disk is full"})
    everything = {"override": [limit.value for limit in Limit], "reason": "r"}
    assert "paused by" in (await refused(api, everything))[2]


async def test_c4_those_that_failed_are_those_of_the_last_upgrade_that_are_still_there(api: Api) -> None:
    await there(api)
    assert "No upgrade" in (await refused(api, {"instances": "failed"}))[2]
    run_upgrade(api, 3)
    assert "runs" in (await refused(api, {"instances": "failed"}))[2]
    run_upgrade(api, 3, UpgradeStatus.COMPLETED)
    status, _, message = await refused(api, {"instances": "failed"})
    assert (status, "left no instance behind" in message) == (409, True)
    identity = api.stored().identity
    record = api.store.upgrades.get(identity.unique_id, 3)
    assert record is not None
    outcomes = {
        "0": Outcome.ROLLED_BACK, "1": Outcome.UPGRADED, "2": Outcome.SICK_BEFORE, "7": Outcome.FAILED,
        "8": Outcome.PENDING,
    }  # fmt: skip
    rows = tuple(InstanceRecord(ids=one, batch=1, outcome=outcome) for one, outcome in outcomes.items())
    api.store.upgrades.write(record.model_copy(update={"instances": rows}))
    assert (await api.call("POST", START, {"instances": "failed"})).status_code == 202
    assert sent(api).instances.ranges == "0,2", "7 is gone, 8 was not begun"


async def test_c4_where_the_compute_does_not_answer_the_set_judges_later(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    await there(api)

    async def away(*_given: Any) -> None:
        raise Unavailable("away")

    monkeypatch.setattr(SimulatedFleet, "list_instances", away)
    assert (await api.call("POST", START, {"instances": ["77"]})).status_code == 202
    run_upgrade(api, 3, UpgradeStatus.COMPLETED)
    answer = await api.call("POST", START, {"instances": "failed"})
    assert answer.status_code == 503, "whom it means cannot be told"


async def test_c4_the_record_shows_who_wished_what_in_latest_and_history(api: Api) -> None:
    await there(api)
    run_upgrade(api, 1, UpgradeStatus.COMPLETED)
    run_upgrade(api, 2)
    identity = api.stored().identity
    wishes = StartWishes(
        version=NEW, instances=InstanceIds(ranges="0-1"), rolls_back=False,
        override=(Limit.UNHEALTHY_SET, Limit.HOLD), reason="roll forward", by="ann",
    )  # fmt: skip
    record = api.store.upgrades.get(identity.unique_id, 2)
    assert record is not None
    first = Decision(sequence=1, at=api.clock(), batch=0, action="started", reason=wishes.sentence(NEW))
    begun = record.model_copy(update={"start": UpgradeStart(wishes=wishes), "decisions": (first,)})
    for _ in range(2):
        api.store.upgrades.write(begun)
    api.store.upgrades.write(record.model_copy(update={"decisions": (first.model_copy(update={"sequence": 2}),)}))
    told = {
        "by": "ann", "rollback": "none", "version": NEW, "instances": "0-1",
        "override": ["unhealthySet", "hold"], "reason": "roll forward",
    }  # fmt: skip
    assert (await api.get(f"{SCALE_SET}/rollingUpgrades/latest"))["properties"]["wishes"] == told
    newest, before = (await api.get(f"{SCALE_SET}/osUpgradeHistory"))["value"]
    assert newest["properties"]["wishes"] == told
    assert "wishes" not in before["properties"], "of Azure's own start nothing is added"
    api.clock.advance(timedelta(minutes=1))
    api.store.scale_sets.delete(identity.unique_id)
    assert api.store.upgrades.starts(identity.unique_id, [2]) == {}
