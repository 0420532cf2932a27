"""A gallery image in the small world: published, copied and taken back as its owner would."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from instar.compute.simulated.file.scripts import VersionScript
from instar.domain.images import galleries
from instar.domain.images.galleries import Replica
from instar.domain.images.images import ImageReference
from tests.support.models import GROUP, LOCATION
from tests.support.world import World

IMAGE = ImageReference(id=f"{GROUP}/providers/Microsoft.Compute/galleries/g/images/web")


@dataclass
class GalleryImage:
    """One image; its versions are copied to the region of the set unless a test says otherwise."""

    world: World

    def publish(
        self,
        version: str,
        script: VersionScript | None = None,
        *,
        region: str = LOCATION,
        takes: timedelta = timedelta(0),
        **profile: Any,
    ) -> None:
        """Publish a version, whose copy is there after `takes`."""
        world = self.world
        document = {"properties": {"publishingProfile": {"targetRegions": [{"name": region}], **profile}}}
        copies = galleries.begun({}, [region], world.clock(), takes)
        self._write(version, galleries.with_replicas(document, copies))
        world.fleet.script_version(IMAGE.at(version), script or VersionScript())

    def exclude(self, version: str) -> None:
        """Let `latest` not mean it any more."""
        document = self._document(version)
        document["properties"]["publishingProfile"]["excludeFromLatest"] = True
        self._write(version, document)

    def fail(self, version: str) -> None:
        """Lose the copy in the region of the set."""
        now = self.world.clock()
        lost = Replica(since=now, due=now, stopped_at=now, failure="the copy was lost")
        self._write(version, galleries.with_replicas(self._document(version), {LOCATION: lost}))

    def delete(self, version: str) -> None:
        """Delete it."""
        assert self.world.store.resources.delete(IMAGE.at(version).version_id)

    def _document(self, version: str) -> dict[str, Any]:
        stored = self.world.store.resources.find(IMAGE.at(version).version_id)
        assert stored is not None
        return stored.document

    def _write(self, version: str, document: dict[str, Any]) -> None:
        self.world.store.resources.put(
            galleries.VERSION,
            IMAGE.at(version).version_id,
            GROUP.split("/")[2],
            "test",
            document,
            self.world.clock(),
            parent_id=IMAGE.id,
        )
