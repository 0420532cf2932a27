"""The document of short image names that `az` reads where no list of everything is asked for.

It is open, since `az` asks for it without a token, so it holds what is no secret: the platform images that every Instar
knows from the start, and nothing that was published here.
"""

from collections.abc import Iterable
from typing import Any

from instar.store.catalogue import PlatformSku


def image_aliases(skus: Iterable[PlatformSku]) -> dict[str, Any]:
    """The document, in the shape of Azure's.

    >>> image_aliases([PlatformSku("OpenLogic", "CentOS", "7.5")])["outputs"]["aliases"]["value"]["Linux"]["CentOS-7.5"]
    {'publisher': 'OpenLogic', 'offer': 'CentOS', 'sku': '7.5', 'version': 'latest', 'architecture': 'x64'}
    """
    systems: dict[str, dict[str, Any]] = {"Linux": {}, "Windows": {}}
    for line in skus:
        system = "Windows" if "windows" in line.offer.lower() else "Linux"
        image = {"publisher": line.publisher, "offer": line.offer, "sku": line.sku}
        systems[system][f"{line.offer}-{line.sku}"] = image | {"version": "latest", "architecture": "x64"}
    return {"contentVersion": "1.0.0.0", "parameters": {}, "outputs": {"aliases": {"type": "object", "value": systems}}}
