"""`$filter` and `$select`: what is understood chooses, and what is not is named."""

from datetime import timedelta
from typing import Any

import pytest

from api.wire.errors import ArmError
from api.wire.filters import read_filter
from tests.api.conftest import GROUP, NEW, SCALE_SET, SUBSCRIPTION, Api, error_of
from tests.api.galleries.gallery import make_image, publish

VMS = f"{SCALE_SET}/virtualMachines"
RESOURCES = f"/subscriptions/{SUBSCRIPTION}/resources"


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("colour eq 'red'", "'colour'"),
        ("startswith(colour, 'r')", "'colour'"),
        ("instanceId gt '1'", "'gt'"),
        ("contains(instanceId, '1')", "'contains'"),
        ("instanceId eq '1' xor instanceId eq '2'", "'xor'"),
        ("instanceId eq", "not complete"),
        ("(instanceId eq '1'", "not complete"),
        ("instanceId eq '1' and", "not complete"),
        ("instanceId eq 1'", "'''"),
        ("'1' eq instanceId", "''1''"),
        ("(" * 3000, "longer"),
        ("not " * 100 + "instanceId eq '1'", "nested deeper"),
    ],
)
def test_what_a_filter_says_that_is_not_understood_is_named(text: str, named: str) -> None:
    with pytest.raises(ArmError) as refusal:
        read_filter(text, ("instanceId",))
    assert (refusal.value.status, refusal.value.target) == (400, "$filter")
    assert named in refusal.value.message


BODY: dict[str, Any] = {
    "type": "a",
    "name": "It's",
    "zones": ["1", "3"],
    "properties": {"on": True, "count": 3, "list": [{"code": "PowerState/running"}, {"code": "Other/x"}]},
}


@pytest.mark.parametrize(
    ("text", "holds"),
    [
        ("", True),
        ("name eq 'it''s'", True),
        ("name ne 'it''s'", False),
        ("zones eq '3'", True),
        ("zones ne '3'", False),
        ("zones ne '2'", True),
        ("properties/on eq true", True),
        ("on eq true", True),
        ("on eq 1", False),
        ("count eq 3", True),
        ("count eq null", False),
        ("properties/absent eq null", True),
        ("startswith(list/code, 'powerstate') eq true", True),
        ("startswith(list/code, 'powerstate') eq false", False),
        ("StartsWith(name,'no')", False),
        ("not startswith(name,'no')", True),
        ("name eq 'x' or zones eq '1' and on eq true", True),
        ("(name eq 'x' or zones eq '1') and on eq false", False),
        ("NAME EQ 'x' OR Zones EQ '1'", True),
    ],
)
def test_a_filter_holds_or_does_not(text: str, holds: bool) -> None:
    assert read_filter(text, ("name", "zones", "properties", "on", "count", "list")).holds(BODY) is holds


@pytest.fixture
async def web(api: Api) -> Api:
    """Three machines: 1 is stopped, 2 on a newer image."""
    await api.create()
    await api.add_machines(3)
    return api


async def ids(api: Api, **query: Any) -> list[str]:
    return [one["instanceId"] for one in (await api.get(VMS, **query))["value"]]


async def test_instances_are_chosen_by_what_is_shown_of_them(web: Api) -> None:
    identity = web.stored().identity
    await web.fleet.protect(identity, "1", from_actions=True, from_scale_in=True)
    assert await ids(web, _filter="instanceId eq '1'") == ["1"]
    assert await ids(web, _filter="properties/latestModelApplied eq true and not (instanceId eq '0')") == ["1", "2"]
    assert await ids(web, _filter="properties/protectionPolicy/protectFromScaleSetActions eq true") == ["1"]
    assert await ids(web, _filter="startswith(instanceView/statuses/code, 'PowerState') eq true") == ["0", "1", "2"]
    assert await ids(web, _filter="instanceView/statuses/code eq 'PowerState/stopped'") == []
    assert await ids(web, _filter=f"properties/storageProfile/imageReference/exactVersion eq '{NEW}'") == []
    web.store.scale_sets.put_model(
        identity.unique_id,
        web.stored().document | {"sku": {"name": "Standard_B4s", "capacity": 3}},
        1,
        web.clock(),
    )
    assert await ids(web, _filter="properties/latestModelApplied eq true") == []
    answer = await web.call("GET", VMS, _filter="colour eq 'red'")
    assert (answer.status_code, error_of(answer)["target"]) == (400, "$filter")


