"""Service Fabric sets (section S)."""

from datetime import timedelta
from typing import Any

import pytest

from instar.domain.eligibility.eligibility import model_blockers
from instar.domain.health.sources import HealthSource
from instar.domain.images.images import ImageReference
from instar.domain.sets.policies import AutomaticOSUpgradePolicy, UpgradePolicy
from instar.domain.sets.scale_sets import ScaleSetModel
from instar.domain.sets.service_fabric import FabricCluster, FabricNode, cluster_of

ENDPOINT = "https://westus2.servicefabric.azure.com/runtime/clusters/7"
CLUSTER_ID = "/subscriptions/s/resourceGroups/g/providers/Microsoft.ServiceFabric/clusters/Main"
IMAGE = ImageReference(publisher="Canonical", offer="UbuntuServer", sku="18.04-LTS", version="latest")
AUTOMATIC = UpgradePolicy(automatic_os_upgrade_policy=AutomaticOSUpgradePolicy(enable_automatic_os_upgrade=True))
PROBE = HealthSource(kind="loadBalancerProbe", settings={"id": "/probes/p"})
APPLICATION = HealthSource(kind="applicationHealth")


def extension(**changes: Any) -> dict[str, Any]:
    settings = {"clusterEndpoint": ENDPOINT, "nodeTypeRef": "front", "durabilityLevel": "Silver"}
    settings |= changes.pop("settings", {})
    return {
        "publisher": "Microsoft.Azure.ServiceFabric",
        "type": "ServiceFabricLinuxNode",
        "typeHandlerVersion": "1.1",
        "settings": settings,
    } | changes


def cluster(**durabilities: str) -> FabricCluster:
    node_types = [
        {"name": name, "durabilityLevel": level} for name, level in (durabilities or {"front": "Silver"}).items()
    ]
    return FabricCluster.from_arm(CLUSTER_ID, {"properties": {"clusterEndpoint": ENDPOINT, "nodeTypes": node_types}})


def reasons(
    node: dict[str, Any], known: FabricCluster | None = None, sources: tuple[HealthSource, ...] = ()
) -> list[str]:
    model = ScaleSetModel(
        generation=1,
        capacity=5,
        image=IMAGE,
        upgrade_policy=AUTOMATIC,
        health_sources=sources,
        service_fabric=FabricNode.from_extension(node),
    )
    return [one.message for one in model_blockers(model, timedelta(minutes=5), cluster=known)]


@pytest.mark.parametrize("kind", ["ServiceFabricNode", "ServiceFabricLinuxNode", "SERVICEFABRICNODE"])
def test_s_a_set_is_one_by_its_extension(kind: str) -> None:
    other = {"name": "x", "properties": {"publisher": "Other", "type": kind}}
    node = {"name": "fabric", "properties": extension(type=kind, publisher="MICROSOFT.AZURE.SERVICEFABRIC")}
    document = {"properties": {"virtualMachineProfile": {"extensionProfile": {"extensions": [other, node]}}}}
    read = ScaleSetModel.from_arm(document, 1).service_fabric
    assert read == FabricNode(handler_version="1.1", durability="Silver", cluster_endpoint=ENDPOINT, node_type="front")
    assert FabricNode.from_extension(other["properties"]) is None  # type: ignore[arg-type]


def test_s_a_durable_set_needs_no_health_source() -> None:
    assert reasons(extension(), cluster()) == []
    assert reasons(extension(), cluster(), (APPLICATION,)) == []
    gold = extension(settings={"durabilityLevel": "gold", "nodeTypeRef": "FRONT"})
    assert reasons(gold, cluster(back="Bronze", front="Gold")) == []


def test_h2_any_other_set_without_a_source_is_refused() -> None:
    [reason] = reasons(extension(publisher="Other"), cluster())
    assert "because a health probe or health extension was not specified" in reason


def test_s_without_automatic_upgrades_nothing_is_asked() -> None:
    model = ScaleSetModel(generation=1, capacity=5, image=IMAGE, service_fabric=FabricNode(), health_sources=(PROBE,))
    assert model_blockers(model, timedelta(minutes=5)) == ()


@pytest.mark.parametrize("version", ["1.1", "1.10", "2.0", "1.1.0", "10"])
def test_s_handler_1_1_or_later_as_numbers(version: str) -> None:
    assert reasons(extension(typeHandlerVersion=version), cluster()) == []


@pytest.mark.parametrize("version", ["1.0", "1", "0.9", "", "1.x", "one", "1.-1", "1.1\n", "9" * 5000])
def test_s_an_earlier_handler_is_refused(version: str) -> None:
    [reason] = reasons(extension(typeHandlerVersion=version), cluster())
    assert "typeHandlerVersion must be 1.1 or later" in reason


@pytest.mark.parametrize(("level", "said"), [("Bronze", "'Bronze'"), ("", "missing"), ("Platinum", "'Platinum'")])
def test_s_bronze_is_refused_whatever_the_cluster_says(level: str, said: str) -> None:
    [reason] = reasons(extension(settings={"durabilityLevel": level}), cluster(front="Bronze"))
    assert f"durabilityLevel of its Service Fabric extension is {said}, and it must be Silver or Gold" in reason


def test_s_durability_in_the_extension_equals_the_clusters() -> None:
    [reason] = reasons(extension(), cluster(front="Gold"))
    assert "says durabilityLevel Silver, and node type 'front' of the cluster says Gold: they must be equal" in reason


def test_s_the_cluster_and_its_node_type_must_be_known() -> None:
    [no_cluster] = reasons(extension(), None)
    assert f"no Service Fabric cluster is known under the clusterEndpoint '{ENDPOINT}'" in no_cluster
    [no_type] = reasons(extension(settings={"nodeTypeRef": "back"}), cluster())
    assert "has no node type 'back'" in no_type


def test_s_a_load_balancer_probe_is_refused() -> None:
    [reason] = reasons(extension(), cluster(), (PROBE,))
    assert "must not have a load balancer health probe" in reason


def test_s_every_reason_is_told() -> None:
    node = extension(typeHandlerVersion="1.0", settings={"durabilityLevel": "Bronze"})
    assert len(reasons(node, cluster(), (PROBE,))) == 3


@pytest.mark.parametrize("named", [ENDPOINT, ENDPOINT.upper() + "/", CLUSTER_ID, CLUSTER_ID.lower()])
def test_s_the_extension_names_its_cluster_by_endpoint_or_id(named: str) -> None:
    other = FabricCluster(resource_id="/other", endpoint="https://elsewhere")
    node = FabricNode(cluster_endpoint=named)
    assert cluster_of(node, [other, cluster()]) == cluster()
    assert cluster_of(FabricNode(), [FabricCluster(resource_id="/x")]) is None
