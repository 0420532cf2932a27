"""`instar init`: a first scale set of simulated machines, with a version of its image to run."""

import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

from instar.client.api_client import ApiClient, ApiRefused
from instar.client.sets.machines import counted, is_healthy, machines
from instar.client.sets.simulated import NOT_FOUND, is_simulated, script
from instar.domain.images.images import ImageReference
from instar.errors import Trouble
from instar.program import program

EXAMPLE = Path(__file__).with_name("web.vmss.json")
"""An ARM document of a scale set: 20 machines, two data disks each, a health extension."""

FIRST_VERSION = "1.0.0"

PATIENCE_SECONDS = 120.0
"""Given to the machines to be made and to become healthy: each boots for seconds, all at once."""

LOOK_SECONDS = 0.3

Json = dict[str, Any]


@dataclass(frozen=True)
class FirstSet:
    """What is to be made, and where."""

    name: str
    resource_group: str
    subscription: str

    @property
    def resource_id(self) -> str:
        """Of the set."""
        group = f"/subscriptions/{quote(self.subscription)}/resourceGroups/{quote(self.resource_group)}"
        return f"{group}/providers/Microsoft.Compute/virtualMachineScaleSets/{quote(self.name)}"


def make(api: ApiClient, wish: FirstSet, say: Callable[[str], None], pause: Callable[[float], None]) -> None:
    """Make what is not there yet, and say each thing. Done again it changes nothing. Raises Trouble."""
    if not is_simulated(api):
        raise Trouble(
            "the machines here are no simulated ones: docs/libvirt.md shows the way to a first set of real ones"
        )
    document = json.loads(EXAMPLE.read_text(encoding="utf-8"))
    there = _existing(api, wish)
    if there and there["properties"]["provisioningState"] != "Failed":
        standing = counted(machines(api, wish.resource_id))
        say(f"scale set {wish.name} is there already, and was left as it is: {standing}")
        return
    _publish_first(api, wish, document, say)
    say(f"making scale set {wish.name} of {document['sku']['capacity']} simulated machines")
    api.finish(api.send("PUT", wish.resource_id, document), pause, PATIENCE_SECONDS)
    give_up_at = time.monotonic() + PATIENCE_SECONDS
    while not all(map(is_healthy, found := machines(api, wish.resource_id))):
        if time.monotonic() > give_up_at:
            raise Trouble(
                f"the set was made; after {PATIENCE_SECONDS:g} s it has {counted(found)}: "
                f"`{program()} status {wish.name}` says how it goes on"
            )
        pause(LOOK_SECONDS)
    say(f"scale set {wish.name} is there: {counted(found)}")


def _existing(api: ApiClient, wish: FirstSet) -> Json | None:
    try:
        found: Json = api.get(wish.resource_id)
    except ApiRefused as refusal:
        if refusal.status != NOT_FOUND:
            raise
        return None
    return found


def _publish_first(api: ApiClient, wish: FirstSet, document: Json, say: Callable[[str], None]) -> None:
    """A version for new machines, where none is offered."""
    given = document["properties"]["virtualMachineProfile"]["storageProfile"]["imageReference"]
    image = ImageReference(publisher=given["publisher"], offer=given["offer"], sku=given["sku"])
    location = document["location"]
    versions = versions_path(wish.subscription, location, image)
    try:
        offered = api.get(versions)
    except ApiRefused as refusal:
        if refusal.status != NOT_FOUND:
            raise
        offered = []
    if offered:
        say(f"its image is published already: {image.at(offered[-1]['name'])} in {location}")
        return
    first = image.at(FIRST_VERSION)
    script(api, first)
    api.send("PUT", f"{versions}/{first.version}", {"location": location})
    say(f"published {first} in {location}")


def versions_path(subscription: str, location: str, image: ImageReference) -> str:
    """Where the catalogue of a region has the versions of an image."""
    return (
        f"/subscriptions/{subscription}/providers/Microsoft.Compute/locations/{quote(location)}"
        f"/publishers/{quote(image.publisher)}/artifacttypes/vmimage/offers/{quote(image.offer)}"
        f"/skus/{quote(image.sku)}/versions"
    )
