"""Networks as documents: what Azure fills in, what is refused, and what stays as long as something names it."""

import copy
from ipaddress import ip_address, ip_network
from typing import Any

import pytest

from tests.api.conftest import GROUP, SCALE_SET, Api, document, error_of
from tests.api.deployments.deploying import begin, resource, state
from tests.api.networks.test_load_balancers import probed

NETWORK = f"{GROUP}/providers/Microsoft.Network"
NET = f"{NETWORK}/virtualNetworks/net"
FRONT = f"{NETWORK}/loadBalancers/front"
GUARD = f"{NETWORK}/networkSecurityGroups/guard"
ADDRESS = f"{NETWORK}/publicIPAddresses/address"
RULE = {
    "frontendIPConfiguration": {"id": f"{FRONT}/frontendIPConfigurations/ip"},
    "backendAddressPool": {"id": f"{FRONT}/backendAddressPools/pool"},
    "probe": {"id": f"{FRONT}/probes/web"},
    "protocol": "Tcp",
    "frontendPort": 80,
    "backendPort": "80",
}
BALANCER: dict[str, Any] = {
    "frontendIPConfigurations": [{"name": "ip", "properties": {"publicIPAddress": {"id": ADDRESS}}}],
    "backendAddressPools": [{"name": "pool"}, {"name": "spare"}],
    "inboundNatPools": [{"name": "ssh"}],
    "loadBalancingRules": [{"name": "http", "properties": RULE}],
    "probes": [{"name": "web", "properties": {"protocol": "Tcp", "port": 80}}],
}


async def put(api: Api, path: str, properties: dict[str, Any], **more: Any) -> dict[str, Any]:
    answer = await api.call("PUT", path, {"location": "westus2", "properties": properties, **more})
    assert answer.status_code in (200, 201), answer.text
    body: dict[str, Any] = answer.json()
    return body


@pytest.fixture
async def site(api: Api) -> Api:
    """A set whose machines are in a subnet, behind a load balancer that its health comes from."""
    guarded = {"addressPrefix": "10.0.0.0/24", "networkSecurityGroup": {"id": GUARD}}
    await put(api, GUARD, {})
    await put(api, ADDRESS, {})
    await put(api, NET, {"subnets": [{"name": "web", "properties": guarded}, {"name": "free", "properties": {}}]})
    await put(api, FRONT, BALANCER, sku={"name": "Standard"})
    body = probed(f"{FRONT}/probes/web")
    addressing = {
        "subnet": {"id": f"{NET}/subnets/web".upper()},
        "loadBalancerBackendAddressPools": [{"id": f"{FRONT}/backendAddressPools/pool"}],
        "loadBalancerInboundNatPools": [{"id": f"{FRONT}/inboundNatPools/ssh"}],
    }
    nic = {"name": "nic", "properties": {"ipConfigurations": [{"name": "ip", "properties": addressing}]}}
    body["properties"]["virtualMachineProfile"]["networkProfile"]["networkInterfaceConfigurations"] = [nic]
    assert (await api.call("PUT", SCALE_SET, body)).status_code == 201
    return api


@pytest.mark.parametrize(
    ("path", "code"),
    [
        (f"{NET}/subnets/web", "InUseSubnetCannotBeDeleted"),
        (f"{FRONT}/probes/web", "InUseLoadBalancerProbeCannotBeDeleted"),
        (f"{FRONT}/backendAddressPools/pool", "InUseBackendAddressPoolCannotBeDeleted"),
        (f"{FRONT}/inboundNatPools/ssh", "InUseInboundNATPoolCannotBeDeleted"),
        (f"{FRONT}/loadBalancingRules/http", "CannotRemoveRuleUsedByProbeUsedByVMSS"),
        (NET, "InUseSubnetCannotBeDeleted"),
        (FRONT, "LoadBalancerInUseByVirtualMachineScaleSet"),
    ],
)
async def test_h3_what_a_scale_set_names_stays(site: Api, path: str, code: str) -> None:
    whole = NET if path.startswith(NET) else FRONT
    before = await site.get(whole)
    answer = await site.call("DELETE", path)
    # Of a rule Azure says 400.
    status = 400 if path.endswith("loadBalancingRules/http") else 409
    assert (answer.status_code, error_of(answer)["code"]) == (status, code)
    assert SCALE_SET in error_of(answer)["message"] or "web" in error_of(answer)["message"]
    if path != whole:
        word, name = path.split("/")[-2:]
        without = copy.deepcopy(before)
        without["properties"][word] = [kept for kept in without["properties"][word] if kept["name"] != name]
        assert (await site.call("PUT", whole, without)).status_code == status, "nor by a PUT that leaves it out"
    assert await site.get(whole) == before
    site.store.scale_sets.delete(site.stored().identity.unique_id)
    if path.endswith(("probes/web", "backendAddressPools/pool")):
        assert error_of(await site.call("DELETE", path))["code"] == "InvalidResourceReference", "its rule names it"
    else:
        assert (await site.call("DELETE", path)).status_code == 202


