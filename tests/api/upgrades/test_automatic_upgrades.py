"""Where a set stands with its automatic upgrades, and the nudges of what is published."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from api.images import nudges
from api.services import signals
from api.services.first_state import first_state
from api.wire.errors import ArmError
from api.wire.moments import moment
from instar.domain.delays import Delays
from instar.domain.looks.kept import KeptLook
from instar.domain.machines.instance_ids import InstanceIds
from instar.domain.messages.scale_set import LiftQuarantine
from instar.domain.records.quarantine import LeftBehind, Quarantine, QuarantinedVersion
from instar.domain.records.scale_set_status import ScaleSetStatus
from instar.domain.records.upgrades import UpgradeRecord, UpgradeStatus
from instar.domain.sets.policies import RollingUpgradePolicy, StartedBy
from instar.store.looks.looks import Look
from tests.api.conftest import ENABLE, IMAGE, LOCATION, NEW, OLD, SCALE_SET, Api, error_of

STATUS = f"{SCALE_SET}/instar/automaticOSUpgrades"
LIFT = f"{STATUS}/quarantine/{NEW}/lift"
VERSIONS = f"{LOCATION}/publishers/Canonical/artifacttypes/vmimage/offers/UbuntuServer/skus/18.04-LTS/versions"
BEHIND = LeftBehind(version=OLD, generation=1, ids=InstanceIds(ranges="3-5"))


def quarantine(api: Api) -> Quarantine:
    entry = QuarantinedVersion(version=NEW, since=api.clock(), number=7, generation=1, reason="stopped: 5 of 20")
    return Quarantine(versions=(entry,), left_behind=(BEHIND,))


def write(api: Api, **changes: Any) -> None:
    at = api.clock()
    status = ScaleSetStatus(
        enabled=True,
        first_trigger_at=at,
        first_trigger_done=True,
        last_look_at=at + timedelta(hours=1),
        last_look="nothing newer than 18.04.1",
        next_look_at=at + timedelta(hours=2),
        quarantine=quarantine(api),
    )
    api.store.statuses.write(api.stored().identity.unique_id, status.model_copy(update=changes), at)


async def test_a4_the_last_look_the_next_one_and_the_quarantine_are_read_from_the_store(api: Api) -> None:
    await api.create()
    await api.call("PATCH", SCALE_SET, ENABLE)
    write(api)
    api.gateway.error = ArmError(503, "ServiceUnavailable", "Temporal is away")
    body = await api.get(STATUS)
    assert body["id"] == STATUS
    assert body["properties"] == {
        "enabled": True,
        "firstTriggerAt": "2026-03-01T12:00:00.1234+00:00",
        "lastLook": {"at": "2026-03-01T13:00:00.1234+00:00", "outcome": "nothing newer than 18.04.1"},
        "nextLookAt": "2026-03-01T14:00:00.1234+00:00",
        "quarantine": [
            {
                "version": NEW,
                "wholeSet": True,
                "since": "2026-03-01T12:00:00.1234+00:00",
                "upgrade": 7,
                "reason": "stopped: 5 of 20",
            },
            {"version": OLD, "wholeSet": False, "instances": "3-5"},
        ],
    }


async def test_a_set_that_never_had_them_on_says_so(api: Api) -> None:
    await api.create()
    body = await api.get(STATUS)
    assert body["properties"] == {"enabled": False, "quarantine": []}


async def test_a4_t2_the_looks_that_are_made_for_an_idle_set_are_told(api: Api) -> None:
    await api.create()
    await api.call("PATCH", SCALE_SET, ENABLE)
    write(api, next_look_at=None)
    identity, at = api.stored().identity, api.clock() + timedelta(hours=2)
    soon = at + timedelta(minutes=40)
    api.store.looks.leave(
        Look(identity.unique_id, identity.location, IMAGE.line, at, "nothing newer", soon, KeptLook())
    )
    told = {"lastLook": {"at": moment(at), "outcome": "nothing newer"}, "nextLookAt": moment(soon)}
    shown = (await api.get(STATUS))["properties"]
    assert {name: shown.get(name) for name in told} == told
    [listed] = (await api.get("/instar/scaleSets"))["value"]
    assert {name: listed["properties"].get(name) for name in told} == told
    assert not any("looks" in one for one in listed["properties"].get("needsPerson", ()))
    api.clock.advance(timedelta(hours=4))
    [listed] = (await api.get("/instar/scaleSets"))["value"]
    assert any("nobody looks for new versions" in one for one in listed["properties"]["needsPerson"])


async def test_t3_switched_off_no_next_look_is_shown_though_the_workflow_is_away(api: Api) -> None:
    await api.create()
    write(api)
    assert "nextLookAt" not in (await api.get(STATUS))["properties"]


async def test_t5_lifting_by_hand_is_an_update_and_answers_204(api: Api) -> None:
    await api.create()
    answer = await api.call("POST", LIFT)
    assert (answer.status_code, answer.content) == (204, b"")
    assert isinstance(api.gateway.last, LiftQuarantine)
    assert api.gateway.last.version == NEW
    assert api.store.operations.running(api.stored().identity.unique_id) == []


async def test_t5_lifting_what_is_not_quarantined_is_404(api: Api) -> None:
    await api.create()
    api.gateway.error = ArmError(404, "ResourceNotFound", "Version 1.2 is not quarantined")
    answer = await api.call("POST", LIFT)
    assert answer.status_code == 404
    assert error_of(answer)["code"] == "ResourceNotFound"


@pytest.mark.parametrize("version", ["latest", "1.x", "1..2", "-1.2", "１.２", "1.2%20", "%2e", "1." + "9" * 400])
async def test_lifting_nonsense_changes_nothing(api: Api, version: str) -> None:
    await api.create()
    write(api)
    before, sent = await api.get(STATUS), len(api.gateway.sent)
    answer = await api.call("POST", f"{STATUS}/quarantine/{version}/lift")
    assert answer.status_code in (400, 404), answer.text
    error_of(answer)
    assert len(api.gateway.sent) == sent
    assert await api.get(STATUS) == before


async def test_temporal_away_a_lift_is_503_and_a_read_is_not(api: Api) -> None:
    await api.create()
    api.gateway.error = ArmError(503, "ServiceUnavailable", "away", headers={"Retry-After": "5"})
    assert (await api.call("POST", LIFT)).status_code == 503
    assert (await api.call("GET", STATUS)).status_code == 200


@pytest.fixture
async def sets(api: Api) -> Api:
    """`on` follows what is published; the others do not, or are elsewhere."""
    automatic = {"properties__upgradePolicy__automaticOSUpgradePolicy": {"enableAutomaticOSUpgrade": True}}
    image = "properties__virtualMachineProfile__storageProfile__imageReference__sku"
    await api.create(SCALE_SET.replace("/web", "/on"), **automatic)
    await api.create(SCALE_SET.replace("/web", "/off"))
    await api.create(SCALE_SET.replace("/web", "/other-sku"), **automatic, **{image: "16.04-LTS"})
    await api.create(SCALE_SET.replace("/web", "/elsewhere"), **automatic, location="eastus")
    await api.create(SCALE_SET.replace("/web", "/deleting"), **automatic)
    deleting = api.stored(SCALE_SET.replace("/web", "/deleting"))
    api.store.scale_sets.mark_deleting(deleting.identity.unique_id)
    return api


async def test_t2_what_is_published_nudges_the_sets_that_follow_it(sets: Api) -> None:
    assert (await sets.call("PUT", f"{VERSIONS}/{NEW}", {})).status_code == 201
    assert sets.gateway.nudged == ["on"]


async def test_t2_a_set_for_which_looks_are_made_is_not_told_by_itself_but_whoever_looks_is_woken(sets: Api) -> None:
    on = sets.stored(SCALE_SET.replace("/web", "/on")).identity
    now = sets.clock()
    sets.store.looks.leave(Look(on.unique_id, on.location, IMAGE.line, now, "nothing newer", now, KeptLook()))
    sets.clock.advance(timedelta(seconds=1))
    assert (await sets.call("PUT", f"{VERSIONS}/{NEW}", {})).status_code == 201
    assert sets.gateway.nudged == []
    assert sets.gateway.woken == 1
    assert len(sets.store.publications.all()) == 1


async def test_t2_what_was_published_before_nudges_nobody_and_withdrawing_neither(sets: Api) -> None:
    await sets.call("PUT", f"{VERSIONS}/{NEW}", {})
    await sets.call("PUT", f"{VERSIONS}/{NEW}", {})
    await sets.call("DELETE", f"{VERSIONS}/{NEW}")
    assert sets.gateway.nudged == ["on"]
    await sets.call("PUT", f"{VERSIONS}/{NEW}", {})
    assert sets.gateway.nudged == ["on", "on"]


async def test_t2_a_nudge_that_does_not_arrive_is_no_error(sets: Api, caplog: pytest.LogCaptureFixture) -> None:
    sets.gateway.up = False
    assert (await sets.call("PUT", f"{VERSIONS}/{NEW}", {})).status_code == 201
    assert "0 of 1 sets" in caplog.text


async def test_a4_nudging_a_server_that_is_not_there_ends_soon(sets: Api) -> None:
    assert (
        await asyncio.wait_for(sets.real_gateway.nudge(sets.stored(SCALE_SET.replace("/web", "/on")).identity), 6)
        is False
    )


async def test_t2_nudges_are_bounded_in_number_and_time(sets: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(signals, "AT_ONCE", 2)
    monkeypatch.setattr(signals, "ALL_WITHIN", timedelta(milliseconds=50))
    under_way, most = 0, 0

    async def slow(_scale_set: object) -> bool:
        nonlocal under_way, most
        under_way += 1
        most = max(most, under_way)
        await asyncio.sleep(10)
        return True

    services = sets.app.state.services
    monkeypatch.setattr(sets.gateway, "nudge", slow)
    monkeypatch.setattr(nudges, "_users_of", lambda *_: [sets.stored(SCALE_SET.replace("/web", "/on")).identity] * 5)
    assert await nudges.nudge_users_of(services, IMAGE, "westus2") == 0
    assert most == 2


def upgrade(api: Api, number: int, status: UpgradeStatus) -> UpgradeRecord:
    return UpgradeRecord(
        scale_set=api.stored().identity,
        number=number,
        operation_id=f"operation {number}",
        started_by=StartedBy.USER,
        target=IMAGE.at(NEW),
        generation=1,
        policy=RollingUpgradePolicy(),
        status=status,
        started_at=api.clock(),
        ended_at=api.clock() if status.ended else None,
    )


async def test_t1_t5_p15_a_workflow_that_begins_anew_knows_what_is_written_down(api: Api) -> None:
    await api.create()
    write(api)
    api.store.upgrades.write(upgrade(api, 1, UpgradeStatus.COMPLETED))
    api.store.upgrades.write(upgrade(api, 2, UpgradeStatus.ROLLING_FORWARD))
    state = first_state(api.store, api.stored().identity, Delays())
    assert state.last_number == 2
    assert state.running is not None
    assert (state.running.number, state.running.operation_id) == (2, "operation 2")
    assert state.running.workflow_id.endswith("/2")
    assert state.rolling is not None
    assert state.rolling.look_after_at == api.clock()
    assert [one.number for one in state.collect] == [1]
    automatic = state.automatic
    assert (automatic.enabled, automatic.first_trigger_at, automatic.first_trigger_done) == (True, api.clock(), True)
    assert automatic.quarantine == quarantine(api)


async def test_f10_what_an_upgrade_of_the_platform_waits_for_is_shown_wherever_one_looks(api: Api) -> None:
    await api.create()
    uid, since = api.stored().identity.unique_id, api.clock()
    api.store.upgrades.write(upgrade(api, 1, UpgradeStatus.ROLLING_FORWARD))
    api.store.waits.say(uid, 1, "swap_os_disks, attempt 9: too many calls", since)
    api.store.waits.say(uid, 1, "swap_os_disks, attempt 10: too many calls", since + timedelta(minutes=1))
    told = {"waitsFor": "swap_os_disks, attempt 10: too many calls", "waitsSince": moment(since)}
    assert (await api.get(STATUS))["properties"].items() >= told.items()
    assert (await api.get(f"{SCALE_SET}/rollingUpgrades/latest"))["properties"].items() >= told.items()
    [shown] = (await api.get(f"{SCALE_SET}/instanceView"))["statuses"]
    assert (shown["message"], shown["time"]) == (f"waits for: {told['waitsFor']}", told["waitsSince"])
    api.store.upgrades.write(upgrade(api, 1, UpgradeStatus.COMPLETED))
    for path in (STATUS, f"{SCALE_SET}/rollingUpgrades/latest"):
        assert not told.keys() & (await api.get(path))["properties"].keys()
    assert "message" not in (await api.get(f"{SCALE_SET}/instanceView"))["statuses"][0]


async def test_f10_a_set_says_what_has_waited_the_longest(api: Api) -> None:
    await api.create()
    uid, since = api.stored().identity.unique_id, api.clock()
    await api.call("PATCH", SCALE_SET, {"sku": {"capacity": 9}})
    api.store.waits.say(uid, 0, "make_instances, attempt 9: too many calls", since)
    api.store.upgrades.write(upgrade(api, 1, UpgradeStatus.ROLLING_FORWARD))
    api.store.waits.say(uid, 1, "make_instances, attempt 9: too many calls", since + timedelta(minutes=1))
    assert (await api.get(STATUS))["properties"]["waitsSince"] == moment(since)
    api.store.waits.say(uid, 1, "", since)
    assert "waitsSince" not in (await api.get(STATUS))["properties"]
