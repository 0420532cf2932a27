"""Going back, and how long what is gone back to is kept, over HTTP (docs/rules.md R1, R2, C5, P5)."""

from datetime import timedelta
from typing import Any

import pytest

from instar.compute.provider import Effect, Fence, MachineModel, Step
from instar.domain.access import Grant, Role
from instar.domain.machines.instance_ids import InstanceIds
from instar.domain.messages.scale_set import CancelUpgrade, StartUpgrade
from instar.domain.records.progress import Counts
from instar.domain.records.upgrades import UpgradeKind, UpgradeRecord, UpgradeStatus
from instar.domain.records.way_back import GoingBack, WayBack
from instar.domain.sets.policies import RollingUpgradePolicy, StartedBy
from instar.domain.steering.start_wishes import Limit
from tests.api.conftest import GROUP, IMAGE, NEW, OLD, SCALE_SET, Api, error_of
from tests.api.steering.running import another_role, run_upgrade

ROLLBACK = f"{SCALE_SET}/instar/rollback"
CANCEL = f"{SCALE_SET}/instar/cancel"
RETENTION = f"{SCALE_SET}/instar/retention"


async def upgraded(api: Api, count: int = 3) -> None:
    """A set whose machines were brought to NEW by upgrade 1, which has ended now."""
    await api.create()
    await api.add_machines(count)
    for version in (OLD, NEW):
        api.store.images.publish("Canonical", "UbuntuServer", "18.04-LTS", version, "westus2", {}, api.clock())
    stored = api.stored()
    for number in range(count):
        effect = Effect(stored.identity, Fence(1, Step.SWAP, 1), str(number), 1)
        model = MachineModel(generation=stored.machine_generation, data_disks=1)
        await api.fleet.swap_os_disk(effect, IMAGE.at(NEW), model)
    run_upgrade(api, 1, UpgradeStatus.COMPLETED)


async def test_r1_what_each_machine_could_go_back_to_since_when_and_until_when(api: Api) -> None:
    await upgraded(api)
    shown = await api.get(ROLLBACK)
    properties = shown["properties"]
    assert properties["sentence"] == f"3 go back to {OLD} (0-2)"
    assert properties["goesBackTo"] == [{"version": OLD, "generation": 1, "instances": "0-2", "newlyMade": False}]
    assert (properties["alreadyThere"], properties["leftOut"]) == ("", [])
    assert properties["retention"] == {"keepPreviousDisks": "P1D", "isOwn": False}
    [first, *_] = properties["instances"]
    assert (first["instanceId"], first["version"], first["generation"]) == ("0", NEW, 1)
    assert first["goesBackTo"] == {"version": OLD, "generation": 1, "newlyMade": False}
    [kept] = first["kept"]
    assert (kept["version"], kept["replacedBy"]) == (OLD, 1)
    assert kept["since"].startswith("2026-03-01T12:00:00")
    assert kept["until"].startswith("2026-03-02T12:00:00")


async def test_r2_a_rollback_is_a_start_with_that_wish(api: Api) -> None:
    await upgraded(api)
    body = {"instances": ["2", "0"], "toVersion": OLD, "reason": "errors went up"}
    answer = await api.call("POST", ROLLBACK, body)
    assert answer.status_code == 202, answer.text
    assert answer.headers["Azure-AsyncOperation"]
    message = api.gateway.last
    assert isinstance(message, StartUpgrade)
    assert message.wishes is not None
    wishes = message.wishes
    assert (wishes.goes_back, wishes.version, wishes.instances) == (True, OLD, InstanceIds(ranges="0,2"))
    assert (wishes.reason, bool(wishes.by)) == ("errors went up", True)
    [entry] = [one for one in api.store.audit.newest(20) if one.resource == ROLLBACK]
    assert (entry.status, entry.reason) == (202, "errors went up")
    assert (await api.call("POST", ROLLBACK)).status_code == 202, "all of it may be left out"