async def test_what_nothing_names_goes(site: Api) -> None:
    for path in (f"{NET}/subnets/free", f"{FRONT}/backendAddressPools/spare"):
        assert (await site.call("DELETE", path)).status_code == 202


@pytest.mark.parametrize(
    ("path", "code", "by"),
    [
        (GUARD, "InUseNetworkSecurityGroupCannotBeDeleted", f"{NET}/subnets/web"),
        (ADDRESS, "PublicIPAddressCannotBeDeleted", f"{FRONT}/frontendIPConfigurations/ip"),
    ],
)
async def test_what_another_resource_names_stays(site: Api, path: str, code: str, by: str) -> None:
    answer = await site.call("DELETE", path)
    assert (answer.status_code, error_of(answer)["code"]) == (409, code)
    assert by in error_of(answer)["message"]
    site.store.resources.delete(by.rpartition("/")[0].rpartition("/")[0])
    assert (await site.call("DELETE", path)).status_code == 202


async def test_a_security_group_that_a_set_names_stays(api: Api) -> None:
    await put(api, GUARD, {})
    addresses = [{"name": "ip", "properties": {"subnet": {"id": f"{NET}/subnets/web"}}}]
    nic = {"name": "nic", "properties": {"networkSecurityGroup": {"id": GUARD}, "ipConfigurations": addresses}}
    profile = {"networkInterfaceConfigurations": [nic]}
    made = await api.call("PUT", SCALE_SET, document(properties__virtualMachineProfile__networkProfile=profile))
    assert made.status_code == 201, made.text
    answer = await api.call("DELETE", GUARD)
    assert (answer.status_code, error_of(answer)["code"]) == (409, "NetworkSecurityGroupInUseByVirtualMachineScaleSet")


async def test_a_network_goes_though_another_one_is_peered_with_it(api: Api) -> None:
    other = f"{NETWORK}/virtualNetworks/other"
    await put(api, NET, {})
    peer = {"name": "peer", "properties": {"remoteVirtualNetwork": {"id": NET}}}
    await put(api, other, {"virtualNetworkPeerings": [peer]})
    assert (await api.call("DELETE", NET)).status_code == 202
    [kept] = (await api.get(f"{other}/virtualNetworkPeerings"))["value"]
    assert (kept["properties"]["peeringState"], kept["properties"]["remoteVirtualNetwork"]["id"]) == ("Initiated", NET)
    assert (kept["properties"]["allowGatewayTransit"], kept["properties"]["useRemoteGateways"]) == (False, False)


@pytest.mark.parametrize(
    ("properties", "target"),
    [
        ({"subnets": "no"}, "properties.subnets"),
        ({"Subnets": 7}, "properties.subnets"),
        ({"addressSpace": "10.0.0.0/8"}, "properties.addressSpace"),
        ({"addressSpace": {"addressPrefixes": "10.0.0.0/8"}}, "properties.addressSpace.addressPrefixes"),
        ({"enableDdosProtection": "yes"}, "properties.enableDdosProtection"),
        ({"dnsSettings": []}, "properties.dnsSettings"),
        ({"dnsSettings": {"domainNameLabel": 7}}, "properties.dnsSettings.domainNameLabel"),
        ({"idleTimeoutInMinutes": "soon"}, "properties.idleTimeoutInMinutes"),
        ({"idleTimeoutInMinutes": True}, "properties.idleTimeoutInMinutes"),
        ({"subnets": [{"name": "a", "properties": {"id": 1}}]}, "properties.subnets[0].properties.id"),
    ],
)
async def test_what_is_not_what_its_name_says_is_refused_by_its_path(
    api: Api, properties: dict[str, Any], target: str
) -> None:
    answer = await api.call("PUT", NET, {"location": "westus2", "properties": properties})
    assert (answer.status_code, error_of(answer)["target"]) == (400, target)
    assert (await api.call("GET", NET)).status_code == 404
    texts = {"enableDdosProtection": "False", "idleTimeoutInMinutes": "4", "dnsSettings": None}
    await put(api, NET, texts)


