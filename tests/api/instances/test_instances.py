from datetime import timedelta

import pytest

from api.wire.errors import unavailable
from instar.compute.errors import NotProbed
from instar.compute.provider import Effect, Fence, MachineModel, Step
from instar.compute.simulated.file.scripts import InstanceScript, VersionScript
from instar.domain.machines.instances import HealthObservation, HealthState, PowerState
from instar.domain.records.upgrades import UpgradeRecord, UpgradeStatus
from instar.domain.sets.policies import RollingUpgradePolicy, StartedBy
from tests.api.conftest import IMAGE, LOCATION, NEW, OLD, SCALE_SET, Api, error_of


async def test_a3_instances_are_listed_in_the_order_of_their_ids(api: Api) -> None:
    await api.create()
    await api.add_machines(11)
    listed = (await api.get(f"{SCALE_SET}/virtualMachines"))["value"]
    assert [one["instanceId"] for one in listed] == [str(number) for number in range(11)]
    assert "instanceView" not in listed[0]["properties"]


async def test_a3_an_instance_shows_its_exact_version_its_disks_and_its_health(api: Api) -> None:
    await api.create()
    await api.add_machines(2)
    api.clock.advance(timedelta(minutes=5))
    body = await api.get(f"{SCALE_SET}/virtualMachines/1", _expand="instanceView")
    assert body["name"] == "web_1"
    assert body["id"] == f"{SCALE_SET}/virtualMachines/1"
    properties = body["properties"]
    assert properties["latestModelApplied"] is True
    assert properties["vmId"]
    storage = properties["storageProfile"]
    assert storage["imageReference"]["version"] == "latest"
    assert storage["imageReference"]["exactVersion"] == OLD
    assert storage["osDisk"]["name"] == body["instar"]["osDisk"]["name"]
    assert storage["osDisk"]["managedDisk"]["storageAccountType"] == "Premium_LRS"
    assert [disk["lun"] for disk in storage["dataDisks"]] == [0]
    assert "protectionPolicy" not in properties
    view = properties["instanceView"]
    assert view["vmHealth"]["status"]["code"] == "HealthState/healthy"
    assert view["vmHealth"]["status"]["time"] == "2026-03-01T12:05:00.1234+00:00"
    assert {one["code"] for one in view["statuses"]} == {"ProvisioningState/succeeded", "PowerState/running"}
    assert body["instar"]["previousOsDisks"] == []
    assert body["instar"]["health"]["ageSeconds"] == 0


async def test_the_model_of_an_older_generation_is_not_the_latest(api: Api) -> None:
    await api.create()
    await api.add_machines(1)
    await api.call("PATCH", SCALE_SET, {"properties": {"virtualMachineProfile": {"licenseType": "x"}}})
    body = await api.get(f"{SCALE_SET}/virtualMachines/0")
    assert body["properties"]["latestModelApplied"] is False


async def test_capacity_and_policy_are_not_the_model_of_a_machine(api: Api) -> None:
    await api.create()
    await api.add_machines(1)
    policy = {"mode": "Automatic", "rollingUpgradePolicy": {"maxBatchInstancePercent": 10}}
    await api.call("PATCH", SCALE_SET, {"sku": {"capacity": 5}, "properties": {"upgradePolicy": policy}})
    assert api.stored().generation == 2
    body = await api.get(f"{SCALE_SET}/virtualMachines/0")
    assert body["properties"]["latestModelApplied"] is True