async def test_r2_c4_an_override_takes_an_owner_and_a_reason_and_is_in_the_audit_log(api: Api) -> None:
    await upgraded(api)
    body = {"override": ["unhealthySet", "window"], "reason": "all sick"}
    async with another_role(api, Grant(Role.CONTRIBUTOR, GROUP)) as ask:
        sent = len(api.gateway.sent)
        refused = await ask("POST", ROLLBACK, body)
        assert (refused.status_code, "instar/override/action" in error_of(refused)["message"]) == (403, True)
        assert len(api.gateway.sent) == sent
    async with another_role(api, Grant(Role.OWNER, SCALE_SET)) as ask:
        assert (await ask("POST", ROLLBACK, body)).status_code == 202
    message = api.gateway.last
    assert isinstance(message, StartUpgrade)
    assert message.wishes is not None
    assert message.wishes.override == (Limit.UNHEALTHY_SET, Limit.WINDOW)
    assert message.wishes.goes_back
    reasons = [one.reason for one in api.store.audit.newest(20) if (one.resource, one.status) == (ROLLBACK, 202)]
    assert reasons == ["override unhealthySet, window: all sick"]


async def test_r2_c4_what_waives_nothing_of_a_rollback_is_refused_with_what_does(api: Api) -> None:
    await upgraded(api)
    for limit, why in (("quarantine", "'toVersion'"), ("hold", "no hold keeps a rollback back")):
        refused = await api.call("POST", ROLLBACK, {"override": ["unhealthySet", limit], "reason": "r"})
        assert (refused.status_code, error_of(refused)["target"]) == (400, "override")
        message = error_of(refused)["message"]
        assert message.startswith(f"'{limit}' is nothing to waive here: ")
        assert why in message
        assert message.endswith("Known: unhealthySet, window.")


@pytest.mark.parametrize(
    ("body", "target"),
    [
        ({"override": "unhealthySet", "reason": "r"}, "override"),
        ({"override": ["unhealthySet", 7], "reason": "r"}, "override"),
        ({"override": ["everything"], "reason": "r"}, "override"),
        ({"override": ["unhealthySet"]}, "reason"),
        ({"override": ["unhealthySet"], "reason": " "}, "reason"),
        ({"instances": []}, "instances"),
        ({"instances": "0"}, "instances"),
        ({"instances": "failed"}, "instances"),
        ({"instances": [0]}, "instances"),
        ({"instances": ["٣"]}, "instances"),
        ({"instances": ["9" * 30]}, "instances"),
        ({"toVersion": "latest"}, "toVersion"),
        ({"toVersion": 7}, "toVersion"),
        ({"toVersion": ""}, "toVersion"),
        ({"to": OLD}, "to"),
        ({"reason": 7}, "reason"),
    ],
)
async def test_r2_nonsense_is_refused_by_name(api: Api, body: Any, target: str) -> None:
    await upgraded(api)
    sent = len(api.gateway.sent)
    answer = await api.call("POST", ROLLBACK, body)
    assert (answer.status_code, error_of(answer)["target"]) == (400, target)
    assert len(api.gateway.sent) == sent


async def test_r2_what_has_nothing_to_go_back_to_is_refused_with_a_sentence(api: Api) -> None:
    await api.create()
    await api.add_machines(2)
    refused = await api.call("POST", ROLLBACK)
    assert refused.status_code == 409
    assert error_of(refused)["message"] == (
        "The scale set 'web' is not rolled back: nothing to go back to: 2 left out: no disk of an earlier version is "
        "kept for it; name a version to go back to (toVersion)."
    )
    refused = await api.call("POST", ROLLBACK, {"toVersion": "1.2.3"})
    assert "no disk of 1.2.3 is kept for it, and it is not published any more" in error_of(refused)["message"]
    refused = await api.call("POST", ROLLBACK, {"instances": ["77"]})
    assert "instances that do not exist (any more): 77" in error_of(refused)["message"]


async def test_c2_a_hold_lets_a_rollback_through_and_c1_a_pause_does_not(api: Api) -> None:
    await upgraded(api)
    await api.call("PUT", "/instar/holds/freeze", {"scope": "/", "reason": "freeze"})
    assert (await api.call("POST", f"{SCALE_SET}/osRollingUpgrade")).status_code == 409
    assert (await api.call("POST", ROLLBACK)).status_code == 202
    await api.call("POST", f"{SCALE_SET}/instar/pause", {"reason": "disk is full"})
    refused = await api.call("POST", ROLLBACK)
    assert (refused.status_code, "paused by" in error_of(refused)["message"]) == (409, True)