async def test_what_azure_fills_in_is_there_and_the_same_every_time(api: Api) -> None:
    given = {"dnsSettings": {"domainNameLabel": "Shop"}, "publicIPAllocationMethod": "Static"}
    first = await put(api, ADDRESS, given)
    properties = first["properties"]
    assert properties["dnsSettings"] == {"domainNameLabel": "Shop", "fqdn": "shop.westus2.cloudapp.instar.invalid"}
    assert ip_address(properties["ipAddress"]) in ip_network("198.18.0.0/15")
    assert len(properties["resourceGuid"]) == 36
    assert (properties["publicIPAddressVersion"], properties["publicIPAllocationMethod"]) == ("IPv4", "Static")
    assert (await put(api, ADDRESS, first["properties"]))["properties"] == properties
    assert api.store.resources.find(ADDRESS).document["properties"] == given  # type: ignore[union-attr]
    moved = await put(api, f"{ADDRESS}6", {"publicIPAddressVersion": "IPv6"})
    assert ip_address(moved["properties"]["ipAddress"]) in ip_network("2001:db8::/32")
    assert "dnsSettings" not in moved["properties"]
    for length, seen in ((None, 28), (30, 30), ("31", 31), (5, 28)):
        prefix = await put(api, f"{NETWORK}/publicIPPrefixes/few", {"prefixLength": length})
        assert ip_network(prefix["properties"]["ipPrefix"]).prefixlen == prefix["properties"]["prefixLength"] == seen


async def test_documents_that_an_earlier_release_kept_are_shown(api: Api) -> None:
    """They were kept as they were given, whatever that was."""
    odd = {"subnets": ["x", {"name": 7}, {"name": "odd", "properties": "no"}], "dnsSettings": "no", "prefixLength": "x"}
    for path in (NET, ADDRESS, FRONT, f"{NETWORK}/publicIPPrefixes/few"):
        await put(api, path, {})
        stored = api.store.resources.find(path)
        assert stored is not None
        api.store.resources.replace(stored, {"location": "westus2", "properties": odd})
        shown = await api.get(path)
        assert shown["properties"]["provisioningState"] == "Succeeded"
    assert [subnet["name"] for subnet in (await api.get(f"{NET}/subnets"))["value"]] == ["odd"]


async def test_a_template_refers_to_what_is_filled_in_and_to_parts(api: Api) -> None:
    settings = {"dnsSettings": {"domainNameLabel": "shop"}}
    address = resource("Microsoft.Network/publicIPAddresses", "address", properties=settings)
    await put(api, NET, {"subnets": [{"name": "web", "properties": {"addressPrefix": "10.0.0.0/24"}}]})
    tagged = resource("Microsoft.Network/routeTables", "seen", "address")
    tagged["dependsOn"] = ["[resourceId('Microsoft.Network/publicIPAddresses', 'address')]"]
    subnet = "resourceId('Microsoft.Network/virtualNetworks/subnets', 'net', 'web')"
    tagged["properties"] = {
        "fqdn": "[reference(resourceId('Microsoft.Network/publicIPAddresses', 'address')).dnsSettings.fqdn]",
        "prefix": f"[reference({subnet}, '2024-05-01').addressPrefix]",
    }
    await begin(api, address, tagged)
    assert await state(api) == "Succeeded"
    seen = (await api.get(f"{NETWORK}/routeTables/seen"))["properties"]
    assert (seen["fqdn"], seen["prefix"]) == ("shop.westus2.cloudapp.instar.invalid", "10.0.0.0/24")
