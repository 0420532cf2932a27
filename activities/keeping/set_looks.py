"""Looks for idle sets, made for all of them together: their workflows hear of them once there is something to do (T2).

The catalogue is asked once an image and region; each set's row in the store remembers how far it has come. So an
attempt that dies leaves nothing half done: what was not written down is due still.
"""

import asyncio
import logging
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from temporalio.exceptions import ApplicationError

from activities.keeping.offers import offer_by
from activities.keeping.platform import PlatformLook, offered_to, tags_of, wanted
from activities.keeping.words import Words
from instar.compute.clock import Clock
from instar.compute.errors import ComputeError, TryAgain
from instar.compute.provider import Provider
from instar.domain.images.images import ImageReference
from instar.domain.looks.kept import KeptLook, drawn
from instar.domain.looks.looking import Facts, Forget, InFull, Next, Quiet, Tell, next_of
from instar.domain.looks.publications import spread
from instar.domain.messages.scale_set import Resolution
from instar.domain.sets.scale_sets import ScaleSetModel
from instar.domain.steering.next_step import may_not_begin
from instar.store.looks.looks import DueLook, Looked
from instar.store.sets.offered import offered_versions, outdated_generations
from instar.store.steering.rings import Known
from instar.store.store import Store

_log = logging.getLogger(__name__)

PAGE = 200
"""Sets whose rows, models and wishes are read, and written, together."""

IN_FULL_AT_ONCE = 5
"""Sets whose machines are listed at the same time."""

IN_FULL_AT_MOST = 50
"""Sets whose machines are being listed, or are next; more of them are due again a minute later."""

IN_FULL_WITHIN = timedelta(seconds=30)
"""What takes longer, a set does by itself: probes may be a minute apart, and others wait."""

AGAIN_AFTER = timedelta(minutes=1)
"""Until a look that could not be made, because the compute was away, is made again (H7)."""


@dataclass(frozen=True)
class _One:
    """A set whose look is due, its model, and what follows."""

    due: DueLook
    model: ScaleSetModel
    facts: Facts
    next: Next


