"""A running Instar and its sets, as tests of the page need them."""

import asyncio
import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from instar.client.api_client import ApiClient
from instar.client.sets.first_set import EXAMPLE
from instar.client.sets.machines import is_healthy
from instar.client.sets.machines import machines as machines_of
from instar.compute.simulated.file.scripts import FleetDefaults, VersionScript
from instar.demo.demo_checks import FIRST
from instar.domain.delays import Delays
from instar.domain.images.images import ImageReference
from tests.processes.scale_set import VERSION
from tests.processes.site import Site, eventually
from tests.support.models import GROUP

DELAYS = Delays(
    first_trigger=timedelta(seconds=3),
    health_wait=timedelta(seconds=6),
    health_poll_most=timedelta(seconds=1),
    look_least=timedelta(seconds=2),
    look_most=timedelta(seconds=4),
    nudge_most=timedelta(seconds=1),
)
SWAP, BOOT = timedelta(seconds=0.3), timedelta(seconds=0.3)

IMAGES = (
    f"/subscriptions/{GROUP.split('/')[2]}/providers/Microsoft.Compute/locations/westeurope"
    f"/publishers/{FIRST.publisher}/artifacttypes/vmimage/offers/{FIRST.offer}/skus/{FIRST.sku}/versions"
)

Json = dict[str, Any]


@dataclass(frozen=True)
class Live:
    """A site, and somebody who owns it."""

    site: Site
    api: ApiClient

    async def link(self) -> str:
        """A new link that logs in once."""
        return await asyncio.to_thread(self.api.page_link)

    async def publish(self, image: ImageReference, script: VersionScript | None = None) -> None:
        """A version, and how machines behave on it."""
        self.site.fleet.script_version(image, script or VersionScript())
        answer = await self.site.http.put(f"{IMAGES}/{image.version}", params=VERSION, json={"location": "westeurope"})
        assert answer.status_code in (200, 201), answer.text

    async def newer(self, script: VersionScript | None = None) -> ImageReference:
        """A version that is newer than all others, published."""
        answer = await self.site.http.get(IMAGES, params=VERSION)
        known = [one["name"] for one in answer.json()] if answer.is_success else []
        image = FIRST.at(f"18.04.{max((int(one.rpartition('.')[2]) for one in known), default=202401160) + 1}")
        await self.publish(image, script)
        return image

    async def until(self, path: str, holds: Callable[[Json], bool], what: str) -> None:
        """Wait until it holds of the set, as the list of all sets tells of it."""

        async def now() -> bool:
            listed = await self.ask("GET", "/instar/scaleSets")
            return any(holds(one["properties"]) for one in listed["value"] if one["id"] == path)

        await eventually(now, what)

    async def ask(self, method: str, path: str, body: Json | None = None) -> Json:
        """The answer of the API to its owner."""
        answer = await self.site.http.request(method, path, params=VERSION, json=body)
        assert answer.is_success, answer.text
        return dict(answer.json()) if answer.content else {}

    async def has_set(self, name: str, machines: int, **policy: Any) -> str:
        """A set of healthy machines on the newest version; its resource id."""
        self.site.fleet.set_defaults(FleetDefaults(swap=SWAP, boot=BOOT))
        document = json.loads(EXAMPLE.read_text(encoding="utf-8"))
        document["sku"]["capacity"] = machines
        document["properties"]["upgradePolicy"]["rollingUpgradePolicy"] |= policy
        path = f"{GROUP}/providers/Microsoft.Compute/virtualMachineScaleSets/{name}"
        await self.ask("PUT", path, document)

        async def healthy() -> bool:
            found = await asyncio.to_thread(machines_of, self.api, path)
            return len(found) == machines and all(map(is_healthy, found))

        await eventually(healthy, f"{machines} machines of {name} are healthy")
        return path
