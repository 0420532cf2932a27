import copy
from datetime import timedelta
from typing import Any

import pytest

from instar.domain.sets.scale_sets import ScaleSetModel
from instar.store.health_sources import health_source_of
from tests.api.conftest import GROUP, SCALE_SET, SUBSCRIPTION, Api, document, error_of

FRONT = f"{GROUP}/providers/Microsoft.Network/loadBalancers/Front"
WEB: dict[str, Any] = {
    "name": "web",
    "properties": {
        "protocol": "Http",
        "port": 8080,
        "requestPath": "/up",
        "intervalInSeconds": 10,
        "numberOfProbes": 3,
    },
}
SSH = {"name": "ssh", "properties": {"protocol": "tcp", "port": "22"}}
BALANCER: dict[str, Any] = {
    "location": "West US 2",
    "sku": {"name": "standard"},
    "tags": {"Service": "web"},
    "properties": {"probes": [WEB, SSH], "frontendIPConfigurations": [{"name": "ip", "Mine": 1}]},
}


def balancer(**probe: Any) -> dict[str, Any]:
    """The load balancer, with its first probe changed."""
    result = copy.deepcopy(BALANCER)
    properties = result["properties"]["probes"][0]["properties"]
    for name, value in probe.items():
        properties.pop(name, None) if value is None else properties.update({name: value})
    return result


def probed(probe: str = f"{FRONT}/probes/web") -> dict[str, Any]:
    """A scale set with that probe as its only source of health."""
    profile = "properties__virtualMachineProfile"
    return document(**{f"{profile}__networkProfile__healthProbe": {"id": probe}, f"{profile}__extensionProfile": None})


@pytest.fixture
async def front(api: Api) -> Api:
    assert (await api.call("PUT", FRONT, BALANCER)).status_code == 201
    return api


async def test_a_load_balancer_is_kept_as_given_and_its_probes_have_ids(api: Api) -> None:
    answer = await api.call("PUT", FRONT, BALANCER)
    assert answer.status_code == 201
    assert answer.headers["Azure-AsyncOperation"]
    body = await api.get(FRONT.lower().replace("front", "FRONT"))
    assert body == answer.json()
    assert (body["id"], body["name"], body["type"]) == (FRONT, "Front", "Microsoft.Network/loadBalancers")
    assert (body["location"], body["tags"]) == ("westus2", {"Service": "web"})
    assert body["sku"] == {"name": "Standard", "tier": "Regional"}
    web, ssh = body["properties"]["probes"]
    [frontend] = body["properties"]["frontendIPConfigurations"]
    assert (frontend["name"], frontend["Mine"]) == ("ip", 1)
    assert web["id"] == f"{FRONT}/probes/web"
    assert web["properties"] == WEB["properties"] | {"provisioningState": "Succeeded"}
    assert ssh["properties"] == {
        "protocol": "Tcp",
        "port": 22,
        "intervalInSeconds": 15,
        "provisioningState": "Succeeded",
    }
    assert await api.get(f"{FRONT}/probes/WEB") == web
    assert await api.get(f"{FRONT}/probes") == {"value": [ssh, web]}, "a list is in the order of its names"
    assert error_of(await api.call("GET", f"{FRONT}/probes/none"))["code"] == "NotFound"


async def test_what_was_got_can_be_put_back_and_changes_nothing(front: Api) -> None:
    body = await front.get(FRONT)
    answer = await front.call("PUT", FRONT, body)
    assert (answer.status_code, answer.json()) == (200, body)


def wired() -> dict[str, Any]:
    """A load balancer whose parts name each other."""
    frontend, pool = {"id": f"{FRONT}/frontendIPConfigurations/ip"}, {"id": f"{FRONT}/backendAddressPools/POOL"}
    flow = {"frontendIPConfiguration": frontend, "protocol": "Tcp", "frontendPort": 80, "backendPort": 80}
    rule = flow | {"backendAddressPool": pool, "probe": {"id": f"{FRONT.upper()}/probes/web"}}
    nat = {"frontendIPConfiguration": frontend, "protocol": "Tcp", "frontendPortRangeStart": 1}
    out = {"frontendIPConfigurations": [frontend], "backendAddressPool": pool, "protocol": "All"}
    more = {
        "backendAddressPools": [{"name": "pool"}, {"name": "unused"}],
        "loadBalancingRules": [{"name": "a", "properties": rule}, {"name": "b", "properties": flow}],
        "inboundNatPools": [{"name": "ssh", "properties": nat}],
        "outboundRules": [{"name": "out", "properties": out}],
    }
    return BALANCER | {"properties": BALANCER["properties"] | more}


