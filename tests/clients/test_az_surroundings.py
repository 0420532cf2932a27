"""What `az` needs around scale sets: groups, resources of any kind, networks, deployments, providers."""

import json
from pathlib import Path

import pytest

from tests.clients.conftest import MODEL, Az, Site

GROUP = "around"
IN_GROUP = ("--resource-group", GROUP)
TEMPLATE = ("--template-file", str(Path(__file__).with_name("autoupdate.json")))
GIVEN = ("--parameters", "vmSSName=planned", "adminPassword=a-Secret-1")


@pytest.fixture(scope="module")
def az(az: Az) -> Az:
    az("group", "create", "--name", GROUP, "--location", "westeurope")
    return az


def test_groups_are_listed_shown_and_tagged(az: Az) -> None:
    assert GROUP in {one["name"] for one in az("group", "list")}
    assert az("group", "update", "--name", GROUP, "--tags", "owner=night")["tags"] == {"owner": "night"}
    assert az("group", "update", "--name", GROUP, "--set", "tags.shift=late")["tags"] == {
        "owner": "night",
        "shift": "late",
    }
    assert az("group", "show", "--name", GROUP)["location"] == "westeurope"
    assert "ResourceGroupNotFound" in az("group", "show", "--name", "nowhere", status=3)


def test_subscriptions_regions_and_providers_are_there(az: Az, site: Site) -> None:
    assert az("account", "show")["id"] == site.login.subscriptionId
    assert "westeurope" in {one["name"] for one in az("account", "list-locations")}
    assert "Microsoft.Compute" in {one["namespace"] for one in az("provider", "list")}
    az("provider", "register", "--namespace", "Microsoft.Compute")
    assert az("provider", "show", "--namespace", "Microsoft.Compute")["registrationState"] == "Registered"


def test_any_resource_is_created_shown_and_listed(az: Az, tmp_path: Path) -> None:
    body = tmp_path / "set.json"
    body.write_text(json.dumps(MODEL | {"sku": MODEL["sku"] | {"capacity": 1}}))
    kind = ("--resource-type", "Microsoft.Compute/virtualMachineScaleSets")
    words = ("--is-full-object", "--api-version", "2023-09-01", "--properties", f"@{body}")
    # az writes a double slash into the path of this one.
    assert az("resource", "create", *IN_GROUP, "--name", "plain", *kind, *words)["name"] == "plain"
    shown = az("resource", "show", *IN_GROUP, "--name", "plain", *kind)
    assert az("resource", "show", "--ids", shown["id"])["name"] == "plain"
    assert "plain" in {one["name"] for one in az("resource", "list", *IN_GROUP)}


def test_networks_and_load_balancers_are_kept(az: Az) -> None:
    az(
        "network",
        "vnet",
        "create",
        *IN_GROUP,
        "--name",
        "net",
        "--address-prefixes",
        "10.1.0.0/16",
        "--subnet-name",
        "s",
    )
    assert [one["name"] for one in az("network", "vnet", "list", *IN_GROUP)] == ["net"]
    az("network", "lb", "create", *IN_GROUP, "--name", "front", "--sku", "Standard")
    probe = ("--name", "web", "--protocol", "Http", "--port", "80", "--path", "/health")
    assert az("network", "lb", "probe", "create", *IN_GROUP, "--lb-name", "front", *probe)["requestPath"] == "/health"
    assert [one["name"] for one in az("network", "lb", "probe", "list", *IN_GROUP, "--lb-name", "front")] == ["web"]


def made_by(az: Az) -> dict[str, int]:
    """What a deployment would do to the resources of its template, by `az`'s own what-if."""
    planned = az("deployment", "group", "what-if", *IN_GROUP, *TEMPLATE, *GIVEN, "--no-pretty-print")
    kinds = [one["changeType"] for one in planned["changes"]]
    return {kind: kinds.count(kind) for kind in kinds if kind != "Ignore"}


def test_a_deployment_is_validated_before_it_is_made(az: Az) -> None:
    checked = az("deployment", "group", "validate", *IN_GROUP, *TEMPLATE, *GIVEN)
    assert checked["properties"]["provisioningState"] == "Succeeded"
    assert "planned" not in {one["name"] for one in az("vmss", "list", *IN_GROUP)}
    assert made_by(az) == {"Create": 2}
    az("deployment", "group", "create", *IN_GROUP, "--name", "one", *TEMPLATE, *GIVEN)
    assert "one" in {one["name"] for one in az("deployment", "group", "list", *IN_GROUP)}
    shown = az("deployment", "group", "show", *IN_GROUP, "--name", "one")
    assert shown["properties"]["provisioningState"] == "Succeeded"
    assert made_by(az) != {"Create": 2}, "they are there now"
    assert shown["properties"]["outputs"]["set"]["value"]
