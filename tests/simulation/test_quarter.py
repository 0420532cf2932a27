"""A quarter of a year of twelve sets with weekend windows, over the clock changes of three zones, in seconds.

What each set came to is what the rules alone say (`reference_model`), and at no moment one was broken (`court`).
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path

import pytest

from instar.compute.simulated.file.scripts import VersionScript
from instar.domain.delays import Delays
from instar.domain.records.upgrades import UpgradeRecord
from tests.simulation.court import Court, told
from tests.simulation.minutes import utc
from tests.simulation.scene import Scene, Site, a_scene
from tests.support.models import GROUP, OLD
from tests.support.reference_model import Attempt, ReferenceModel
from workflows.upgrades import parking

BEGINS, ENDS = utc("2027-02-22 08:00"), utc("2027-05-24 08:00")
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)

RINGS: dict[str, tuple[str, tuple[int, ...]]] = {
    "one": ("Europe/Berlin", (3, 4, 5)),
    "two": ("America/New_York", (4, 4, 5, 6)),
    "three": ("Australia/Lord_Howe", (3, 4, 5, 5, 6)),
}
"""By ring: where its sets are, and of how many machines each is."""

SHARE = 50
DELAYS = Delays(
    first_trigger=timedelta(0),
    health_poll_first=3.5 * MINUTE,
    health_poll_most=4 * MINUTE,
    look_after_upgrade=3 * DAY,
    look_least=46 * HOUR,
    look_most=50 * HOUR,
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

    def begin(self) -> None:
        self.scene.publish(OLD)
        policy = {"maxBatchInstancePercent": SHARE, "maxUnhealthyInstancePercent": SHARE}
        for ring, (zone, sizes) in RINGS.items():
            for number, size in enumerate(sizes, start=1):
                site = self.scene.has_set(f"{ring}-{number}", size, policy=policy)
                self.scene.policy(site, **policy_of(ring, zone))
                self.court.percents[site.name] = SHARE
                machines = dict.fromkeys(range(size), 0)
                self.references[site.name] = ReferenceModel(
                    machines, size - 1, SHARE, {0: set()}, enabled=True, waves=(1, "50%")
                )
        self.scene.until(BEGINS + HOUR)

    def each(self, *names: str) -> list[tuple[Site, ReferenceModel]]:
        """Those sets, a ring by its name; all where none is named."""
        return [
            (site, self.references[name])
            for name, site in self.scene.sites.items()
            if not names or any(name == one or name.startswith(f"{one}-") for one in names)
        ]

    def publish(self, version: int, sickens: set[int] | None, *, reject: tuple[str, ...] = ()) -> None:
        """On a Friday morning; who is asked answers three hours later, or on Sunday."""
        script = VersionScript(never_healthy="all" if sickens is None else tuple(map(str, sickens)))
        self.scene.publish(name(version), script)
        for site, reference in self.each():
            reference.rejected |= {version} if site.name in reject else set()
            reference.publish(version, sickens)
        for later in (3 * HOUR, 2 * DAY):
            self.scene.at(self.scene.now + later, partial(self.answer, reject))

    def answer(self, reject: tuple[str, ...]) -> None:
        asked = [one for one, _ in self.each() if self.scene.answer(one, approved=one.name not in reject)]
        assert all(one.name.startswith("three-") for one in asked)

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
            ("2027-03-05 08:00", partial(self.publish, 1, None)),  # a bad version: quarantined wherever it gets
            ("2027-03-06 00:46", partial(self.kill, 10 * MINUTE)),  # in the middle of Berlin's window
            ("2027-03-12 08:00", partial(self.publish, 2, set())),  # New York's clocks are put forward on the 14th
            ("2027-03-14 06:46", partial(self.kill, timedelta())),
            ("2027-03-26 08:00", partial(self.publish, 3, set())),  # Berlin's on the 28th
            ("2027-03-27 00:43", partial(self.sick_in_a_bake, BREACHES_LATE[0])),
            ("2027-03-27 05:43", partial(self.sick_in_a_bake, BREACHES_LATE[1])),
            ("2027-04-02 08:00", partial(self.publish, 4, set(), reject=("three-2",))),  # Lord Howe's back on the 4th
            ("2027-04-03 14:50", partial(self.kill, 6 * HOUR)),  # over the whole of Lord Howe's night
            ("2027-04-09 08:00", partial(self.publish, 5, set())),
            ("2027-04-09 12:00", partial(self.hold, utc("2027-04-12 06:00"))),  # no weekend for anybody
            ("2027-04-23 08:00", partial(self.publish, 6, set())),
            ("2027-04-23 15:17", partial(self.pause, "three-5")),  # in the middle of its first batch
            ("2027-04-23 19:00", partial(self.resume, "three-5")),
            ("2027-04-23 20:00", partial(self.pause, "one-1", "two-1")),
            ("2027-04-30 08:00", partial(self.resume, "one-1", "two-1")),  # and the weekend after it is off
            ("2027-05-14 08:00", partial(self.publish, 7, {2})),
            ("2027-05-15 05:46", partial(self.kill, 5 * MINUTE)),
        )
        for moment, do in steps:
            self.scene.at(utc(moment), do)
        self.scene.until(ENDS)


BREACHES_LATE = ("one-3", "two-4")
SICKENS_AFTER, SICK_LATE = 2, {0, 1}


def name(version: int) -> str:
    return f"18.04.2027{version:04d}0"


def number(version: str) -> int:
    return 0 if version == OLD else int(version.removeprefix("18.04.2027")[:4])


@pytest.mark.timeout(900)
def test_c1_c2_g3_w1_w2_w3_t5_f1_a_quarter_comes_to_what_the_rules_say(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # No word is lost here, so that asking by oneself is left to other tests: it is most of what a quarter costs.
    monkeypatch.setattr(parking, "LOOKS_AGAIN", 12 * HOUR)
    with a_scene(tmp_path, BEGINS, DELAYS) as scene:
        quarter = Quarter(scene, Court(scene))
        quarter.begin()
        for _, reference in quarter.each(*BREACHES_LATE):
            reference.sickens_late[3] = (SICKENS_AFTER, SICK_LATE)
        quarter.play()

        for site, reference in quarter.each():
            found = {int(one): number(version) for one, version in site.version_of().items()}
            assert [attempt_of(one) for one in site.history()] == reference.history, site.name
            assert found == reference.machines, site.name
            assert {number(one) for one in site.status().quarantine.excluded} == reference.quarantined, site.name
        breaches = quarter.court.judged()
        assert not breaches, told(breaches)


def attempt_of(record: UpgradeRecord) -> Attempt:
    counts = record.counts
    version = str(number(record.target.version))
    return Attempt(record.started_by, version, record.status, counts.successful, counts.failed, counts.rolled_back)
