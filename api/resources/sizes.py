"""Sizes of machines and how much of a quota is used: what clients ask before they make a scale set.

Known are the sizes that the compute can make machines of. On the simulated fleet any other name does as well.
"""

import asyncio
from collections import Counter
from collections.abc import Iterable
from typing import Annotated, Any

from fastapi import APIRouter, Path, Query

from api.resources.subscriptions import REGIONS
from api.services.dependencies import LOCATION, Services, ServicesDep
from api.services.paging import PagingDep
from api.wire.filters import EVERYTHING, read_filter
from api.wire.properties import REGION, at, normal_location
from instar.compute.libvirt.settings import LibvirtSettings
from instar.compute.libvirt.sizes import SIZES, Size

router = APIRouter(tags=["sizes"])

SKUS = "/subscriptions/{subscriptionId}/providers/Microsoft.Compute/skus"
NETWORK_USAGES = "/subscriptions/{subscriptionId}/providers/Microsoft.Network/locations/{location}/usages"
ZONES = ("1", "2", "3")
NO_LIMIT = 2**31 - 1
"""What is said of something without a quota: clients want a number."""

NETWORKS = {
    "virtualNetworks": "Virtual Networks",
    "publicIPAddresses": "Public IP Addresses",
    "networkSecurityGroups": "Network Security Groups",
    "loadBalancers": "Load Balancers",
}

Json = dict[str, Any]
Subscription = Annotated[str, Path(alias="subscriptionId")]
Location = Annotated[str, Path()]


@router.get(LOCATION + "/vmSizes", response_model=None)
async def list_sizes(services: ServicesDep, location: Location) -> Json:
    """The sizes that are known, with processors and memory; the same in every region."""
    del location
    sizes = [
        {"name": name, "numberOfCores": size.cpus, "memoryInMB": size.memory_mib, "resourceDiskSizeInMB": 0}
        for name, size in sorted(_sizes(services).items())
    ]
    return {"value": sizes}


@router.get(SKUS, response_model=None)
async def list_skus(
    services: ServicesDep,
    paging: PagingDep,
    filter_: Annotated[str, Query(alias="$filter", description="location eq 'westus2'")] = "",
) -> Json:
    """List the sizes region by region, with zones; `$filter` by location, which may be any region."""
    chosen = read_filter(filter_, ("location", "name", "resourceType"))
    regions = {*REGIONS, *_named_regions(filter_)} if chosen is not EVERYTHING else REGIONS
    found = [
        sku
        for region in sorted(regions)
        for name, size in _sizes(services).items()
        if chosen.holds((sku := _sku(name, size, region)) | {"location": region})
    ]
    page = paging.page(found, lambda sku: (sku["locations"][0], sku["name"]))
    return page.answer(page.items)


@router.get(LOCATION + "/usages", response_model=None)
async def list_compute_usages(services: ServicesDep, subscription_id: Subscription, location: Location) -> Json:
    """Scale sets and their machines in a region. The quota is that of the whole subscription; machines have none."""
    sets = await asyncio.to_thread(services.store.scale_sets.list, subscription_id)
    there = [stored for stored in sets if stored.identity.location == normal_location(location)]
    machines = sum(int(at(stored.document, "sku.capacity") or 0) for stored in there)
    return {
        "value": [
            _usage(
                "virtualMachineScaleSets", "Virtual Machine Scale Sets", len(there), services.settings.quotas.scale_sets
            ),
            _usage("virtualMachines", "Virtual Machines", machines, NO_LIMIT),
        ]
    }


@router.get(NETWORK_USAGES, response_model=None)
async def list_network_usages(services: ServicesDep, subscription_id: Subscription, location: Location) -> Json:
    """Network resources in a region. The quota is that of all resources of the subscription together."""
    resources = await asyncio.to_thread(services.store.resources.all_of, subscription_id)
    here = normal_location(location)
    counts = Counter(stored.type.lower() for stored in resources if stored.document.get("location") == here)
    quota = services.settings.quotas.resources
    return {
        "value": [
            _usage(f"{word[:1].upper()}{word[1:]}", shown, counts[f"microsoft.network/{word}".lower()], quota)
            for word, shown in NETWORKS.items()
        ]
    }


def _sizes(services: Services) -> dict[str, Size]:
    """Those that every compute knows, and those of the settings: they come first, in whatever case."""
    own = LibvirtSettings.model_validate(services.settings.libvirt).sizes if services.settings.libvirt else {}
    names = {name.lower() for name in own}
    return {name: size for name, size in SIZES.items() if name.lower() not in names} | own


def _sku(name: str, size: Size, region: str) -> Json:
    return {
        "resourceType": "virtualMachines",
        "name": name,
        "tier": "Standard",
        "size": name.partition("_")[2] or name,
        "locations": [region],
        "locationInfo": [{"location": region, "zones": list(ZONES)}],
        "capabilities": [
            {"name": "vCPUs", "value": str(size.cpus)},
            {"name": "MemoryGB", "value": f"{size.memory_mib / 1024:g}"},
        ],
        "restrictions": [],
    }


def _named_regions(filter_: str) -> Iterable[str]:
    """Every text of a filter that could be a region: names of regions are free here."""
    return (text for text in filter_.split("'")[1::2] if REGION.fullmatch(text))


def _usage(name: str, shown: str, used: int, limit: int) -> Json:
    return {"unit": "Count", "currentValue": used, "limit": limit, "name": {"value": name, "localizedValue": shown}}