async def test_protected_stopped_and_sick_machines_are_shown_as_such(api: Api) -> None:
    await api.create()
    await api.add_machines(4)
    api.clock.advance(timedelta(minutes=5))
    identity = api.stored().identity
    api.fleet.script_instance(identity, "0", InstanceScript(protected=True))
    api.fleet.script_instance(identity, "1", InstanceScript(power=PowerState.STOPPED))
    api.fleet.script_instance(identity, "2", InstanceScript(sick_from=api.clock()))
    listed = (await api.get(f"{SCALE_SET}/virtualMachines", _expand="instanceView"))["value"]
    assert listed[0]["properties"]["protectionPolicy"]["protectFromScaleSetActions"] is True
    assert "PowerState/stopped" in {one["code"] for one in listed[1]["properties"]["instanceView"]["statuses"]}
    health = [one["properties"]["instanceView"]["vmHealth"]["status"]["code"] for one in listed]
    assert health[2:] == ["HealthState/unhealthy", "HealthState/healthy"]
    summary = (await api.get(f"{SCALE_SET}/instanceView"))["virtualMachine"]["statusesSummary"]
    assert {"code": "PowerState/stopped", "count": 1} in summary
    assert {"code": "PowerState/running", "count": 3} in summary
    assert {"code": "ProvisioningState/succeeded", "count": 4} in summary


async def test_h6_health_is_observed_anew_when_it_is_a_second_old(api: Api) -> None:
    await api.create()
    await api.add_machines(1)
    api.clock.advance(timedelta(minutes=5))
    path = f"{SCALE_SET}/virtualMachines/0/instanceView"
    first = (await api.get(path))["vmHealth"]["status"]["time"]
    api.clock.advance(timedelta(milliseconds=900))
    kept = await api.get(path)
    assert kept["vmHealth"]["status"]["time"] == first
    assert kept["instar"]["health"]["ageSeconds"] == 0.9
    api.clock.advance(timedelta(seconds=1))
    assert (await api.get(path))["vmHealth"]["status"]["time"] != first


async def test_h7_what_was_seen_last_is_shown_with_its_age_when_no_look_can_be_made(api: Api) -> None:
    await api.create()
    await api.add_machines(1)
    api.clock.advance(timedelta(minutes=5))
    path = f"{SCALE_SET}/virtualMachines/0"
    before = await api.get(path, _expand="instanceView")
    api.clock.advance(timedelta(minutes=1))
    script = InstanceScript(unreachable_until=api.clock() + timedelta(minutes=9))
    api.fleet.script_instance(api.stored().identity, "0", script)
    answer = await api.call("GET", path, _expand="instanceView")
    if answer.status_code == 200:
        view = answer.json()["properties"]["instanceView"]
        assert view["vmHealth"] == before["properties"]["instanceView"]["vmHealth"]
        assert view["instar"]["health"]["ageSeconds"] == 60
    else:
        assert answer.status_code == 503


