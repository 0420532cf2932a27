"""Which version a set is offered by the platform, by its rings (docs/rules.md W5)."""

import asyncio
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from instar.domain.images.images import ImageReference, version_key
from instar.domain.messages.os_upgrade import LookRequest
from instar.domain.records.upgrades import UpgradeKind
from instar.domain.sets.policies import StartedBy
from instar.domain.sets.scale_sets import ScaleSetIdentity
from instar.domain.steering.rings.offers import why_not_yet
from instar.store.steering.rings import Known
from instar.store.store import Store

ASKED_AT_MOST = 10
"""The newest versions: older ones are offered to nobody who has had one of these."""


@dataclass(frozen=True)
class Offer:
    """The newest version that no ring keeps back, None where there is none; and what keeps back a newer one."""

    version: str | None
    waits: str = ""


async def offer(
    store: Store,
    scale_set: ScaleSetIdentity,
    image: ImageReference,
    versions: Iterable[str],
    *,
    there: Collection[str] = (),
) -> Offer:
    """Of these versions. `there`: versions that the set has already, which no ring keeps back any more."""
    return await asyncio.to_thread(_offer, store, scale_set, image, versions, there)


def _offer(
    store: Store, scale_set: ScaleSetIdentity, image: ImageReference, versions: Iterable[str], there: Collection[str]
) -> Offer:
    known = store.rings.all()
    return offer_by(known, _tags(store, scale_set) if known else {}, scale_set.resource_id, image, versions, there)


def offer_by(  # noqa: PLR0917  # what it is decided from
    known: Sequence[Known],
    tags: Mapping[str, Any],
    resource_id: str,
    image: ImageReference,
    versions: Iterable[str],
    there: Collection[str] = (),
) -> Offer:
    """The same by rings that were read already, for a set with these tags."""
    newest_first = sorted(versions, key=version_key, reverse=True)
    waits = ""
    for version in newest_first[:ASKED_AT_MOST]:
        why = "" if version in there else _why(known, tags, resource_id, image, version)
        if not why:
            return Offer(version, waits)
        waits = waits or f"{version} {why}"
    return Offer(None, waits)


def why_kept_back(store: Store, scale_set: ScaleSetIdentity, image: ImageReference, version: str) -> str:
    """Why the platform does not offer a version to a set yet, by any of its rings; "" if it does."""
    known = store.rings.all()
    return _why(known, _tags(store, scale_set), scale_set.resource_id, image, version) if known else ""


def _tags(store: Store, scale_set: ScaleSetIdentity) -> Mapping[str, Any]:
    stored = store.scale_sets.by_unique_id(scale_set.unique_id)
    return (stored.document.get("tags") or {}) if stored else {}


def _why(known: Sequence[Known], tags: Mapping[str, Any], resource_id: str, image: ImageReference, version: str) -> str:
    for plan, progress in known:
        ring = plan.ring_of(resource_id, tags)
        if ring is not None and (why := why_not_yet(plan, progress, ring, image.line, version)):
            return why
    return ""


async def overtaken(store: Store, request: LookRequest) -> str:
    """What a start by hand overtakes, as half a sentence; "" where it overtakes nothing."""
    plan = request.plan
    if request.started_by is not StartedBy.USER or plan.kind is not UpgradeKind.OS_UPGRADE:
        return ""
    why = await asyncio.to_thread(why_kept_back, store, request.scale_set, plan.target, plan.target.version)
    return f"by hand it overtakes its rings: {plan.target.version} {why}" if why else ""
