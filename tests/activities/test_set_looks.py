"""Looks that are made for idle sets: who is told, when, in which order, and what a kill leaves (T2, W5, H7, F1)."""

import asyncio
from collections.abc import Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any, cast

import pytest

from activities.keeping import set_looks
from activities.keeping.keepers import LOOKS_AT_LEAST_AFTER
from activities.keeping.set_looks import SetLooks
from activities.keeping.words import Words
from instar.compute.errors import NotAllowed, Unavailable
from instar.compute.simulated.fleet import SimulatedFleet
from instar.compute.simulated.pace import NoPace
from instar.domain.images.images import ImageReference
from instar.domain.looks.kept import KeptLook, Pace
from instar.domain.machines.instances import Instance, OsDisk
from instar.domain.records.quarantine import Quarantine, QuarantinedVersion
from instar.domain.records.scale_set_status import ScaleSetStatus
from instar.domain.records.triggers import HeldBack, Settled
from instar.domain.sets.scale_sets import ScaleSetIdentity
from instar.domain.steering.rings import plans
from instar.domain.steering.wishes import Pause
from instar.store import errors
from instar.store.database.sealing import Sealer
from instar.store.looks.looks import Look
from instar.store.sets.offered import offered_versions, outdated_generations
from instar.store.steering.named import wished
from instar.store.store import Store
from tests.support.looking import until
from tests.support.models import GROUP, IMAGE, LOCATION, NEW, OLD, arm
from tests.support.stores import open_store

NOON = datetime(2026, 12, 1, 12, tzinfo=UTC)
FIVE, HOUR = timedelta(minutes=5), timedelta(hours=1)
MANY = 200


@dataclass
class Heard:
    """What sets are told, and when; `deaf` hear nothing."""

    scene: "Scene"
    told: list[tuple[str, datetime]] = field(default_factory=list)
    killed_after: int = 1_000_000

    async def look_at_once(self, sets: Iterable[ScaleSetIdentity]) -> None:
        for one in sets:
            if len(self.told) >= self.killed_after:
                raise asyncio.CancelledError
            self.told.append((one.unique_id, self.scene.now))

    @property
    def names(self) -> list[str]:
        return [unique_id for unique_id, _ in self.told]


@dataclass
class Scene:
    """A store, a fleet that nobody has asked for machines yet, and whoever looks."""

    store: Store
    fleet: SimulatedFleet
    now: datetime = NOON
    heard: Heard = field(init=False)

    def __post_init__(self) -> None:
        self.heard = Heard(self)
        self.now -= HOUR
        self.publish(OLD)
        self.now += HOUR
        for one in self.store.publications.all():
            self.store.publications.told(one)

    def clock(self) -> datetime:
        return self.now

    def publish(self, version: str) -> None:
        self.store.images.publish(IMAGE.publisher, IMAGE.offer, IMAGE.sku, version, LOCATION, {}, self.now)

    def has_set(self, name: str, *, version: str = OLD, settled: bool = True, tags: Any = None, **kept: Any) -> None:
        resource_id = f"{GROUP}/providers/Microsoft.Compute/virtualMachineScaleSets/{name}"
        identity = ScaleSetIdentity(resource_id=resource_id, name=name, unique_id=name, location=LOCATION)
        document = arm(2, automatic={"enableAutomaticOSUpgrade": True}) | ({"tags": tags} if tags else {})
        self.store.scale_sets.create(identity, "sub", "test", document, NOON)
        self.status(name)
        self.store.fleet_marks.reserve_ids(name, 9)
        found = Settled(version=version, generation=1, reason=f"nothing newer than {version}", until=NOON + 6 * HOUR)
        remembered = KeptLook(settled=found if settled else None, **kept)
        self.store.looks.leave(Look(name, LOCATION, IMAGE.line, self.now, "as left", self.now + HOUR, remembered))

    def status(self, name: str, **status: Any) -> None:
        told = ScaleSetStatus(**{"enabled": True, "first_trigger_done": True} | status)
        self.store.statuses.write(name, told, self.now)

    async def look(self) -> datetime | None:
        """As the keeper's attempt does."""
        return await SetLooks(self.fleet, self.store, self.clock, cast("Words", self.heard)).see_to()

    async def pass_time(self, span: timedelta) -> None:
        """Attempt after attempt, at the moments at which a keeper makes them."""
        until = self.now + span
        while self.now <= until:
            due = await self.look()
            if due is None:
                break
            self.now = max(due, self.now + LOOKS_AT_LEAST_AFTER)
        self.now = until

    def outcome(self, name: str) -> str:
        status = self.store.statuses.get(name)
        assert status is not None
        return status.last_look

    def outcomes(self, names: Iterable[str]) -> dict[str, str]:
        found = self.store.overviews.of(list(names), self.now)
        return {one.stored.identity.unique_id: one.status.last_look for one in found}

    def next_look(self, name: str) -> datetime:
        status = self.store.statuses.get(name)
        assert status is not None
        assert status.next_look_at is not None
        return status.next_look_at


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Scene]:
    with (
        closing(open_store(tmp_path / "store.sqlite", Sealer.from_file(tmp_path / "seal.keys"))) as store,
        closing(SimulatedFleet(tmp_path / "fleet.sqlite", pace=NoPace())) as fleet,
    ):
        yield Scene(store, fleet)