async def test_c5_a_cancel_may_go_back_and_ends_the_pause(api: Api) -> None:
    await api.create()
    run_upgrade(api, 1)
    await api.call("POST", f"{SCALE_SET}/instar/pause", {"reason": "look at it"})
    answer = await api.call("POST", CANCEL, {"revert": True, "reason": "errors went up"})
    assert answer.status_code == 202, answer.text
    message = api.gateway.last
    assert isinstance(message, CancelUpgrade)
    assert (message.revert, message.reason) == (True, "errors went up")
    assert api.store.wishes.pause_of(api.stored().identity.unique_id) is None, "C1: a cancel ends it"
    assert (await api.call("POST", CANCEL)).status_code == 202
    assert not api.gateway.last.revert
    for body, target in (({"revert": "yes"}, "revert"), ({"rever": True}, "rever")):
        refused = await api.call("POST", CANCEL, body)
        assert (refused.status_code, error_of(refused)["target"]) == (400, target)


async def test_p14_the_upgrade_that_is_meant_is_cancelled_and_no_other(api: Api) -> None:
    await api.create()
    run_upgrade(api, 1)
    sent = len(api.gateway.sent)
    assert (await api.call("POST", CANCEL, {"upgrade": 1})).status_code == 202
    assert api.gateway.last.number == 1
    run_upgrade(api, 1, UpgradeStatus.COMPLETED)
    ended = await api.call("POST", CANCEL, {"upgrade": 1})
    assert (ended.status_code, "has ended: Completed" in error_of(ended)["message"]) == (409, True)
    run_upgrade(api, 2)
    for revert in (False, True):
        late = await api.call("POST", CANCEL, {"upgrade": 1, "revert": revert})
        assert (late.status_code, "upgrade 2 has begun since" in error_of(late)["message"]) == (409, True)
    assert len(api.gateway.sent) == sent + 1
    for nonsense in (0, -1, "1", 1.0, True, 10**9, [1]):
        refused = await api.call("POST", CANCEL, {"upgrade": nonsense})
        assert (refused.status_code, error_of(refused)["target"]) == (400, "upgrade")
    assert (await api.call("POST", CANCEL, {"upgrade": 3})).status_code == 202, "not written down yet: the set knows"
    assert api.gateway.last.number == 3


async def test_c1_azures_own_cancel_ends_the_pause(api: Api) -> None:
    await api.create()
    unique_id = api.stored().identity.unique_id
    await api.call("POST", f"{SCALE_SET}/instar/pause", {"reason": "look at it"})
    run_upgrade(api, 1)
    assert (await api.call("POST", f"{SCALE_SET}/rollingUpgrades/cancel")).status_code == 202
    assert api.store.wishes.pause_of(unique_id) is None
    message = api.gateway.last
    assert isinstance(message, CancelUpgrade)
    assert (message.revert, message.reason, message.by) == (False, "", "")


async def test_r1_disks_are_kept_as_long_as_somebody_wishes(api: Api) -> None:
    await upgraded(api)
    assert (await api.get(RETENTION))["properties"] == {"keepPreviousDisks": "P1D", "isOwn": False}
    body = {"keepPreviousDisks": "P7D", "until": "2026-03-20T06:00:00Z", "reason": "holidays"}
    answer = await api.call("PUT", RETENTION, body)
    assert answer.status_code == 200, answer.text
    properties = answer.json()["properties"]
    assert (properties["keepPreviousDisks"], properties["isOwn"], properties["reason"]) == ("P7D", True, "holidays")
    assert properties["sentence"].startswith("previous disks are kept for P7D, and until 2026-03-20 06:00Z: holidays (")
    assert api.gateway.asked_about_disks == ["web"]
    [kept] = (await api.get(ROLLBACK))["properties"]["instances"][0]["kept"]
    assert kept["until"] == "2026-03-20T06:00:00+00:00"
    await api.call("PUT", RETENTION, {"keepPreviousDisks": "PT2H", "reason": "space"})
    [kept] = (await api.get(ROLLBACK))["properties"]["instances"][0]["kept"]
    assert kept["until"].startswith("2026-03-01T14:00:00"), "the whole wish is replaced"
    assert [(await api.call("DELETE", RETENTION)).status_code for _ in range(2)] == [200, 204]
    assert not (await api.get(RETENTION))["properties"]["isOwn"]
    assert api.gateway.asked_about_disks == ["web", "web", "web"]
    api.store.scale_sets.delete(api.stored().identity.unique_id)


