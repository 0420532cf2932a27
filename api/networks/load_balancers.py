"""Load balancers: documents of which Instar reads the probes and the sku; no traffic passes here."""

from typing import Any

from api.networks.filled import private_address
from api.networks.network_kinds import BASIC, network_kind
from api.networks.parts import network_part
from api.stored.kinds import Draft, Routes, Words
from api.wire.errors import ArmError, invalid
from instar.domain.health.load_balancers import LOAD_BALANCER, normal_probe, probe_fault
from instar.store.resources import StoredResource

Json = dict[str, Any]

_SKUS = {sku.lower(): sku for sku in ("Basic", "Standard", "Gateway")}


def _well_shaped(draft: Draft, document: Json) -> Json:
    """The document with its sku in its one spelling. Raises ArmError 400 that names what is wrong, 409 for a move."""
    _check_place(draft.had, document["location"])
    sku = document.get("sku") or {}
    if not isinstance(sku, dict) or str(sku.get("name", "Basic")).lower() not in _SKUS:
        raise invalid("'sku.name' must be Basic, Standard or Gateway.", "sku.name")
    if "name" in sku:
        document = document | {"sku": sku | {"name": _SKUS[str(sku["name"]).lower()]}}
    return document


def _check_place(had: StoredResource | None, location: str) -> None:
    """A load balancer stays in its region: scale sets name its probes from there."""
    if had is not None and had.document["location"] != location:
        message = (
            f"The resource '{had.name}' already exists in location '{had.document['location']}' in resource group "
            f"'{had.resource_group}'. A resource with the same name cannot be created in location '{location}'. Please "
            "select a new resource name."
        )
        raise ArmError(409, "InvalidResourceLocation", message, target="location")


def _checked_probe(properties: Json, path: str) -> Json:
    wrong, why = probe_fault(properties)
    if wrong:
        raise invalid(f"'{path}.{wrong}' {why}.", f"{path}.{wrong}")
    return normal_probe(properties)


def _without_dynamic_address(properties: Json, _path: str) -> Json:
    """A dynamic address is shown and never kept: clients put it back."""
    if str(properties.get("privateIPAllocationMethod", "Dynamic")).lower() == "static":
        return properties
    return {key: value for key, value in properties.items() if key != "privateIPAddress"}


_IDLE: Json = {"idleTimeoutInMinutes": 4, "enableTcpReset": False}
_FLOWS: Json = {"enableFloatingIP": False, **_IDLE}
_FRONTEND: Json = {"privateIPAllocationMethod": "Dynamic", "privateIPAddressVersion": "IPv4"}
_RULE: Json = {"loadDistribution": "Default", "disableOutboundSnat": False, **_FLOWS}
_OF_FRONTEND = ("loadBalancingRules", "inboundNatRules", "inboundNatPools", "outboundRules")
_OF_POOL = ("loadBalancingRules", "inboundNatRules", "outboundRules")

KIND = network_kind(
    LOAD_BALANCER.rpartition("/")[2],
    "load balancer",
    (
        network_part(
            "frontendIPConfigurations",
            "frontend IP configuration",
            _FRONTEND,
            named_in=_OF_FRONTEND,
            fill=private_address,
        ),
        network_part(
            "backendAddressPools", "backend address pool", {"loadBalancerBackendAddresses": []}, named_in=_OF_POOL
        ),
        network_part("loadBalancingRules", "load balancing rule", _RULE),
        network_part("probes", "probe", in_templates=False, named_in=("loadBalancingRules",)),
        network_part("inboundNatRules", "inbound NAT rule", _FLOWS),
        network_part("inboundNatPools", "inbound NAT pool", _FLOWS),
        network_part("outboundRules", "outbound rule", {"allocatedOutboundPorts": 0, **_IDLE}),
    ),
    name_parameter="loadBalancerName",
    sku=BASIC,
    well_shaped=_well_shaped,
    checks={"probes": _checked_probe, "frontendIPConfigurations": _without_dynamic_address},
)

ROUTES = Routes(
    kinds=(KIND,),
    tag="load balancers",
    noun="load_balancer",
    plural="load_balancers",
    parameters=("loadBalancerName",),
    example={
        "location": "westus2",
        "sku": {"name": "Standard"},
        "properties": {
            "probes": [
                {
                    "name": "web",
                    "properties": {
                        "protocol": "Http",
                        "port": 80,
                        "requestPath": "/health",
                        "intervalInSeconds": 15,
                        "probeThreshold": 2,
                    },
                },
            ],
        },
    },
    patch_example={"tags": {"service": "web"}},
    part_parameters=("partKind", "partName"),
    part_example={"properties": {"protocol": "Tcp", "port": 22}},
    words=Words(
        put="Create a load balancer (201), or replace it (200). A probe, pool or rule that a scale set needs cannot be "
        "left out (409).",
        patch="Replace the tags of a load balancer; nothing else can be patched.",
        get="One load balancer, each of its parts with its id.",
        delete="Delete a load balancer; 204 if there is none, 409 while a scale set names a part of it.",
        list="Every load balancer of a resource group.",
        list_all="Every load balancer of a subscription.",
        part="One probe, rule, pool or frontend of a load balancer.",
        parts="The probes, rules, pools or frontends of a load balancer.",
        put_part="Add a probe, rule, pool or frontend (201), or replace it (200): a change of the load balancer.",
        delete_part="Take a probe, rule, pool or frontend away; 204 if there is none, 409 while something needs it.",
    ),
)