def on(image: ImageReference) -> Instance:
    return Instance("0", "vm-0", OsDisk("disk-0", image), 1)


def ringed(scene: Scene) -> dict[str, int]:
    """Many sets in three rings and a few in none; the ring of each."""
    rings = {f"set-{number:03}": (number * 7) % 4 for number in range(MANY)}
    for name, ring in rings.items():
        scene.has_set(name, tags={"ring": str(ring)} if ring < 3 else None)
    document = {"rings": [{"tag": {"name": "ring", "value": str(ring)}} for ring in range(3)]}
    plan = plans.parsed("fleet", document)
    scene.store.rings.documents.put(wished("fleet", plan.document, NOON, "ann", ""), lambda _: None)
    return rings


async def test_t2_w5_a_publication_is_looked_for_within_five_minutes_in_the_order_of_rings(scene: Scene) -> None:
    rings = ringed(scene)
    scene.publish(NEW)
    looked = list[tuple[int, datetime]]()
    while scene.now <= NOON + FIVE + LOOKS_AT_LEAST_AFTER:
        before = scene.outcomes(rings)
        due = await scene.look()
        looked += [(rings[name], scene.now) for name, told in scene.outcomes(rings).items() if told != before[name]]
        assert due is not None
        scene.now = max(due, scene.now + LOOKS_AT_LEAST_AFTER)
    assert len(looked) == MANY
    by_moment = sorted(looked, key=lambda one: (one[1], one[0]))
    assert [ring for ring, _ in by_moment] == sorted(ring for ring, _ in looked)
    moments = [moment for _, moment in looked]
    assert max(moments.count(moment) for moment in moments) <= MANY / 20, "they do not march in step"
    # Of the second and third ring nobody may have it yet: they are not even told, only that is written down.
    assert {rings[name] for name in scene.heard.names} == {0, 3}
    assert len(set(scene.heard.names)) == len(scene.heard.names) == MANY // 2
    told = scene.outcomes(name for name, ring in rings.items() if ring in {1, 2})
    assert all("waits for ring 1 of 'fleet'" in one for one in told.values())


async def test_f1_killed_while_it_tells_it_goes_on_where_it_was(scene: Scene) -> None:
    names = [f"set-{number:03}" for number in range(MANY)]
    for name in names:
        scene.has_set(name)
    scene.publish(NEW)
    for killed_after in (30, 31, 90):
        scene.heard.killed_after = killed_after
        with pytest.raises(asyncio.CancelledError):
            await scene.pass_time(FIVE)
    assert scene.now < NOON + FIVE
    scene.heard.killed_after = 1_000_000
    await scene.pass_time(FIVE)
    first = dict(reversed(scene.heard.told))
    assert sorted(first) == names, "nobody was forgotten"
    assert list(dict.fromkeys(scene.heard.names)) == names, "and the order is the same"
    assert len(scene.heard.told) < MANY * 1.2, "few were told twice"
    assert all(moment <= NOON + FIVE + timedelta(minutes=1) for moment in first.values())