async def test_a_part_shows_who_of_its_load_balancer_names_it(api: Api) -> None:
    assert (await api.call("PUT", FRONT, wired())).status_code == 201
    body = await api.get(FRONT)
    properties = body["properties"]
    a, b = ({"id": f"{FRONT}/loadBalancingRules/{name}"} for name in "ab")
    out, ssh = {"id": f"{FRONT}/outboundRules/out"}, {"id": f"{FRONT}/inboundNatPools/ssh"}
    [frontend] = properties["frontendIPConfigurations"]
    shown = frontend["properties"]
    assert (shown["loadBalancingRules"], shown["outboundRules"], shown["inboundNatPools"]) == ([a, b], [out], [ssh])
    assert "inboundNatRules" not in shown, "a list that nobody is in is not there"
    pool, unused = (one["properties"] for one in properties["backendAddressPools"])
    assert (pool["loadBalancingRules"], pool["outboundRules"]) == ([a], [out])
    assert not {"loadBalancingRules", "outboundRules"} & unused.keys()
    web, ssh_probe = (one["properties"] for one in properties["probes"])
    assert (web["loadBalancingRules"], "loadBalancingRules" in ssh_probe) == ([a], False)
    assert (await api.get(f"{FRONT}/backendAddressPools/pool"))["properties"] == pool
    again = await api.call("PUT", FRONT, body)
    assert (again.status_code, again.json()) == (200, body), "what is only shown is not kept"


async def test_a_rule_that_is_left_out_is_forgotten_where_it_was_shown(api: Api) -> None:
    await api.call("PUT", FRONT, wired())
    body = await api.get(FRONT)
    body["properties"]["loadBalancingRules"] = body["properties"]["loadBalancingRules"][1:]
    answer = await api.call("PUT", FRONT, body)
    assert answer.status_code == 200, answer.text
    properties = answer.json()["properties"]
    assert "loadBalancingRules" not in properties["probes"][0]["properties"]
    assert [one["name"] for one in properties["loadBalancingRules"]] == ["b"]


async def test_a_load_balancer_without_a_sku_is_a_basic_one_and_is_stored_without(api: Api) -> None:
    silent = {key: value for key, value in BALANCER.items() if key != "sku"}
    body = (await api.call("PUT", FRONT, silent)).json()
    assert body["sku"] == {"name": "Basic", "tier": "Regional"}
    assert (await api.call("PUT", FRONT, body)).json() == body
    stored = api.store.resources.find(FRONT)
    assert stored is not None
    assert "sku" not in stored.document


async def test_a_load_balancer_stays_in_its_region(front: Api) -> None:
    answer = await front.call("PUT", FRONT, BALANCER | {"location": "eastus"})
    assert (answer.status_code, error_of(answer)["code"]) == (409, "InvalidResourceLocation")
    assert (await front.get(FRONT))["location"] == "westus2"
    without = {key: value for key, value in BALANCER.items() if key != "location"}
    assert (await front.call("PUT", FRONT, without)).status_code == 200


@pytest.mark.parametrize(
    ("change", "target"),
    [
        ({"protocol": "udp"}, "protocol"),
        ({"protocol": None}, "protocol"),
        ({"protocol": ["Http"]}, "protocol"),
        ({"port": 0}, "port"),
        ({"port": 65_536}, "port"),
        ({"port": 80.5}, "port"),
        ({"port": True}, "port"),
        ({"port": "٣"}, "port"),
        ({"port": None}, "port"),
        ({"intervalInSeconds": 4}, "intervalInSeconds"),
        ({"intervalInSeconds": 2**62}, "intervalInSeconds"),
        ({"intervalInSeconds": {}}, "intervalInSeconds"),
        ({"numberOfProbes": 0}, "numberOfProbes"),
        ({"probeThreshold": -1}, "probeThreshold"),
        ({"probeThreshold": 101}, "probeThreshold"),
        ({"probeThreshold": "x"}, "probeThreshold"),
        ({"probeThreshold": 100, "intervalInSeconds": 15}, "intervalInSeconds"),
        ({"requestPath": None}, "requestPath"),
        ({"requestPath": 7}, "requestPath"),
        ({"requestPath": "/\r\nX-Evil: 1"}, "requestPath"),
        ({"requestPath": "/" * 3000}, "requestPath"),
        ({"protocol": "Tcp"}, "requestPath"),
    ],
)
async def test_h3_a_probe_that_cannot_be_is_400_and_changes_nothing(
    front: Api, change: dict[str, Any], target: str
) -> None:
    before = await front.get(FRONT)
    answer = await front.call("PUT", FRONT, balancer(**change))
    assert answer.status_code == 400
    assert error_of(answer)["target"] == f"properties.probes[0].properties.{target}"
    assert await front.get(FRONT) == before


