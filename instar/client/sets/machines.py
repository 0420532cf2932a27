"""Machines of a scale set, as the API tells of them."""

from collections import Counter
from typing import Any

from instar.client.api_client import ApiClient

Json = dict[str, Any]


def machines(api: ApiClient, scale_set: str) -> list[Json]:
    """Every machine of a set, named by its resource id, with its health. Raises Trouble."""
    return api.all(f"{scale_set}/virtualMachines?$expand=instanceView")


def version_of(machine: Json) -> str:
    """The exact version of a machine's OS disk, from the API's body."""
    return str(machine["properties"]["storageProfile"]["imageReference"].get("exactVersion", ""))


def is_healthy(machine: Json) -> bool:
    """Whether the API saw it healthy."""
    health = machine["properties"].get("instanceView", {}).get("vmHealth", {})
    return str(health.get("status", {}).get("code", "")).lower() == "healthstate/healthy"


def counted(found: list[Json]) -> str:
    """How many there are, how many are healthy, and on which versions.

    >>> on = lambda version: {"properties": {"storageProfile": {"imageReference": {"exactVersion": version}}}}
    >>> counted([on("1.0"), on("2.0"), on("2.0")]), counted([])
    ('3 machines, 0 healthy; 1 on 1.0, 2 on 2.0', 'no machines')
    """
    if not found:
        return "no machines"
    versions = Counter(version_of(machine) or "no image" for machine in found)
    on = ", ".join(f"{count} on {version}" for version, count in sorted(versions.items()))
    return f"{len(found)} {'machine' if len(found) == 1 else 'machines'}, {sum(map(is_healthy, found))} healthy; {on}"