async def test_t2_two_publications_within_the_five_minutes_put_nobody_off(scene: Scene) -> None:
    for number in range(20):
        scene.has_set(f"set-{number:02}")
    scene.publish(NEW)
    await scene.pass_time(timedelta(minutes=2))
    already = len(scene.heard.told)
    assert 5 < already < 15
    scene.publish("18.04.202402021")
    await scene.pass_time(timedelta(minutes=3, seconds=10))
    assert set(scene.heard.names[already:]) >= {f"set-{number:02}" for number in range(already, 20)}
    await scene.pass_time(timedelta(minutes=3))
    late = [name for name, moment in scene.heard.told if moment >= NOON + timedelta(minutes=2)]
    assert len(set(late)) == 20, "who had heard of the first is told of the second"


async def test_t2_a_version_that_was_withdrawn_before_their_turn_is_told_to_nobody(scene: Scene) -> None:
    for number in range(20):
        scene.has_set(f"set-{number:02}")
    scene.publish(NEW)
    scene.store.images.withdraw(IMAGE.publisher, IMAGE.offer, IMAGE.sku, NEW, LOCATION)
    await scene.pass_time(FIVE)
    assert scene.heard.told == []
    assert {scene.outcome(f"set-{number:02}") for number in range(20)} == {f"nothing newer than {OLD}"}


async def test_t2_a_set_that_missed_the_word_is_told_again_at_its_next_look(scene: Scene) -> None:
    scene.has_set("web")
    scene.publish(NEW)
    await scene.pass_time(timedelta(hours=5))
    moments = [moment for _, moment in scene.heard.told]
    assert moments[0] == NOON
    assert len(moments) > 4
    waits = [after - before for before, after in pairwise(moments)]
    assert all(timedelta(minutes=30) <= wait <= timedelta(minutes=60, seconds=10) for wait in waits)


async def test_t2_an_idle_set_is_looked_for_every_30_to_60_minutes_and_hears_nothing(scene: Scene) -> None:
    scene.has_set("web")
    moments = list[datetime]()
    while scene.now < NOON + timedelta(hours=5):
        moments.append(scene.next_look("web"))
        scene.now = moments[-1]
        await scene.look()
    waits = [after - before for before, after in pairwise(moments)]
    assert all(timedelta(minutes=30) <= wait < timedelta(minutes=60) for wait in waits)
    assert len({wait.seconds for wait in waits}) > 3
    assert scene.heard.told == []


