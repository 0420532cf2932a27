"""Properties of any document: by their path, and those that every resource has."""

import re
from typing import Any

from instar.domain.images.regions import region_name

Json = dict[str, Any]

REGION = re.compile(r"[a-z][a-z0-9-]{0,63}")

normal_location = region_name
"""A region by its name, whether that or its display name was sent."""


def at(document: Json, path: str) -> Any:
    """The value under a dotted path, None where there is none."""
    value: Any = document
    for key in path.split("."):
        if not isinstance(value, dict):
            return None
        value = value.get(key)
    return value
