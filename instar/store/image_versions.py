"""Whether an exact version of an image can be had in a region (docs/rules.md I1, I2, P19, R2)."""

from datetime import datetime

from instar.domain.images import galleries
from instar.domain.images.images import ImageReference
from instar.domain.records.way_back import WayBack
from instar.store.store import Store


def why_withdrawn(store: Store, target: ImageReference, location: str, now: datetime) -> str:
    """Why no disk is to be made of it, as half a sentence; empty if one may be.

    The owner of a gallery takes a version back by deleting it, by excluding it from latest, or by taking its copy out
    of the region.
    """
    if target.id:
        version = store.resources.find(target.version_id)
        return galleries.not_offered(version.document, location, now) if version else "it was deleted"
    row = store.images.get(target.publisher, target.offer, target.sku, target.version, location)
    return "" if row is not None and not row.withdrawn else "it is not published any more"


def that_can_be_had(store: Store, way: WayBack, location: str, now: datetime) -> WayBack:
    """The same, in which nobody goes to a version of which no disk is kept for it and none can be made."""
    for part in way.parts:
        if part.newly_made and (why := why_withdrawn(store, part.image, location, now)):
            way = way.without(part, f"no disk of {part.image.version} is kept for it, and {why}")
    return way