@pytest.mark.parametrize(
    "wrong",
    [
        {"location": None},
        {"location": 7},
        {"sku": "Standard"},
        {"sku": {"name": "Premium"}},
        {"sku": {"name": 1}},
        {"tags": {"a": 1}},
        {"tags": []},
        {"properties": []},
        {"properties": {"probes": {}}},
        {"properties": {"probes": ["web"]}},
        {"properties": {"probes": [{"properties": WEB["properties"]}]}},
        {"properties": {"probes": [WEB | {"name": "a/b"}]}},
        {"properties": {"probes": [WEB | {"name": ""}]}},
        {"properties": {"probes": [{"name": "web"}]}},
        {"properties": {"probes": [WEB | {"properties": []}]}},
        {"properties": {"probes": [WEB, WEB | {"name": "WEB"}]}},
    ],
)
async def test_a_load_balancer_that_cannot_be_is_400_and_is_not_stored(api: Api, wrong: dict[str, Any]) -> None:
    answer = await api.call("PUT", FRONT, BALANCER | wrong)
    assert answer.status_code == 400, answer.text
    error_of(answer)
    assert (await api.call("GET", FRONT)).status_code == 404


async def test_h3_a_set_is_asked_as_its_probe_says_also_after_that_was_changed(front: Api) -> None:
    assert (await front.call("PUT", SCALE_SET, probed())).status_code == 201
    model = ScaleSetModel.from_arm(front.stored().document, 1)

    def asked() -> tuple[Any, ...]:
        source = health_source_of(front.store, model)
        return source.protocol.value, source.port, source.path, source.interval.seconds, source.number_of_probes

    assert asked() == ("http", 8080, "/up", 10, 3)
    await front.call("PUT", FRONT, balancer(probeThreshold=5, port=81))
    assert asked() == ("http", 81, "/up", 10, 5)


@pytest.mark.parametrize("read", ["/virtualMachines/0/instanceView", "/virtualMachines/0", "/instanceView"])
async def test_h3_the_probes_threshold_is_what_a_reader_sees(front: Api, read: str) -> None:
    assert (await front.call("PUT", SCALE_SET, probed())).status_code == 201
    front.end_operations()
    await front.add_machines(1)
    front.clock.advance(front.fleet.defaults.boot + timedelta(seconds=19))
    assert "HealthState/unhealthy" in str(await front.get(SCALE_SET + read, _expand="instanceView"))
    front.clock.advance(timedelta(seconds=1))
    assert "HealthState/healthy" in str(await front.get(SCALE_SET + read, _expand="instanceView"))


@pytest.mark.parametrize(
    ("probe", "code"),
    [
        ("web", "LinkedInvalidPropertyId"),
        (FRONT, "LinkedInvalidPropertyId"),
        (f"{FRONT}/probes/none", "InvalidResourceReference"),
        (f"{FRONT}2/probes/web", "InvalidResourceReference"),
        (f"{FRONT}/probes/web".replace(SUBSCRIPTION, "other"), "InvalidResourceReference"),
    ],
)
async def test_h3_a_set_cannot_name_a_probe_that_does_not_exist(front: Api, probe: str, code: str) -> None:
    await front.call("PUT", FRONT.replace(SUBSCRIPTION, "other"), BALANCER)
    answer = await front.call("PUT", SCALE_SET, probed(probe))
    assert (answer.status_code, error_of(answer)["code"]) == (400, code)
    assert front.store.scale_sets.find(SCALE_SET) is None
    await front.create()
    patch = {"properties": {"virtualMachineProfile": probed(probe)["properties"]["virtualMachineProfile"]}}
    patch["properties"]["virtualMachineProfile"]["extensionProfile"] = None
    assert (await front.call("PATCH", SCALE_SET, patch)).status_code == 400
    assert front.stored().generation == 1


async def test_h3_a_set_cannot_name_a_probe_in_another_region(front: Api) -> None:
    answer = await front.call("PUT", SCALE_SET, probed() | {"location": "eastus"})
    assert error_of(answer)["code"] == "InvalidResourceReference"