async def test_h7_readers_are_told_why_a_machine_is_not_probed(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    await api.create()
    await api.add_machines(1)

    async def observe_health(*_: object) -> object:
        seen = HealthObservation("0", HealthState.UNKNOWN, api.clock(), "it is not probed: 10.20.0.7 is elsewhere")
        raise NotProbed("probes may not go to the address of instance 0", (seen,))

    monkeypatch.setattr(api.fleet, "observe_health", observe_health)
    view = (await api.get(f"{SCALE_SET}/virtualMachines/0", _expand="instanceView"))["properties"]["instanceView"]
    assert view["vmHealth"]["status"] | {"time": ""} == {
        "code": "HealthState/unknown",
        "level": "Warning",
        "displayStatus": "it is not probed: 10.20.0.7 is elsewhere",
        "time": "",
    }


async def test_the_whole_compute_away_is_503_with_retry_after(api: Api) -> None:
    await api.create()
    api.fleet.away(api.clock() + timedelta(minutes=1))
    answer = await api.call("GET", f"{SCALE_SET}/virtualMachines")
    assert answer.status_code == 503
    assert int(answer.headers["Retry-After"]) >= 1
    assert error_of(answer)["code"] == "ServiceUnavailable"
    assert (await api.call("GET", SCALE_SET)).status_code == 200, "the set itself is in the store"


async def test_an_unknown_instance_is_404(api: Api) -> None:
    await api.create()
    for suffix in ("", "/instanceView"):
        answer = await api.call("GET", f"{SCALE_SET}/virtualMachines/99999999999999999999{suffix}")
        assert answer.status_code == 404
        assert error_of(answer)["code"] == "NotFound"


async def test_a4_reads_ask_nothing_of_temporal(api: Api) -> None:
    await api.create()
    await api.add_machines(1)
    sent = len(api.gateway.sent)
    for path in ("", "/instanceView", "/virtualMachines", "/virtualMachines/0", "/osUpgradeHistory"):
        await api.get(SCALE_SET + path)
    assert len(api.gateway.sent) == sent


async def test_the_fleet_is_scripted_and_judged_through_http(api: Api) -> None:
    await api.create()
    await api.add_machines(3)
    defaults = await api.call("PUT", "/instar/simulated/defaults", {"swap": "PT2S", "boot": 3})
    assert defaults.status_code == 200
    assert api.fleet.defaults.boot == timedelta(seconds=3)
    assert (await api.call("GET", "/instar/simulated/defaults")).json() == {"swap": "PT2S", "boot": "PT3S"}
    path = f"/instar/simulated/versions/Canonical/UbuntuServer/18.04-LTS/{NEW}"
    answer = await api.call("PUT", path, {"neverHealthy": ["1"], "disk_fails": "all"})
    assert answer.status_code == 200
    script = VersionScript(never_healthy=("1",), disk_fails="all")
    assert api.fleet.version_script(IMAGE.at(NEW)) == script
    assert (await api.call("PUT", path, {"neverHealthy": 1})).status_code == 400
    assert (await api.call("PUT", path, {"unknown": 1})).status_code == 400
    assert api.fleet.version_script(IMAGE.at(NEW)) == script
    unique_id = api.stored().identity.unique_id
    for where in ("", f"/{unique_id}"):
        verdict = await api.get(f"/instar/simulated/flight-record{where}")
        assert verdict["clean"] is True
        assert verdict["swaps"] == 0
        assert verdict["records"] >= 3
    assert (await api.call("GET", "/instar/simulated/flight-record/unknown")).status_code == 404


async def test_a3_the_kept_disks_of_an_instance_are_shown_newest_first(api: Api) -> None:
    await api.create()
    await api.add_machines(1)
    identity = api.stored().identity
    for number in (1, 2):
        effect = Effect(identity, Fence(number, Step.SWAP, 1), "0")
        await api.fleet.swap_os_disk(effect, IMAGE.at(f"18.04.{number}"), MachineModel(generation=1))
    beside = (await api.get(f"{SCALE_SET}/virtualMachines/0"))["instar"]
    assert beside["osDisk"]["imageReference"]["version"] == "18.04.2"
    kept = [(one["imageReference"]["version"], one["madeBy"]) for one in beside["previousOsDisks"]]
    assert kept == [("18.04.1", f"{identity.unique_id}/1"), (OLD, "")]


async def test_a4_every_read_answers_with_the_server_and_every_worker_away(api: Api) -> None:
    await api.create()
    await api.add_machines(1)
    target = IMAGE.at(NEW)
    api.store.images.publish(target.publisher, target.offer, target.sku, NEW, "westus2", {}, api.clock())
    api.store.upgrades.write(
        UpgradeRecord(
            scale_set=api.stored().identity,
            number=1,
            operation_id="",
            started_by=StartedBy.USER,
            target=target,
            generation=1,
            policy=RollingUpgradePolicy(),
            status=UpgradeStatus.ROLLING_FORWARD,
            started_at=api.clock(),
        )
    )
    sent = len(api.gateway.sent)
    api.gateway.error, api.gateway.up = unavailable("away"), False
    sku = f"{LOCATION}/publishers/Canonical/artifacttypes/vmimage/offers/UbuntuServer/skus/18.04-LTS/versions"
    group, _, _ = SCALE_SET.rpartition("/")
    reads = ("", "/instanceView", "/virtualMachines", "/virtualMachines/0", "/virtualMachines/0/instanceView")
    upgrades = ("/rollingUpgrades/latest", "/osUpgradeHistory")
    for path in (*(SCALE_SET + one for one in (*reads, *upgrades)), group, sku, f"{sku}/{NEW}"):
        answer = await api.call("GET", path)
        assert answer.status_code == 200, path
    assert len(api.gateway.sent) == sent
