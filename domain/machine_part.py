"""The part of a set's model that machines are made from: what matters to an image's fitness (behaviour.md T5)."""

from collections.abc import Mapping
from typing import Any


def machine_part(document: Mapping[str, Any]) -> dict[str, Any]:
    """The machine's profile and size; not how many there are, how they are upgraded, and what they are tagged with.

    >>> one = {"sku": {"name": "Standard_B2s", "capacity": 2}, "tags": {"a": "b"}}
    >>> machine_part(one) == machine_part(one | {"sku": {"name": "Standard_B2s", "capacity": 3}, "tags": {}})
    True
    >>> machine_part(one) == machine_part(one | {"properties": {"virtualMachineProfile": {"licenseType": "x"}}})
    False
    """
    properties = document.get("properties") or {}
    sku = document.get("sku") or {}
    return {
        "profile": properties.get("virtualMachineProfile") or {},
        "size": {name: value for name, value in sku.items() if name != "capacity"},
    }
