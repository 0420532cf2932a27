"""Tenants, subscriptions and regions: what clients ask for before anything else.

There is one tenant. A subscription is a name: those that the caller has a role in, and for whoever has a role
everywhere those that hold something.
"""

import asyncio
from typing import Annotated, Any

from fastapi import APIRouter, Path

from api.access.own_issuer import TENANT
from api.services.dependencies import Services, ServicesDep
from instar.domain.access import ROOT

router = APIRouter(tags=["subscriptions"])

DEFAULT_SUBSCRIPTION = "00000000-0000-0000-0000-000000000000"
"""Shown to whoever has a role everywhere, while nothing else is there."""

REGIONS = {
    "westeurope": "West Europe",
    "northeurope": "North Europe",
    "eastus": "East US",
    "eastus2": "East US 2",
    "westus": "West US",
    "westus2": "West US 2",
    "centralus": "Central US",
}
"""A region is a name too: these are listed so that clients have something to offer."""

Json = dict[str, Any]


@router.get("/tenants", response_model=None)
async def list_tenants() -> Json:
    """The one tenant."""
    return {"value": [{"id": f"/tenants/{TENANT}", "tenantId": TENANT, "displayName": "Instar"}]}


@router.get("/subscriptions", response_model=None)
async def list_subscriptions(services: ServicesDep) -> Json:
    """The subscriptions in which the caller has a role."""
    return {"value": [_subscription(subscription) for subscription in await _subscriptions(services)]}


@router.get("/subscriptions/{subscriptionId}", response_model=None)
async def get_subscription(subscription_id: Annotated[str, Path(alias="subscriptionId")]) -> Json:
    """One subscription."""
    return _subscription(subscription_id)


@router.get("/subscriptions/{subscriptionId}/locations", response_model=None)
async def list_locations(subscription_id: Annotated[str, Path(alias="subscriptionId")]) -> Json:
    """The regions of a subscription."""
    return {
        "value": [
            {
                "id": f"/subscriptions/{subscription_id}/locations/{name}",
                "name": name,
                "type": "Region",
                "displayName": shown,
                "regionalDisplayName": shown,
                "metadata": {"regionType": "Physical", "regionCategory": "Recommended"},
            }
            for name, shown in REGIONS.items()
        ]
    }


async def _subscriptions(services: Services) -> list[str]:
    grants = services.caller.grants
    named = [grant.scope.split("/")[2] for grant in grants if grant.scope != ROOT]
    if any(grant.scope == ROOT for grant in grants):
        named += [*await asyncio.to_thread(services.store.subscriptions), DEFAULT_SUBSCRIPTION]
    first: dict[str, str] = {}
    for one in named:
        first.setdefault(one.lower(), one)
    return [first[key] for key in sorted(first)]


def _subscription(subscription_id: str) -> Json:
    return {
        "id": f"/subscriptions/{subscription_id}",
        "subscriptionId": subscription_id,
        "tenantId": TENANT,
        "displayName": "Instar" if subscription_id == DEFAULT_SUBSCRIPTION else subscription_id,
        "state": "Enabled",
        "subscriptionPolicies": {"spendingLimit": "Off"},
        "authorizationSource": "RoleBased",
        "managedByTenants": [],
    }
