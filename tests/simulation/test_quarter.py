"""A quarter of a year of twelve sets in three rings with weekend windows, over the clock changes of three zones.

What each set came to is what the rules alone say (`reference_model`), and at no moment one was broken (`court`).
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path

import pytest

from activities.keeping import keepers
from instar.compute.simulated.file.scripts import VersionScript
from instar.compute.simulated.flight.recorder import Kind
from instar.domain.delays import Delays
from instar.domain.records.upgrades import UpgradeKind, UpgradeRecord
from instar.domain.steering.start_wishes import Limit, StartWishes
from tests.simulation.court import Court, told
from tests.simulation.minutes import utc
from tests.simulation.scene import Scene, Site, a_scene
from tests.support.models import GROUP, OLD
from tests.support.reference_model import Attempt, ReferenceModel
from tests.support.reference_rings import ReferenceRings
from workflows.upgrades import parking

BEGINS, ENDS = utc("2027-02-22 08:00"), utc("2027-05-24 08:00")
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)

RINGS: dict[str, tuple[str, str, tuple[int, ...]]] = {
    "one": ("P1D", "America/New_York", (3, 4, 5)),
    "two": ("PT6H", "Europe/Berlin", (4, 4, 5, 6)),
    "three": ("PT0S", "Australia/Lord_Howe", (3, 4, 5, 5, 6)),
}
"""By ring: its bake, where its sets are, and of how many machines each is. Their clocks are changed in that order."""

KEEPER_LOOKS = DAY
"""Each minute, in truth: that is shown by tests of rings, and would be most of what a quarter costs."""

SHARE = 50
DELAYS = Delays(
    first_trigger=timedelta(0),
    health_poll_first=3.5 * MINUTE,
    health_poll_most=4 * MINUTE,
    look_after_upgrade=4 * DAY,
    look_least=94 * HOUR,
    look_most=98 * HOUR,
)


def policy_of(ring: str, zone: str) -> dict[str, object]:
    """Weekends, at a time that is skipped or shown twice where the clocks are changed."""
    return {
        "waves": [1, "50%"],
        "canary": {"bake": "PT30M"},
        "bake": "PT20M",
        "finalBake": "PT30M",
        "windows": [{"days": ["Sat", "Sun"], "from": "01:45", "to": "02:30", "timeZone": zone}],
        "notOn": ["2027-05-01/2027-05-02"],
        **({"approval": "first"} if ring == "three" else {}),
    }


@dataclass
class Quarter:
    """The same for the world and for the reference of each set."""

    scene: Scene
    court: Court
    references: dict[str, ReferenceModel] = field(default_factory=dict)
    rings: ReferenceRings = field(default_factory=lambda: ReferenceRings([]))

    def begin(self) -> None:
        self.scene.publish(OLD)
        policy = {"maxBatchInstancePercent": SHARE, "maxUnhealthyInstancePercent": SHARE}
        for ring, (_, zone, sizes) in RINGS.items():
            for number, size in enumerate(sizes, start=1):
                site = self.scene.has_set(f"{ring}-{number}", size, policy=policy)
                self.scene.policy(site, **policy_of(ring, zone))
                self.court.percents[site.name] = SHARE
                machines = dict.fromkeys(range(size), 0)
                self.references[site.name] = ReferenceModel(
                    machines, size - 1, SHARE, {0: set()}, enabled=True, waves=(1, "50%")
                )
        self.scene.rings("fleet", *(([one for one, _ in self.each(ring)], RINGS[ring][0]) for ring in RINGS))
        self.rings = ReferenceRings([[one for _, one in self.each(ring)] for ring in RINGS])
        self.scene.until(BEGINS + HOUR)

    def each(self, *names: str) -> list[tuple[Site, ReferenceModel]]:
        """Those sets, a ring by its name; all where none is named."""
        return [
            (site, self.references[name])
            for name, site in self.scene.sites.items()
            if not names or any(name == one or name.startswith(f"{one}-") for one in names)
        ]

    def publish(self, version: int, sickens: set[int] | None) -> None:
        """On a Friday morning."""
        script = VersionScript(never_healthy="all" if sickens is None else tuple(map(str, sickens)))
        self.scene.publish(name(version), script)
        self.rings.publish(version, sickens)

    def answer(self, *reject: str) -> None:
        """Who is asked, in the third ring alone, says yes or no."""
        asked = [one.name for one, _ in self.each() if self.scene.answer(one, approved=one.name not in reject)]
        assert asked == [one.name for one, _ in self.each("three")]

    def go_back(self, name: str) -> None:
        """Somebody does not like what an upgrade that completed has brought, and does not wait for the weekend."""
        wishes = StartWishes(goes_back=True, override=(Limit.WINDOW,), reason="errors went up", by="ann")
        for site, reference in self.each(name):
            self.scene.start(site, wishes)
            reference.go_back()

    def pause(self, *names: str) -> None:
        for site, reference in self.each(*names):
            self.scene.pause(site)
            reference.keep_back("pause")

    def resume(self, *names: str) -> None:
        for site, reference in self.each(*names):
            self.scene.resume(site)
            reference.let_go("pause")

    def hold(self, until: datetime) -> None:
        """All sets; it ends by itself."""
        self.scene.hold("freeze", GROUP, until)
        for _, reference in self.each():
            reference.keep_back("freeze")
        self.scene.at(until, self.ends)

    def ends(self) -> None:
        for _, reference in self.each():
            reference.let_go("freeze")

    def sick_in_a_bake(self, *names: str) -> None:
        """In the bake after their next batch but one, the first two machines of these sets are sick for a while."""
        for site, _ in self.each(*names):
            self.watch(site)

    def watch(self, site: Site) -> None:
        decisions = [] if (running := site.running()) is None else site.decisions(running.number)
        if decisions[-1:] != ["bake"] or decisions.count("batch") != SICKENS_AFTER:
            self.scene.at(self.scene.now + 5 * MINUTE, partial(self.watch, site))
            return
        until = self.scene.now + timedelta(minutes=4, seconds=50)
        self.scene.sick(site, *map(str, SICK_LATE), until=until)

    def kill(self, away: timedelta) -> None:
        self.court.away.append((self.scene.now, self.scene.now + away + MINUTE))
        self.scene.engine.kill(away)

    def play(self) -> None:
        """The story, each thing at its moment."""
        steps: tuple[tuple[str, Callable[[], None]], ...] = (
            ("2027-03-05 08:00", partial(self.publish, BAD, None)),
            ("2027-03-06 06:46", partial(self.kill, 10 * MINUTE)),  # in the middle of New York's window
            ("2027-03-12 08:00", partial(self.publish, 2, set())),  # New York's clocks are put forward on the 14th
            ("2027-03-14 06:46", partial(self.kill, timedelta())),
            ("2027-03-19 12:00", partial(self.hold, utc("2027-03-22 06:00"))),  # no weekend for anybody
            ("2027-03-29 12:00", self.answer),  # Berlin's were on the 28th; Lord Howe's are put back on 4 April
            ("2027-04-03 14:50", partial(self.kill, 6 * HOUR)),  # over the whole of Lord Howe's night
            ("2027-04-09 08:00", partial(self.publish, SICK_LATER, set())),
            ("2027-04-16 23:43", partial(self.sick_in_a_bake, BREACHES_LATE)),
            ("2027-04-18 08:00", partial(self.go_back, GOES_BACK)),
            ("2027-04-23 08:00", partial(self.publish, 4, set())),  # the weekend after it is off
            ("2027-05-07 20:00", partial(self.pause, "two-1")),
            ("2027-05-08 08:00", partial(self.resume, "two-1")),  # the third ring waits a week for it
            ("2027-05-08 23:46", partial(self.kill, 5 * MINUTE)),
            ("2027-05-14 08:00", partial(self.publish, SICKENS_SOME, {2})),
            ("2027-05-16 12:00", partial(self.answer, REJECTS)),
            ("2027-05-21 15:17", partial(self.pause, "three-5")),  # in the middle of its first batch
            ("2027-05-21 19:00", partial(self.resume, "three-5")),
        )
        for moment, do in steps:
            self.scene.at(utc(moment), do)
        self.scene.until(ENDS)


BAD, SICK_LATER, SICKENS_SOME = 1, 3, 5
"""Stopped in ring 1; stopped in ring 2 by a set in which it breaches in a bake; stopped in ring 1."""
BREACHES_LATE, GOES_BACK, REJECTS = "two-4", "two-3", "three-2"
REACHED = {"one": {1, 2, 3, 4, 5}, "two": {2, 3, 4}, "three": {2, 4}}
"""By ring: the versions that its sets began with."""
SICKENS_AFTER, SICK_LATE = 2, {0, 1}


def name(version: int) -> str:
    return f"18.04.2027{version:04d}0"


def number(version: str) -> int:
    return 0 if version == OLD else int(version.removeprefix("18.04.2027")[:4])


@pytest.mark.timeout(900)
def test_c1_c2_g3_w1_w2_w3_w5_r2_t5_f1_a_quarter_comes_to_what_the_rules_say(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # No word is lost here, so that asking by oneself is left to other tests: it is most of what a quarter costs.
    monkeypatch.setattr(parking, "LOOKS_AGAIN", DAY)
    monkeypatch.setattr(keepers, "EVERY", KEEPER_LOOKS)
    with a_scene(tmp_path, BEGINS, DELAYS) as scene:
        quarter = Quarter(scene, Court(scene, saw=KEEPER_LOOKS + 6 * HOUR))
        quarter.begin()
        quarter.references[BREACHES_LATE].sickens_late[SICK_LATER] = (SICKENS_AFTER, SICK_LATE)
        quarter.references[REJECTS].rejected.add(4)
        quarter.play()

        for site, reference in quarter.each():
            found = {int(one): number(version) for one, version in site.version_of().items()}
            assert [attempt_of(one) for one in site.history()] == reference.history, site.name
            assert found == reference.machines, site.name
            assert {number(one) for one in site.status().quarantine.excluded} == reference.quarantined, site.name
        breaches = quarter.court.judged()
        assert not breaches, told(breaches)
        for ring, versions in REACHED.items():
            records = [one for site, _ in quarter.each(ring) for one in site.history() if one.kind is OS_UPGRADE]
            assert {number(one.target.version) for one in records} == versions
        [back] = [one for site, _ in quarter.each() for one in site.history() if one.kind is ROLLBACK]
        assert back.counts.successful == len(quarter.references[GOES_BACK].machines)
        given = [one for one in scene.fleet.recorder.records() if one.kind is Kind.COMMIT_GIVE_BACK]
        assert len(given) == back.counts.successful, "each on the disk that was kept for it"


OS_UPGRADE, ROLLBACK = UpgradeKind.OS_UPGRADE, UpgradeKind.ROLLBACK


def attempt_of(record: UpgradeRecord) -> Attempt:
    counts = record.counts
    version = str(number(record.target.version))
    told = (record.started_by, version, record.status)
    return Attempt(*told, counts.successful, counts.failed, counts.rolled_back, record.kind)