async def test_health_can_be_filtered_by_without_being_shown(web: Api) -> None:
    web.clock.advance(timedelta(minutes=5))
    found = await web.get(VMS, _filter="instanceView/vmHealth/status/code eq 'HealthState/healthy'")
    seen = await web.get(VMS, _expand="instanceView")
    healthy = [
        one["instanceId"]
        for one in seen["value"]
        if one["properties"]["instanceView"]["vmHealth"]["status"]["code"] == "HealthState/healthy"
    ]
    assert [one["instanceId"] for one in found["value"]] == healthy
    assert healthy
    assert all("instanceView" not in one["properties"] for one in found["value"])


async def test_select_leaves_what_it_names_and_which_instance_it_is(web: Api) -> None:
    one = (await web.get(VMS, _expand="instanceView", _select="instanceView"))["value"][0]
    assert set(one) == {"name", "id", "type", "location", "instanceId", "properties"}
    assert set(one["properties"]) == {"instanceView", "latestModelApplied", "hardwareProfile", "provisioningState"}
    assert one["properties"]["instanceView"]["vmHealth"]
    one = (await web.get(VMS, _select="instanceView/statuses"))["value"][0]
    assert set(one["properties"]["instanceView"]) == {"statuses"}
    one = (await web.get(VMS, _select="sku,etag"))["value"][0]
    assert set(one) == {"name", "id", "type", "location", "instanceId", "sku", "etag"}
    answer = await web.call("GET", VMS, _select="colour")
    assert (answer.status_code, error_of(answer)["target"]) == (400, "$select")


async def test_groups_are_chosen_by_tag_and_name(api: Api) -> None:
    groups = f"/subscriptions/{SUBSCRIPTION}/resourceGroups"
    for name, tags in (("one", {"a": "1", "b": "2"}), ("two", {"a": "2", "b": "1"}), ("three", {})):
        assert (await api.call("PUT", f"{groups}/{name}", {"location": "westus2", "tags": tags})).status_code == 201

    async def names(text: str) -> list[str]:
        return [one["name"] for one in (await api.get(groups, _filter=text))["value"]]

    assert await names("tagName eq 'A'") == ["one", "two"]
    assert await names("tagname eq 'a' and tagvalue eq '2'") == ["two"], "name and value are of the same tag"
    assert await names("name eq 'THREE'") == ["three"]
    assert (await api.call("GET", groups, _filter="size eq 1")).status_code == 400


async def test_the_resources_of_a_subscription_and_of_a_group_are_listed(api: Api) -> None:
    await api.create()
    await make_image(api)
    await publish(api, "1.0.0")
    other = GROUP.replace("/Farm", "/Other")
    network = f"{other}/providers/Microsoft.Network/virtualNetworks/net"
    assert (await api.call("PUT", network, {"location": "westus2", "tags": {"a": "1"}})).status_code == 201
    deployment = f"{GROUP}/providers/Microsoft.Resources/deployments/d"
    assert (await api.call("PUT", deployment, {"properties": {"template": {"resources": []}}})).status_code == 201
    assert (await api.call("PUT", GROUP, {"location": "westus2"})).status_code == 201

    async def names(path: str, **query: Any) -> list[str]:
        return [one["name"] for one in (await api.get(path, **query))["value"]]

    farm = ["Farm.Images", "Farm.Images/web", "Farm.Images/web/1.0.0", "web"]
    assert await names(RESOURCES) == [*farm, "net"]
    assert await names(f"{GROUP}/resources") == farm
    assert await names(RESOURCES, _filter="resourceType eq 'microsoft.compute/VirtualMachineScaleSets'") == ["web"]
    assert await names(RESOURCES, _filter="resourceGroup eq 'other'") == ["net"]
    assert await names(RESOURCES, _filter="tagName eq 'a' and tagValue eq '1'") == ["net"]
    [web] = (await api.get(RESOURCES, _filter="name eq 'web'", _expand="createdTime,changedTime,provisioningState"))[
        "value"
    ]
    assert web.pop("createdTime")
    assert web == {
        "id": SCALE_SET,
        "name": "web",
        "type": "Microsoft.Compute/virtualMachineScaleSets",
        "location": "westus2",
        "sku": {"name": "Standard_B2s", "tier": "Standard", "capacity": 3},
        "tags": {"Service": "web"},
    }
    assert "createdTime" not in (await api.get(RESOURCES))["value"][0]
    assert await names(RESOURCES, _top=1) == ["Farm.Images"]
    assert (await api.get(RESOURCES, _top=1))["nextLink"]
    missing = await api.call("GET", f"{GROUP}2/resources")
    assert (missing.status_code, error_of(missing)["code"]) == (404, "ResourceGroupNotFound")
    assert (await api.call("GET", RESOURCES, _filter="plan eq 'x'")).status_code == 400