async def test_h3_a_probe_that_a_set_names_stays(front: Api) -> None:
    assert (await front.call("PUT", SCALE_SET, probed(f"{FRONT}/probes/WEB".upper()))).status_code == 201
    deleted = await front.call("DELETE", FRONT)
    assert (deleted.status_code, error_of(deleted)["code"]) == (409, "LoadBalancerInUseByVirtualMachineScaleSet")
    without = copy.deepcopy(BALANCER)
    without["properties"]["probes"] = [SSH]
    replaced = await front.call("PUT", FRONT, without)
    assert (replaced.status_code, error_of(replaced)["code"]) == (409, "InUseLoadBalancerProbeCannotBeDeleted")
    assert SCALE_SET in error_of(replaced)["message"]
    assert len((await front.get(FRONT))["properties"]["probes"]) == 2
    without["properties"]["probes"] = [WEB]
    assert (await front.call("PUT", FRONT, without)).status_code == 200
    front.store.scale_sets.delete(front.stored().identity.unique_id)
    assert (await front.call("DELETE", FRONT)).status_code == 202


async def test_h3_a_rule_of_a_probe_that_a_set_names_stays(front: Api) -> None:
    rules = [
        {"name": "Web", "properties": {"probe": {"id": f"{FRONT}/probes/web".upper()}}},
        {"name": "ssh", "properties": {"probe": {"id": f"{FRONT}/probes/ssh"}}},
        {"name": "bare", "properties": {}},
    ]
    whole, less = copy.deepcopy(BALANCER), copy.deepcopy(BALANCER)
    whole["properties"]["loadBalancingRules"] = rules
    less["properties"]["loadBalancingRules"] = rules[1:]
    assert (await front.call("PUT", FRONT, whole)).status_code == 200
    assert (await front.call("PUT", SCALE_SET, probed(f"{FRONT}/probes/web"))).status_code == 201
    refused = await front.call("PUT", FRONT, less)
    assert (refused.status_code, error_of(refused)["code"]) == (400, "CannotRemoveRuleUsedByProbeUsedByVMSS")
    assert f"{FRONT}/loadBalancingRules/Web" in error_of(refused)["message"]
    assert len((await front.get(FRONT))["properties"]["loadBalancingRules"]) == 3
    less["properties"]["loadBalancingRules"] = rules[:1]
    assert (await front.call("PUT", FRONT, less)).status_code == 200, "rules of other probes may go"
    front.store.scale_sets.delete(front.stored().identity.unique_id)
    del less["properties"]["loadBalancingRules"]
    assert (await front.call("PUT", FRONT, less)).status_code == 200


@pytest.mark.parametrize(
    ("settings", "target"),
    [
        ({"protocol": "udp", "port": 80}, "protocol"),
        ({"port": 80}, "protocol"),
        ({"protocol": "tcp"}, "port"),
        ({"protocol": "tcp", "port": 65_536}, "port"),
        ({"protocol": "tcp", "port": {}}, "port"),
        ({"protocol": "tcp", "port": 80, "requestPath": "/"}, "requestPath"),
        ({"protocol": "http", "port": 80}, "requestPath"),
        ({"protocol": "https", "requestPath": []}, "requestPath"),
    ],
)
async def test_h4_an_extension_that_asks_no_question_is_400(api: Api, settings: dict[str, Any], target: str) -> None:
    extension = {
        "name": "health",
        "properties": {
            "publisher": "Microsoft.ManagedServices",
            "type": "ApplicationHealthLinux",
            "typeHandlerVersion": "1.0",
            "settings": settings,
        },
    }
    profile = {"properties__virtualMachineProfile__extensionProfile": {"extensions": [extension]}}
    answer = await api.call("PUT", SCALE_SET, document(**profile))
    assert answer.status_code == 400
    assert error_of(answer)["target"].endswith(f".settings.{target}")
    assert api.store.scale_sets.find(SCALE_SET) is None


async def test_a_frontend_in_a_subnet_shows_an_address_that_is_nobodys_and_never_kept(api: Api) -> None:
    subnet = {"subnet": {"id": f"{GROUP}/providers/Microsoft.Network/virtualNetworks/net/subnets/one"}}
    static = {**subnet, "privateIPAllocationMethod": "Static", "privateIPAddress": "10.0.0.9"}
    fronts = [{"name": "inside", "properties": subnet}, {"name": "fixed", "properties": static}, {"name": "none"}]
    await api.call("PUT", FRONT, BALANCER | {"properties": {"frontendIPConfigurations": fronts}})
    shown = await api.get(FRONT)
    inside, fixed, other = (one["properties"] for one in shown["properties"]["frontendIPConfigurations"])
    assert inside["privateIPAddress"].startswith("198.1")
    assert fixed["privateIPAddress"] == "10.0.0.9"
    assert "privateIPAddress" not in other
    kept = api.store.resources.find(FRONT)
    assert kept is not None
    answer = await api.call("PUT", FRONT, shown)
    assert answer.status_code == 200, answer.text
    again = api.store.resources.find(FRONT)
    assert again is not None
    assert again.document == kept.document
