"""Load balancers: documents of which Instar reads the probes and the sku; no traffic passes here."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from api.networks.health_probes import probes_in_use
from api.services.dependencies import Services
from api.stored.kinds import Draft, Kind, Part, Routes, Words
from api.stored.stored_resources import ResourceName, checked_name, quoted, resource_body
from api.wire.errors import ArmError, invalid
from instar.domain.health.load_balancers import LOAD_BALANCER, normal_probe, probe_documents, probe_fault
from instar.store.resources import StoredResource

Json = dict[str, Any]

_PROBES = "properties.probes"
_SKUS = {sku.lower(): sku for sku in ("Basic", "Standard", "Gateway")}
_NOT_STORED = frozenset({"id", "type", "etag"})
"""What a client that puts back what it got brings along with each probe."""


async def _checked(draft: Draft) -> Json:
    name, document = draft.name, _well_shaped(draft.document)
    _check_place(draft.had, document["location"])
    kept = {str(probe["name"]).lower() for probe in probe_documents(document)}
    for probe, scale_set in (await probes_in_use(draft.services, name.subscription_id, name.resource_id)).items():
        if probe not in kept:
            message = (
                f"Load balancer probe {name.resource_id}/probes/{probe} cannot be deleted because it is in use by "
                f"virtual machine scale set {scale_set}."
            )
            raise ArmError(409, "InUseLoadBalancerProbeCannotBeDeleted", message, target=_PROBES)
    return document


async def _check_delete(services: Services, name: ResourceName) -> None:
    for probe, scale_set in (await probes_in_use(services, name.subscription_id, name.resource_id)).items():
        message = (
            f"Cannot delete load balancer {name.resource_id} since its probe '{probe}' is in use by virtual machine "
            f"scale set {scale_set}."
        )
        raise ArmError(409, "LoadBalancerInUseByVirtualMachineScaleSet", message)


def _check_place(had: StoredResource | None, location: str) -> None:
    """A load balancer stays in its region: scale sets name its probes from there."""
    if had is not None and had.document["location"] != location:
        message = (
            f"The resource '{had.name}' already exists in location '{had.document['location']}' in resource group "
            f"'{had.resource_group}'. A resource with the same name cannot be created in location '{location}'. Please "
            "select a new resource name."
        )
        raise ArmError(409, "InvalidResourceLocation", message, target="location")


def _well_shaped(document: Json) -> Json:
    """The document with its probes and sku in their one spelling. Raises ArmError 400 that names what is wrong."""
    sku = document.get("sku") or {}
    if not isinstance(sku, dict) or str(sku.get("name", "Basic")).lower() not in _SKUS:
        raise invalid("'sku.name' must be Basic, Standard or Gateway.", "sku.name")
    if "name" in sku:
        document = document | {"sku": sku | {"name": _SKUS[str(sku["name"]).lower()]}}
    properties = document.get("properties") or {}
    given = properties.get("probes")
    if given is None:
        return document
    if not isinstance(given, list) or not all(isinstance(probe, dict) for probe in given):
        raise invalid(f"'{_PROBES}' must be a list of objects.", _PROBES)
    probes: list[Json] = []
    for index, probe in enumerate(given):
        probes.append(_checked_probe(probe, f"{_PROBES}[{index}]"))
        if [one["name"].lower() for one in probes].count(probes[-1]["name"].lower()) > 1:
            raise invalid(f"A load balancer cannot have two probes named '{probes[-1]['name']}'.", _PROBES)
    return document | {"properties": properties | {"probes": probes}}


def _checked_probe(probe: Json, path: str) -> Json:
    name, properties = probe.get("name"), probe.get("properties")
    if not isinstance(name, str) or not name:
        raise invalid(f"'{path}.name' must be a string.", f"{path}.name")
    if not isinstance(properties, dict):
        raise invalid(f"'{path}.properties' must be an object.", f"{path}.properties")
    checked_name(name, f"{path}.name")
    wrong, why = probe_fault(properties)
    if wrong:
        raise invalid(f"'{path}.properties.{wrong}' {why}.", f"{path}.properties.{wrong}")
    kept = {key: value for key, value in properties.items() if key != "provisioningState"}
    return {key: value for key, value in probe.items() if key not in _NOT_STORED} | {"properties": normal_probe(kept)}


def _body(stored: StoredResource, _now: datetime, _expanded: frozenset[str]) -> Json:
    probes = [_probe(stored, probe) for probe in probe_documents(stored.document)]
    return resource_body(stored, probes=probes) if probes else resource_body(stored)


def _probe(stored: StoredResource, probe: Mapping[str, Any]) -> Json:
    return {
        **probe,
        "id": f"{stored.resource_id}/probes/{probe['name']}",
        "type": f"{LOAD_BALANCER}/probes",
        "etag": quoted(stored),
        "properties": {**probe["properties"], "provisioningState": "Succeeded"},
    }


KIND = Kind(
    type=LOAD_BALANCER,
    name_parameter="loadBalancerName",
    check=_checked,
    only_tags_are_patched=True,
    last_put_wins=True,
    body=_body,
    check_delete=_check_delete,
    parts=(
        Part(
            "probes",
            "probe",
            in_templates=False,
            body=_probe,
            parameter="probeName",
            words=("The probes of a load balancer.", "One probe of a load balancer."),
        ),
        Part("inboundNatRules", "inbound NAT rule"),
        Part("backendAddressPools", "backend address pool"),
    ),
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
    words=Words(
        put="Create a load balancer (201), or replace it (200). A probe that a scale set names cannot be left out "
        "(409).",
        patch="Replace the tags of a load balancer; nothing else can be patched.",
        get="One load balancer, each of its probes with its id.",
        delete="Delete a load balancer; 204 if there is none, 409 while a scale set names one of its probes.",
        list="Every load balancer of a resource group.",
        list_all="Every load balancer of a subscription.",
    ),
)