async def test_t2_the_catalogue_is_asked_once_for_all_that_have_an_image(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = list[str]()
    really = offered_versions

    def counted(store: Store, image: Any, location: str, now: datetime) -> list[str]:
        asked.append(location)
        return really(store, image, location, now)

    monkeypatch.setattr(set_looks, "offered_versions", counted)
    for number in range(50):
        scene.has_set(f"set-{number:02}")
    scene.now += HOUR
    await scene.look()
    assert asked == [LOCATION]
    assert scene.heard.told == []


async def test_t3_f10_who_is_off_busy_gone_or_in_deletion_is_looked_for_no_more(scene: Scene) -> None:
    for name in ("off", "gone", "deleting"):
        scene.has_set(name)
    scene.publish(NEW)
    # As a look of the set itself leaves it that comes back late.
    late = Look("off", LOCATION, IMAGE.line, NOON, "", NOON, KeptLook())
    scene.status("off", enabled=False)
    scene.store.looks.leave(late)
    scene.store.scale_sets.delete("gone")
    scene.store.scale_sets.mark_deleting("deleting")
    await scene.pass_time(FIVE)
    assert scene.store.looks.next_due() is None
    assert scene.heard.told == []


async def test_c1_a_paused_set_is_not_told_and_says_why(scene: Scene) -> None:
    scene.has_set("web")
    scene.store.wishes.pause("web", Pause(reason="moving", by="ann", since=NOON, until=NOON + HOUR))
    scene.publish(NEW)
    await scene.pass_time(FIVE)
    assert scene.heard.told == []
    assert "moving" in scene.outcome("web")
    await scene.pass_time(2 * HOUR)
    assert scene.heard.names[0] == "web", "the end of the pause needs nobody's word"


async def test_t5_a_version_in_quarantine_or_held_back_is_told_to_nobody(scene: Scene) -> None:
    scene.has_set("web")
    bad = QuarantinedVersion(version=NEW, number=1, generation=1, reason="5 of 20 sick", since=NOON)
    scene.status("web", quarantine=Quarantine(versions=(bad,)))
    held = HeldBack(version=NEW, ends=2, not_before=NOON + 2 * HOUR, reason="3 of 10 unhealthy")
    scene.has_set("db", held=held)
    scene.publish(NEW)
    await scene.pass_time(HOUR)
    assert scene.heard.told == []
    assert scene.outcome("web") == f"nothing newer than {OLD}; quarantined: {NEW} (5 of 20 sick)"
    assert f"{NEW} is tried again at" in scene.outcome("db")
    await scene.pass_time(3 * HOUR)
    assert set(scene.heard.names) == {"db"}


async def test_t2_machines_are_listed_once_what_is_known_of_them_is_old(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    listed = 0

    async def one_machine(_scale_set: ScaleSetIdentity) -> tuple[Instance, ...]:
        nonlocal listed
        listed += 1
        return (on(IMAGE.at(OLD)),)

    monkeypatch.setattr(scene.fleet, "list_instances", one_machine)
    scene.has_set("web", pace=Pace(in_full=timedelta(hours=6)))
    await scene.pass_time(timedelta(hours=5, minutes=59))
    assert listed == 0
    await scene.pass_time(timedelta(hours=24))
    assert 3 <= listed <= 4


async def test_h7_with_the_compute_away_looks_are_overdue_and_made_once_it_is_back(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    tried = 0

    async def away(_scale_set: ScaleSetIdentity) -> tuple[Instance, ...]:
        nonlocal tried
        tried += 1
        raise Unavailable("the hypervisor is away")

    scene.has_set("web", settled=False)
    scene.has_set("db")
    planned = scene.next_look("web")
    with monkeypatch.context() as patch:
        patch.setattr(scene.fleet, "list_instances", away)
        await scene.pass_time(3 * HOUR)
    assert 100 < tried <= 121, "once a minute"
    assert scene.next_look("web") == planned, "readers see that it is overdue"
    assert scene.next_look("db") > scene.now, "others are looked for meanwhile"
    await scene.pass_time(timedelta(minutes=2))
    assert scene.next_look("web") > scene.now


async def test_a_compute_that_refuses_for_good_is_said_and_the_next_look_comes(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def refuses(_scale_set: ScaleSetIdentity) -> tuple[Instance, ...]:
        raise NotAllowed("no credentials")

    monkeypatch.setattr(scene.fleet, "list_instances", refuses)
    scene.has_set("web", settled=False)
    await scene.pass_time(2 * HOUR)
    assert scene.outcome("web") == "the look failed: NotAllowed: no credentials"
    assert scene.next_look("web") > scene.now
    assert scene.heard.told == []


async def test_t2_what_takes_long_the_set_does_by_itself(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    async def slow(_scale_set: ScaleSetIdentity) -> tuple[Instance, ...]:
        await asyncio.sleep(3600)
        return ()

    monkeypatch.setattr(set_looks, "IN_FULL_WITHIN", timedelta(milliseconds=10))
    monkeypatch.setattr(scene.fleet, "list_instances", slow)
    scene.has_set("web", settled=False)
    await scene.pass_time(HOUR + timedelta(seconds=1))
    assert scene.heard.names == ["web"]
    assert scene.outcome("web") == "its machines are to be looked at: the set was told"


async def test_f10_t2_nobody_waits_for_machines_that_take_long_to_list(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    listing = asyncio.Event()

    async def hangs(_scale_set: ScaleSetIdentity) -> tuple[Instance, ...]:
        listing.set()
        await asyncio.sleep(3600)
        return ()

    monkeypatch.setattr(scene.fleet, "list_instances", hangs)
    monkeypatch.setattr(set_looks, "IN_FULL_AT_MOST", 7)
    for number in range(20):
        scene.has_set(f"slow-{number:02}", settled=False)
    scene.now += HOUR
    looker = SetLooks(scene.fleet, scene.store, scene.clock, cast("Words", scene.heard), timedelta(seconds=0.01))
    looking = asyncio.create_task(looker.see_to())
    await asyncio.wait_for(listing.wait(), 60)
    for number in range(3):
        scene.has_set(f"set-{number}")
    scene.publish(NEW)
    await until(lambda: "set-0" in scene.heard.names)
    looking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await looking
    assert "slow-00" not in scene.heard.names
    assert scene.next_look("slow-00") < scene.now + FIVE, "it is still due"


async def test_f10_what_one_set_fails_at_keeps_no_other_from_its_look(
    scene: Scene, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    for name in ("bad", "web"):
        scene.has_set(name)
    really = outdated_generations

    def fails(store: Store, unique_id: str, *more: Any) -> tuple[int, ...]:
        if unique_id == "bad":
            raise ValueError("not readable")
        return really(store, unique_id, *more)

    monkeypatch.setattr(set_looks, "outdated_generations", fails)
    scene.publish(NEW)
    await scene.pass_time(FIVE)
    assert scene.heard.names == ["web"]
    assert scene.outcome("bad") == "the look failed: ValueError"
    assert "bad cannot be looked at" in caplog.text


async def test_f9_with_the_store_away_nothing_is_lost(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(3):
        scene.has_set(f"set-{number}")
    scene.publish(NEW)

    def away(*_: object) -> None:
        raise errors.Unavailable("the database does not answer")

    with monkeypatch.context() as patch:
        patch.setattr(scene.store.looks, "looked", away)
        with pytest.raises(errors.Unavailable):
            await scene.look()
    scene.now += 3 * HOUR
    scene.heard.told.clear()
    await scene.pass_time(FIVE)
    assert sorted(scene.heard.names) == ["set-0", "set-1", "set-2"]


async def test_i2_a_set_whose_image_is_another_one_now_is_looked_for_by_that(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    sku = IMAGE.model_copy(update={"sku": "16.04-LTS"})

    async def one_machine(_scale_set: ScaleSetIdentity) -> tuple[Instance, ...]:
        return (on(sku.at("16.04.1")),)

    monkeypatch.setattr(scene.fleet, "list_instances", one_machine)
    scene.has_set("web")
    stored = scene.store.scale_sets.by_unique_id("web")
    assert stored is not None
    changed = arm(2, automatic={"enableAutomaticOSUpgrade": True}, image=sku.model_dump(exclude={"id"}))
    scene.store.scale_sets.put_model("web", changed, stored.generation, scene.now)
    scene.store.images.publish(IMAGE.publisher, IMAGE.offer, "16.04-LTS", "16.04.1", LOCATION, {}, scene.now)
    await scene.pass_time(HOUR + timedelta(seconds=1))
    assert scene.outcome("web") == "nothing newer than 16.04.1"
    scene.store.images.publish(IMAGE.publisher, IMAGE.offer, "16.04-LTS", "16.04.2", LOCATION, {}, scene.now)
    before = len(scene.heard.told)
    await scene.pass_time(FIVE)
    assert len(scene.heard.told) == before + 1