@pytest.mark.parametrize(
    ("body", "target"),
    [
        ({"reason": "r"}, "keepPreviousDisks"),
        ({"keepPreviousDisks": "7 days", "reason": "r"}, "keepPreviousDisks"),
        ({"keepPreviousDisks": 7, "reason": "r"}, "keepPreviousDisks"),
        ({"keepPreviousDisks": "P400D", "reason": "r"}, "keepPreviousDisks"),
        ({"until": "2020-01-01T00:00:00Z", "reason": "r"}, "until"),
        ({"until": "soon", "reason": "r"}, "until"),
        ({"keepPreviousDisks": "P7D"}, "reason"),
        ({"keep": "P7D", "reason": "r"}, "keep"),
    ],
)
async def test_r1_nonsense_about_it_is_refused_by_name(api: Api, body: Any, target: str) -> None:
    await api.create()
    answer = await api.call("PUT", RETENTION, body)
    assert (answer.status_code, error_of(answer)["target"]) == (400, target)
    assert api.store.retentions.get(api.stored().identity.unique_id) is None


async def test_c1_while_paused_or_while_an_upgrade_runs_nothing_has_an_end(api: Api) -> None:
    await upgraded(api)
    await api.call("POST", f"{SCALE_SET}/instar/pause", {"reason": "look at it"})
    [kept] = (await api.get(ROLLBACK))["properties"]["instances"][0]["kept"]
    assert ("until" in kept, kept["keptWhile"]) == (False, "while the set is paused")
    await api.call("POST", f"{SCALE_SET}/instar/resume")
    assert api.gateway.asked_about_disks == ["web"], "a pause that ends has it asked anew"
    run_upgrade(api, 2)
    [kept] = (await api.get(ROLLBACK))["properties"]["instances"][0]["kept"]
    assert kept["keptWhile"] == "while an upgrade runs"


async def test_r1_a_reader_may_look_and_only_a_contributor_may_go_back(api: Api) -> None:
    await upgraded(api)
    async with another_role(api, Grant(Role.READER, "/")) as ask:
        assert (await ask("GET", ROLLBACK, None)).status_code == 200
        assert (await ask("POST", ROLLBACK, {})).status_code == 403
        assert (await ask("PUT", RETENTION, {"keepPreviousDisks": "P7D", "reason": "r"})).status_code == 403
        assert (await ask("POST", CANCEL, {"revert": True})).status_code == 403


async def test_r1_while_the_compute_is_away_nothing_is_told_and_a_rollback_is_judged_later(api: Api) -> None:
    await upgraded(api)
    api.fleet.away(api.clock() + timedelta(hours=1))
    assert (await api.call("GET", ROLLBACK)).status_code == 503
    assert (await api.call("POST", ROLLBACK)).status_code == 202


async def test_r2_a_rollback_stands_in_the_history_as_what_it_is(api: Api) -> None:
    await api.create()
    part = GoingBack(image=IMAGE.at(OLD), generation=1, ids=InstanceIds(ranges="0-2"))
    record = UpgradeRecord(
        scale_set=api.stored().identity,
        number=2,
        kind=UpgradeKind.ROLLBACK,
        operation_id="",
        started_by=StartedBy.USER,
        target=IMAGE.at(OLD),
        generation=1,
        policy=RollingUpgradePolicy(),
        status=UpgradeStatus.COMPLETED,
        started_at=api.clock(),
        ended_at=api.clock(),
        counts=Counts(successful=3),
        way_back=WayBack(parts=(part,)),
    )
    api.store.upgrades.write(record)
    [shown] = (await api.get(f"{SCALE_SET}/osUpgradeHistory"))["value"]
    assert (shown["properties"]["kind"], shown["properties"]["startedBy"]) == ("rollback", "User")
    goes = [{"version": OLD, "generation": 1, "instances": "0-2", "newlyMade": False}]
    assert shown["properties"]["goesBackTo"] == goes
    latest = await api.get(f"{SCALE_SET}/rollingUpgrades/latest")
    assert (latest["properties"]["kind"], latest["properties"]["goesBackTo"]) == ("rollback", goes)