@dataclass(frozen=True)
class SetLooks:
    """All looks that are due."""

    provider: Provider
    store: Store
    clock: Clock
    words: Words
    round: timedelta = timedelta(seconds=10)
    """How often to see what else is due while machines are being listed."""
    _gate: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(IN_FULL_AT_ONCE))
    _listing: dict[str, asyncio.Task[None]] = field(default_factory=dict)
    """Sets whose machines are being listed, or are next, by unique id."""

    async def see_to(self) -> datetime | None:
        """Make every look that is due; when the next one is. None where none is made for any set."""
        try:
            while True:
                await self._spread()
                if due := await asyncio.to_thread(self.store.looks.due, self.clock(), PAGE):
                    await self._page(due)
                elif self._listing:
                    await self._some_listed()
                else:
                    return await asyncio.to_thread(self.store.looks.next_due)
        finally:
            for listing in self._listing.values():
                listing.cancel()
            await asyncio.gather(*self._listing.values(), return_exceptions=True)

    async def _some_listed(self) -> None:
        """Wait for one of them, and not so long that others would be late. Raises StoreError."""
        under_way = self._listing.values()
        await asyncio.wait(under_way, timeout=self.round.total_seconds(), return_when=asyncio.FIRST_COMPLETED)
        for unique_id in [one for one, listing in self._listing.items() if listing.done()]:
            self._listing.pop(unique_id).result()

    async def _spread(self) -> None:
        """What was published is told to those who follow it within minutes: here it is fixed who is told when."""
        for publication in await asyncio.to_thread(self.store.publications.all):
            plans = [plan for plan, _ in await asyncio.to_thread(self.store.rings.all)]
            tags = any(ring.tag for plan in plans for ring in plan.rings)
            now = self.clock()
            followers = await asyncio.to_thread(self.store.looks.followers, publication, with_tags=tags)
            moments = spread(followers, plans, max(now, publication.published_at))
            await asyncio.to_thread(self.store.looks.bring_forward, moments, now)
            await asyncio.to_thread(self.store.publications.told, publication)

    async def _page(self, due: list[DueLook]) -> None:
        ones, failed = await asyncio.to_thread(self._decided, due)
        await asyncio.to_thread(self.store.looks.forgotten, [one.due for one in ones if isinstance(one.next, Forget)])
        quiet = [self._quiet(one, one.next.outcome) for one in ones if isinstance(one.next, Quiet)]
        await asyncio.to_thread(self.store.looks.looked, [*quiet, *failed])
        await self._tell((one, one.next.outcome) for one in ones if isinstance(one.next, Tell))
        await self._begin_listing([one for one in ones if isinstance(one.next, InFull)])

    # --- without machines --------------------------------------------------------------------------------------------

    def _decided(self, due: list[DueLook]) -> tuple[list[_One], list[Looked]]:
        """What follows for each. What one of them fails at keeps no other from it. Raises StoreError."""
        rings, catalogue = self.store.rings.all(), dict[tuple[tuple[str, ...], str], list[str]]()
        ones, failed = list[_One](), list[Looked]()
        for one in due:
            try:
                ones.append(self._of(one, rings, catalogue))
            except (ValueError, KeyError, TypeError) as error:
                _log.exception("%s cannot be looked at", one.stored.identity.resource_id)
                outcome = f"the look failed: {type(error).__name__}"
                failed.append(self._looked(one, (), outcome, one.kept))
        return ones, failed

    def _of(self, due: DueLook, rings: list[Known], catalogue: dict[tuple[tuple[str, ...], str], list[str]]) -> _One:
        stored, now = due.stored, self.clock()
        identity = stored.identity
        model = ScaleSetModel.from_arm(stored.document, stored.machine_generation)
        outdated = outdated_generations(self.store, identity.unique_id, due.status.quarantine, model.generation)
        quarantine = due.status.quarantine.without_generations(outdated)
        versions = self._versions(catalogue, model.image, identity.location, now)
        left = wanted(versions, quarantine)
        by_rings = offer_by(rings, tags_of(stored.document), identity.resource_id, model.image, left)
        park = may_not_begin(due.wishes)
        facts = Facts(
            generation=model.generation,
            offered=offered_to(model, identity.location, versions, quarantine, by_rings),
            automatic=due.status.enabled and not stored.deleting,
            busy=due.busy,
            kept_back=park.reason if park else "",
            outdated=bool(outdated),
        )
        return _One(due, model, facts, next_of(due.kept, facts, now))

    def _versions(
        self,
        catalogue: dict[tuple[tuple[str, ...], str], list[str]],
        image: ImageReference,
        location: str,
        now: datetime,
    ) -> list[str]:
        key = (image.line, location)
        if key not in catalogue:
            catalogue[key] = offered_versions(self.store, image, location, now)
        return catalogue[key]

    # --- in full -----------------------------------------------------------------------------------------------------

    async def _begin_listing(self, ones: list[_One]) -> None:
        """Nobody else waits for them. They are due again soon, should this attempt die or have too many of them."""
        await asyncio.to_thread(self.store.looks.not_looked, [one.due for one in ones], self.clock() + AGAIN_AFTER)
        for one in ones:
            unique_id = one.due.stored.identity.unique_id
            if unique_id not in self._listing and len(self._listing) < IN_FULL_AT_MOST:
                self._listing[unique_id] = asyncio.create_task(self._in_full(one))

    async def _in_full(self, one: _One) -> None:
        """Each is written down by itself: what is long comes to its end although others are cut short."""
        async with self._gate:
            identity, quarantine = one.due.stored.identity, one.due.status.quarantine
            look = PlatformLook(self.provider, self.store, self.clock)
            try:
                async with asyncio.timeout(IN_FULL_WITHIN.total_seconds()):
                    found = await look.in_full(identity, one.model, one.facts.offered, quarantine, self.clock())
            except TryAgain:
                return  # due again soon as it is
            except TimeoutError:
                await self._tell([(one, "its machines are to be looked at: the set was told")])
            except ApplicationError as error:
                await self._held(one, error.message)
            except ComputeError as error:
                told = f"the look failed: {type(error).__name__}: {error}"
                await asyncio.to_thread(self.store.looks.looked, [self._quiet(one, told)])
            else:
                await self._found(one, found)

    async def _found(self, one: _One, found: Resolution) -> None:
        if found.plan is not None or one.due.status.held:
            # Held no more, too: that is for the set to say.
            await self._tell([(one, f"{found.reason}: the set was told")])
            return
        settled = found.settled
        if settled is not None:
            settled = settled.model_copy(update={"until": self.clock() + one.due.kept.pace.in_full})
        kept = one.due.kept.model_copy(update={"settled": settled})
        looked = self._looked(one.due, one.model.image.line, found.reason, kept)
        await asyncio.to_thread(self.store.looks.looked, [looked])

    async def _held(self, one: _One, why: str) -> None:
        """Its records are older than its machines (F7): the set says so itself, and is told once."""
        if one.due.status.held:
            await asyncio.to_thread(self.store.looks.looked, [self._quiet(one, f"nothing is done: {why}")])
        else:
            await self._tell([(one, f"nothing is done: {why}")])

    # --- what comes of it --------------------------------------------------------------------------------------------

    async def _tell(self, ones: Iterable[tuple[_One, str]]) -> None:
        """First it is told, then written down: a kill in between tells it twice, and nobody never."""
        told = list(ones)
        if told:
            await self.words.look_at_once(one.due.stored.identity for one, _ in told)
            await asyncio.to_thread(self.store.looks.looked, [self._quiet(one, outcome) for one, outcome in told])

    def _quiet(self, one: _One, outcome: str) -> Looked:
        return self._looked(one.due, one.model.image.line, outcome, one.due.kept)

    def _looked(self, due: DueLook, line: tuple[str, ...], outcome: str, kept: KeptLook) -> Looked:
        now = self.clock()
        next_at = due.kept.pace.next_look(now, drawn(due.stored.identity.unique_id, now))
        return Looked(due, line, now, outcome, next_at, next_at, kept)
