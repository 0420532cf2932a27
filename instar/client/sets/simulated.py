"""What only simulated machines have: their behaviour on an image version is said beforehand."""

from collections.abc import Iterable
from typing import Any
from urllib.parse import quote

from instar.client.api_client import ApiClient, ApiRefused
from instar.domain.images.images import ImageReference

SIMULATED = "/instar/simulated"

NOT_FOUND = 404


def is_simulated(api: ApiClient) -> bool:
    """Whether the machines of this API are simulated ones. Raises Trouble."""
    try:
        api.get(f"{SIMULATED}/defaults")
    except ApiRefused as refusal:
        if refusal.status != NOT_FOUND:
            raise
        return False
    return True


def script(api: ApiClient, image: ImageReference, *, sick: bool = False, sick_on: Iterable[str] = ()) -> None:
    """Say how machines behave on a version: well, but for those that never get healthy. Replaces what was said before.

    `sick`: none gets healthy; `sick_on`: those with these ids do not. Raises Trouble.
    """
    said: dict[str, Any] = {"neverHealthy": "all" if sick else sorted(set(sick_on))}
    api.send("PUT", f"{SIMULATED}/versions/{_path(image)}", said)


def _path(image: ImageReference) -> str:
    return "/".join(quote(part, safe="") for part in (image.publisher, image.offer, image.sku, image.version))
