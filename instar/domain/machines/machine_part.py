"""The part of a scale set's document that its machines see: what makes an instance be "on the latest model".

Capacity, upgrade policy and tags are the set's own affair: changed, they leave every machine as it is.
"""

from collections.abc import Mapping
from typing import Any

NOT_SEEN: tuple[tuple[str, ...], ...] = (
    ("scheduledEventsProfile",),
    ("serviceArtifactReference",),
    ("timeCreated",),
    # An answer to the set-up of a new disk; enabling automatic upgrades forces it, and enabling touches no instance.
    ("osProfile", "windowsConfiguration", "enableAutomaticUpdates"),
)
"""Members of `virtualMachineProfile` that are for whoever runs the machines, not for the machines (T1, I6)."""

SECRETS_BELOW = "/properties/virtualmachineprofile/"
"""Secrets whose place begins so, in lower case, are the machines'."""


def machine_part(document: Mapping[str, Any]) -> dict[str, Any]:
    """The profile without what machines do not see, the size, the zones.

    >>> web = {"sku": {"name": "B2", "capacity": 3}, "properties": {"virtualMachineProfile": {"userData": "x"}}}
    >>> machine_part(web)
    {'profile': {'userData': 'x'}, 'size': 'B2', 'zones': []}
    >>> machine_part(web) == machine_part(web | {"sku": {"name": "B2", "capacity": 9}, "tags": {"a": "b"}})
    True
    """
    profile: Mapping[str, Any] = _mapping(_mapping(document.get("properties")).get("virtualMachineProfile"))
    for path in NOT_SEEN:
        profile = _without(profile, path)
    return {
        "profile": dict(profile),
        "size": _mapping(document.get("sku")).get("name"),
        "zones": document.get("zones") or [],
    }


def _without(members: Mapping[str, Any], path: tuple[str, ...]) -> dict[str, Any]:
    """The same without the member at that path, and without what is empty then.

    >>> _without({"a": {"b": {"c": 1}}, "d": 2}, ("a", "B", "c"))
    {'d': 2}
    """
    kept = {}
    for key, value in members.items():
        if key.lower() != path[0].lower():
            kept[key] = value
        elif len(path) > 1 and (left := _without(value, path[1:]) if isinstance(value, Mapping) else value):
            kept[key] = left
    return kept


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}
