from collections.abc import Iterable
from dataclasses import replace
from datetime import timedelta

import pytest

from instar.compute.simulated.file.scripts import InstanceScript, VersionScript
from instar.domain.machines.instances import ExtensionStatus, Instance
from instar.domain.sets.scale_sets import ScaleSetIdentity
from tests.api.conftest import HEALTH_EXTENSION, IMAGE, OLD, SCALE_SET, Api

METRICS = '{"rollingUpgrade": {"PhaseOrderingNumber": 2, "SkipUpgrade": false}}'


async def created(api: Api, version: str = "2.0") -> None:
    extension = HEALTH_EXTENSION | {"properties": HEALTH_EXTENSION["properties"] | {"typeHandlerVersion": version}}
    await api.create(properties__virtualMachineProfile__extensionProfile={"extensions": [extension]})
    await api.add_machines(2)
    api.clock.advance(timedelta(minutes=5))


async def test_b5_custom_metrics_are_a_substatus_of_the_health_extension(api: Api) -> None:
    await created(api)
    api.fleet.script_version(IMAGE.at(OLD), VersionScript(phase=2))
    api.fleet.script_instance(api.stored().identity, "1", InstanceScript(sick_from=api.clock(), phase=1))
    view = await api.get(f"{SCALE_SET}/virtualMachines/0/instanceView")
    [extension] = view["extensions"]
    assert (extension["name"], extension["type"]) == ("health", "Microsoft.ManagedServices.ApplicationHealthLinux")
    [substatus] = extension["substatuses"]
    assert (substatus["code"], substatus["message"]) == ("ComponentStatus/CustomMetrics/succeeded", METRICS)
    expanded = await api.get(f"{SCALE_SET}/virtualMachines/0", _expand="instanceView")
    assert expanded["properties"]["instanceView"]["extensions"] == view["extensions"]
    sick = await api.get(f"{SCALE_SET}/virtualMachines/1/instanceView")
    assert sick["vmHealth"]["status"]["code"] == "HealthState/unhealthy"
    assert "ComponentStatus/CustomMetrics" not in str(sick)


async def test_b5_a_binary_source_has_no_custom_metrics(api: Api) -> None:
    await created(api, "1.0")
    api.fleet.script_version(IMAGE.at(OLD), VersionScript(phase=2))
    assert "CustomMetrics" not in str(await api.get(f"{SCALE_SET}/virtualMachines/0/instanceView"))


async def test_h2_readers_see_which_extension_made_an_instance_unhealthy(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    await created(api)
    listing = api.fleet.list_instances

    async def listed(scale_set: ScaleSetIdentity, wanted: Iterable[str] | None = None) -> tuple[Instance, ...]:
        first, *others = await listing(scale_set, wanted)
        return (replace(first, extensions=(ExtensionStatus("setup", "exit code 1"),)), *others)

    monkeypatch.setattr(api.fleet, "list_instances", listed)
    status = (await api.get(f"{SCALE_SET}/virtualMachines/0/instanceView"))["vmHealth"]["status"]
    assert (status["code"], status["level"]) == ("HealthState/unhealthy", "Error")
    assert status["displayStatus"] == "extension 'setup' failed: exit code 1"
    every = (await api.get(f"{SCALE_SET}/virtualMachines", _expand="instanceView"))["value"]
    codes = [one["properties"]["instanceView"]["vmHealth"]["status"]["code"] for one in every]
    assert codes == ["HealthState/unhealthy", "HealthState/healthy"]
    summary = (await api.get(f"{SCALE_SET}/instanceView"))["virtualMachine"]["statusesSummary"]
    assert {"code": "HealthState/unhealthy", "count": 1} in summary


async def test_h5_the_four_states_are_spelt_as_clients_compare_them(api: Api) -> None:
    await created(api)
    identity, image = api.stored().identity, IMAGE.at(OLD)

    async def code() -> str:
        view = await api.get(f"{SCALE_SET}/virtualMachines/0/instanceView")
        return str(view["vmHealth"]["status"]["code"])

    assert await code() == "HealthState/healthy"
    api.fleet.script_instance(identity, "0", InstanceScript(sick_from=api.clock()))
    api.clock.advance(timedelta(seconds=10))
    assert await code() == "HealthState/unhealthy"
    api.fleet.script_instance(identity, "0", InstanceScript())
    api.fleet.script_version(image, VersionScript(never_healthy="all"))
    api.clock.advance(timedelta(seconds=10))
    assert await code() == "HealthState/unknown"
    api.fleet.script_version(image, VersionScript(boot=timedelta(hours=1)))
    api.clock.advance(timedelta(seconds=10))
    assert await code() == "HealthState/initializing"
