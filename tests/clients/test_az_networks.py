"""What `az` makes of networks by their parts, and the lists that clients ask before they do anything."""

import pytest

from tests.clients.conftest import MODEL, Az, Site

GROUP = "parts"
IN_GROUP = ("--resource-group", GROUP)
WHERE = ("--location", "westeurope")


@pytest.fixture(scope="module")
def az(az: Az) -> Az:
    az("group", "create", "--name", GROUP, *WHERE, "--tags", "service=web")
    return az


def test_a_subnet_is_added_to_a_network_with_its_security_group(az: Az) -> None:
    az("network", "vnet", "create", *IN_GROUP, "--name", "net", "--address-prefixes", "10.1.0.0/16")
    az("network", "nsg", "create", *IN_GROUP, "--name", "door")
    rule = ("--name", "web", "--priority", "100", "--destination-port-ranges", "80", "443", "--protocol", "Tcp")
    made = az("network", "nsg", "rule", "create", *IN_GROUP, "--nsg-name", "door", *rule)
    assert (made["destinationPortRanges"], made["direction"]) == (["80", "443"], "Inbound")
    assert [one["name"] for one in az("network", "nsg", "rule", "list", *IN_GROUP, "--nsg-name", "door")] == ["web"]
    of_net = (*IN_GROUP, "--vnet-name", "net")
    subnet = ("--name", "front", "--address-prefixes", "10.1.1.0/24", "--network-security-group", "door")
    made = az("network", "vnet", "subnet", "create", *of_net, *subnet)
    assert made["networkSecurityGroup"]["id"].endswith("/networkSecurityGroups/door")
    refused = az("network", "nsg", "delete", *IN_GROUP, "--name", "door", status=1)
    assert "InUseNetworkSecurityGroupCannotBeDeleted" in refused
    az("network", "vnet", "subnet", "update", *of_net, "--name", "front", "--remove", "networkSecurityGroup")
    assert [one["name"] for one in az("network", "vnet", "subnet", "list", *of_net)] == ["front"]
    az("network", "vnet", "subnet", "delete", *of_net, "--name", "front")
    az("network", "nsg", "delete", *IN_GROUP, "--name", "door")


def test_a_load_balancer_gets_a_public_address_a_pool_and_a_rule(az: Az) -> None:
    named = ("--name", "front", "--sku", "Standard", "--allocation-method", "Static", "--dns-name", "web")
    address = az("network", "public-ip", "create", *IN_GROUP, *named)["publicIp"]
    assert address["dnsSettings"]["fqdn"] == "web.westeurope.cloudapp.instar.invalid"
    outside = ("--public-ip-address", "front", "--frontend-ip-name", "outside", "--backend-pool-name", "first")
    az("network", "lb", "create", *IN_GROUP, "--name", "front", "--sku", "Standard", *outside)
    of_front = (*IN_GROUP, "--lb-name", "front")
    az("network", "lb", "address-pool", "create", *of_front, "--name", "machines")
    pools = az("network", "lb", "address-pool", "list", *of_front)
    assert [one["name"] for one in pools] == ["first", "machines"]
    ports = ("--protocol", "Tcp", "--frontend-port", "80", "--backend-port", "80")
    between = ("--name", "web", "--frontend-ip-name", "outside", "--backend-pool-name", "machines")
    rule = az("network", "lb", "rule", "create", *of_front, *between, *ports)
    pool = az("network", "lb", "address-pool", "show", *of_front, "--name", "machines")
    assert pool["loadBalancingRules"] == [{"id": rule["id"], "resourceGroup": GROUP}]
    assert [one["name"] for one in az("network", "public-ip", "list", *IN_GROUP)] == ["front"]


def test_sizes_tags_and_what_there_is_none_of_are_listed(az: Az) -> None:
    assert "Standard_D2s_v3" in {one["name"] for one in az("vm", "list-sizes", *WHERE)}
    skus = az("vm", "list-skus", *WHERE, "--size", "Standard_D2s_v3", "--resource-type", "virtualMachines")
    assert {one["name"] for one in skus} == {"Standard_D2s_v3"}
    assert {one["localName"] for one in az("vm", "list-usage", *WHERE)} >= {"Virtual Machines"}
    assert "service" in {one["tagName"] for one in az("tag", "list")}
    assert az("lock", "list") == az("lock", "list", *IN_GROUP) == []
    assert az("disk", "list", *IN_GROUP) == az("vm", "list", *IN_GROUP) == az("image", "list", *IN_GROUP) == []


def test_a_set_is_looked_up_by_its_id_and_has_an_interface_for_each_machine(az: Az, site: Site) -> None:
    group = site.group(GROUP)
    path = f"{group}/providers/Microsoft.Compute/virtualMachineScaleSets/fleet"
    missing = az("rest", "--method", "head", "--url", f"{path}?api-version=2023-09-01", status=1)
    assert "Not Found" in missing
    site.make(path, MODEL | {"sku": MODEL["sku"] | {"capacity": 2}})
    az("rest", "--method", "head", "--url", f"{path}?api-version=2023-09-01")
    az("rest", "--method", "head", "--url", f"{group}?api-version=2021-04-01")
    interfaces = az("vmss", "nic", "list", *IN_GROUP, "--vmss-name", "fleet")
    assert [one["virtualMachine"]["id"].rpartition("/")[2] for one in interfaces] == ["0", "1"]
    one = ("--instance-id", "1", "--name", "web-nic")
    assert az("vmss", "nic", "show", *IN_GROUP, "--vmss-name", "fleet", *one)["name"] == "web-nic"
