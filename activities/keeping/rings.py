"""One look at the rings of a name: where each of their sets is with each version (docs/rules.md W5)."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from activities.images import offered_versions
from activities.keeping.words import Words
from activities.looks import look_at
from instar.compute.clock import Clock
from instar.compute.errors import ComputeError
from instar.compute.provider import Provider
from instar.domain.decisions.verdicts import check_whole_set
from instar.domain.images.images import ImageReference, version_key
from instar.domain.machines.instances import Look
from instar.domain.records.quarantine import Quarantine
from instar.domain.records.upgrades import ErrorCode, UpgradeRecord, UpgradeStatus
from instar.domain.sets.policies import StartedBy, policy_in_force
from instar.domain.sets.scale_sets import ScaleSetIdentity, ScaleSetModel
from instar.domain.steering.next_step import may_not_begin
from instar.domain.steering.rings.plans import RingPlan
from instar.domain.steering.rings.progress import RingProgress, Seen, VersionProgress, judged
from instar.store.health_sources import health_source_of
from instar.store.sets.stored_scale_set import StoredScaleSet
from instar.store.steering.rings import plan_of
from instar.store.store import Store

VERSIONS_WATCHED = 5
"""Of each image, the newest ones: what is older, ring 1 has left behind."""

LOOKS_AT_ONCE = 5

EVER = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Facts:
    """What is known of one set, whichever version is asked about."""

    resource_id: str
    name: str
    ring: int
    identity: ScaleSetIdentity | None = None
    model: ScaleSetModel | None = None
    newest: UpgradeRecord | None = None
    """Its newest OS upgrade."""
    look: Look | None = None
    """None where nobody has to look: in the last ring."""
    unseen: str = ""
    kept_back: str = ""
    """Why no upgrade of it begins: paused, held."""
    quarantine: Quarantine = field(default_factory=Quarantine)

    def seen(self, line: Sequence[str], version: str) -> Seen:
        """The same with regard to one version of an image."""
        if self.identity is None or self.model is None:
            return Seen(resource_id=self.resource_id, name=self.name, ring=self.ring)
        target = self.model.image.at(version)
        newest = self.newest if self.newest and self.newest.target.same_as(target) else None
        entry = self.quarantine.of(version) if self.model.image.line == tuple(line) else None
        sick = ""
        if self.look is not None:
            policy = policy_in_force(self.model.upgrade_policy, StartedBy.PLATFORM)
            told, breach = check_whole_set(self.look, policy, ErrorCode.UNHEALTHY_DURING, self.name)
            sick = told.removeprefix("stopped: ") if breach else ""
        return Seen(
            resource_id=self.resource_id,
            name=self.name,
            ring=self.ring,
            unique_id=self.identity.unique_id,
            same_image=self.model.image.line == tuple(line),
            machines=self.model.capacity if self.look is None else len(self.look.views),
            runs=newest is not None and not newest.status.ended,
            completed_at=newest.ended_at if newest and newest.status is UpgradeStatus.COMPLETED else None,
            is_on_it=self._all_on(target),
            sick=sick,
            quarantined=entry.reason if entry else "",
            unseen=self.unseen,
            hindered=self._hindered(self.model, newest),
        )

    def _all_on(self, target: ImageReference) -> bool:
        if self.look is None or not self.look.views:
            return False
        disks = [view.instance.os_disk for view in self.look.views]
        return all(disk is not None and disk.image.same_as(target) for disk in disks)

    def _hindered(self, model: ScaleSetModel, newest: UpgradeRecord | None) -> str:
        if newest is not None and newest.status in {UpgradeStatus.FAULTED, UpgradeStatus.CANCELLED}:
            return f"ended it as {newest.status.value}"
        if self.kept_back:
            return f"is kept back: {self.kept_back}"
        if not model.image.follows_latest:
            return "takes none by itself: its model names one version"
        if not model.upgrade_policy.automatic.enable_automatic_os_upgrade:
            return "takes none by itself: its automatic upgrades are off"
        return ""


@dataclass(frozen=True)
class RingKeeping:
    """What the keeper of rings does in one look."""

    provider: Provider
    store: Store
    clock: Clock
    words: Words

    async def see_to(self, name: str) -> str:
        """Look, write it down, and tell the sets whose turn it is; "" once there are no such rings."""
        stored = await asyncio.to_thread(self.store.rings.documents.find, name)
        if stored is None:
            return ""
        plan = plan_of(stored)
        before, _ = await asyncio.to_thread(self.store.rings.looked_at, name)
        facts = await self._facts(plan)
        now = self.clock()
        found = list[VersionProgress]()
        for image, versions in (await self._versions(facts, now)).items():
            line = image.line
            for version in versions:
                fresh = VersionProgress(image=_named(image), line=line, version=version, ring=0, since=now)
                seen = [one.seen(line, version) for one in facts]
                found.append(judged(plan, before.of(line, version) or fresh, seen, now))
        progress = RingProgress(etag=plan.etag, versions=tuple(found))
        if await asyncio.to_thread(self.store.rings.saw, name, progress, now):
            await self.words.look(_reached(before, progress, facts))
        return f"{len(found)} versions in the rings '{plan.name}'"

    async def _facts(self, plan: RingPlan) -> list[Facts]:
        gate = asyncio.Semaphore(LOOKS_AT_ONCE)

        async def of(ring: int, resource_id: str, stored: StoredScaleSet | None) -> Facts:
            async with gate:
                return await self._facts_of(plan, ring, resource_id, stored)

        sets = await asyncio.to_thread(self._sets, plan)
        return await asyncio.gather(*(of(*one) for one in sets))

    def _sets(self, plan: RingPlan) -> list[tuple[int, str, StoredScaleSet | None]]:
        """Every set of the rings, in their order; None for one that is named and is not there."""
        found = list[tuple[int, str, StoredScaleSet | None]]()
        for index, ring in enumerate(plan.rings):
            for resource_id in ring.sets:
                stored = self.store.scale_sets.find(resource_id)
                found.append((index, resource_id, None if stored is None or stored.deleting else stored))
        if any(ring.tag for ring in plan.rings):
            named = {resource_id.lower() for _, resource_id, _ in found}
            for identity, _ in self.store.scale_sets.identities():
                stored = self.store.scale_sets.by_unique_id(identity.unique_id)
                if stored is None or stored.deleting or identity.resource_id.lower() in named:
                    continue
                at = plan.ring_of(identity.resource_id, stored.document.get("tags") or {})
                if at is not None:
                    found.append((at, identity.resource_id, stored))
        return sorted(found, key=lambda one: (one[0], one[1].lower()))

    async def _facts_of(self, plan: RingPlan, ring: int, resource_id: str, stored: StoredScaleSet | None) -> Facts:
        name = resource_id.rpartition("/")[2]
        if stored is None:
            return Facts(resource_id, name, ring)
        identity = stored.identity
        model = ScaleSetModel.from_arm(stored.document, stored.generation)
        newest = await asyncio.to_thread(self.store.upgrades.history, identity.unique_id, EVER, 1)
        wishes = await asyncio.to_thread(
            self.store.wishes.binding, identity.unique_id, identity.resource_id, self.clock()
        )
        status = await asyncio.to_thread(self.store.statuses.get, identity.unique_id)
        park, look, unseen = may_not_begin(wishes), None, ""
        if ring < len(plan.rings) - 1:
            source = await asyncio.to_thread(health_source_of, self.store, model)
            try:
                look = await look_at(self.provider, identity, source, self.clock)
            except ComputeError as error:
                unseen = f"cannot be looked at: {error}"
        return Facts(
            resource_id,
            identity.name,
            ring,
            identity=identity,
            model=model,
            newest=newest[0] if newest else None,
            look=look,
            unseen=unseen,
            kept_back=park.reason if park else "",
            quarantine=status.quarantine if status else Quarantine(),
        )

    async def _versions(self, facts: Sequence[Facts], now: datetime) -> Mapping[ImageReference, list[str]]:
        """The newest versions of each image that the sets have, wherever one of them is."""
        offered = dict[tuple[str, ...], tuple[ImageReference, dict[str, None]]]()
        asked = set[tuple[tuple[str, ...], str]]()
        for one in facts:
            if one.model is None or one.identity is None:
                continue
            image, location = one.model.image, one.identity.location
            if (image.line, location) in asked:
                continue
            asked.add((image.line, location))
            _, versions = offered.setdefault(image.line, (image, {}))
            versions.update(dict.fromkeys(await offered_versions(self.store, image, location, now)))
        return {
            image: sorted(versions, key=version_key, reverse=True)[:VERSIONS_WATCHED]
            for image, versions in offered.values()
        }


def _named(image: ImageReference) -> str:
    return image.id or f"{image.publisher}:{image.offer}:{image.sku}"


def _reached(before: RingProgress, after: RingProgress, facts: Sequence[Facts]) -> list[ScaleSetIdentity]:
    """The sets of rings that a version has reached with this look, or that nothing keeps from it any more."""
    told = dict[str, ScaleSetIdentity]()
    for version in after.versions:
        had = before.of(version.line, version.version)
        was = had.ring if had and not had.stopped and before.etag == after.etag else 0
        if not version.stopped and version.ring > was:
            reached = range(was, version.ring + 1)
            told |= {one.resource_id: one.identity for one in facts if one.identity and one.ring in reached}
    return list(told.values())
