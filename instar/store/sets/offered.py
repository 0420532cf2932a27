"""What a set may be upgraded to: the versions on offer, and its quarantine (docs/rules.md I1, I2, T5)."""

from datetime import datetime

from instar.domain.images import galleries
from instar.domain.images.images import ImageReference
from instar.domain.records.quarantine import Quarantine
from instar.store.store import Store


def offered_versions(store: Store, image: ImageReference, location: str, now: datetime) -> list[str]:
    """The versions that `latest` may mean in a region: those of the catalogue (I1), or of the gallery image (I2)."""
    if image.id:
        found = store.resources.children(galleries.VERSION, image.id)
        return galleries.offered_versions({one.name: one.document for one in found}, location, now)
    return [row.version for row in store.images.versions(image.publisher, image.offer, image.sku, location)]


def outdated_generations(store: Store, unique_id: str, quarantine: Quarantine, generation: int) -> tuple[int, ...]:
    """Model generations of a quarantine whose machine part, secrets included, is not that of `generation`.

    What went wrong on those says nothing of this one. Fresh credentials alone mend an extension (F4).
    """
    others = [one for one in quarantine.generations if one != generation]
    if not others:
        return ()
    known = store.scale_sets.machine_generation
    now = known(unique_id, generation)
    return tuple(one for one in others if known(unique_id, one) != now)
