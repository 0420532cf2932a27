"""Resource providers: clients look here which types and api-versions there are. Everything is registered, always."""

from typing import Annotated, Any

from fastapi import APIRouter, Path

from api.networks import load_balancers, networks
from api.resources.subscriptions import REGIONS
from api.wire.errors import ArmError

router = APIRouter(tags=["providers"])

PROVIDERS = "/subscriptions/{subscriptionId}/providers"
API_VERSIONS = ("2026-04-01", "2025-04-01", "2024-11-01", "2024-07-01", "2023-09-01", "2022-12-01", "2018-10-01")

TYPES = {
    "Microsoft.Compute": (
        "virtualMachineScaleSets",
        "virtualMachineScaleSets/virtualMachines",
        "galleries",
        "galleries/images",
        "galleries/images/versions",
        "locations/publishers",
        "locations/operations",
        "locations/usages",
        "locations/vmSizes",
        "skus",
    ),
    "Microsoft.Network": (
        *(kind.type.partition("/")[2] for kind in (load_balancers.KIND, *networks.KINDS)),
        *(f"{kind.type.partition('/')[2]}/{part.name}" for kind in networks.KINDS for part in kind.parts),
    ),
    "Microsoft.Resources": ("resourceGroups", "deployments"),
    "Microsoft.ServiceFabric": ("clusters",),
}

Json = dict[str, Any]
Subscription = Annotated[str, Path(alias="subscriptionId")]
Namespace = Annotated[str, Path(alias="namespace")]


@router.get(PROVIDERS, response_model=None)
async def list_providers(subscription_id: Subscription) -> Json:
    """Every provider that there is here."""
    return {"value": [_body(subscription_id, namespace) for namespace in TYPES]}


@router.get(PROVIDERS + "/{namespace}", response_model=None)
async def get_provider(subscription_id: Subscription, namespace: Namespace) -> Json:
    """One provider with its types."""
    return _body(subscription_id, _known(namespace))


@router.post(PROVIDERS + "/{namespace}/register", response_model=None)
async def register_provider(subscription_id: Subscription, namespace: Namespace) -> Json:
    """Does nothing: a provider that is there is registered."""
    return _body(subscription_id, _known(namespace))


def _known(namespace: str) -> str:
    for known in TYPES:
        if known.lower() == namespace.lower():
            return known
    raise ArmError(404, "InvalidResourceNamespace", f"The resource namespace '{namespace[:80]}' is invalid.")


def _body(subscription_id: str, namespace: str) -> Json:
    return {
        "id": f"/subscriptions/{subscription_id}/providers/{namespace}",
        "namespace": namespace,
        "registrationState": "Registered",
        "resourceTypes": [
            {"resourceType": name, "locations": list(REGIONS.values()), "apiVersions": list(API_VERSIONS)}
            for name in TYPES[namespace]
        ],
    }
