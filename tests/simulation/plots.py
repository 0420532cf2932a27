"""Any plot: a few sets, a policy, a clock change, and what people and chance do in the days about it."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from functools import partial
from pathlib import Path
from random import Random
from typing import Any

from hypothesis import strategies as st

from instar.compute.simulated.file.scripts import VersionScript
from instar.domain.delays import Delays
from instar.domain.records.progress import Counts
from instar.domain.steering.start_wishes import Limit, StartWishes
from tests.simulation.court import Breach, Court
from tests.simulation.policies import CHANGES, policies
from tests.simulation.scene import Scene, Site, a_scene
from tests.support.models import OLD

DAYS_PLAYED, DAYS_TO_REST = 7, 21
HOUR, DAY = timedelta(hours=1), timedelta(days=1)

BUSY = Delays(
    first_trigger=timedelta(0),
    health_poll_first=timedelta(seconds=20),
    health_poll_most=timedelta(minutes=2),
    look_after_upgrade=timedelta(hours=6),
    look_least=timedelta(hours=4),
    look_most=timedelta(hours=6),
)

WHAT = (
    "pause",
    "pause for a while",
    "resume",
    "hold all",
    "hold one",
    "release all",
    "release one",
    "approve",
    "approve",
    "reject",
    "kill",
    "kill for long",
    "publish",
    "publish what sickens some",
    "publish what sickens all",
    "a machine gets sick",
    "start",
    "go back",
    "cancel",
    "another policy",
)


@dataclass(frozen=True)
class Event:
    """After so many minutes somebody does something; `pick` is whatever else is to be chosen."""

    minute: int
    what: str
    pick: int


@dataclass(frozen=True)
class Plot:
    """All that happens is a function of it."""

    begins: datetime
    sizes: tuple[int, ...]
    zones: tuple[str, ...]
    percent: int
    policies: tuple[dict[str, Any], ...]
    events: tuple[Event, ...]
    seed: int
    loses_words: bool


@st.composite
def plots(draw: st.DrawFn, most_events: int = 14) -> Plot:
    """Any plot; the clock changes in its middle."""
    zone = draw(st.sampled_from(sorted(CHANGES)))
    change = date.fromisoformat(draw(st.sampled_from(CHANGES[zone])))
    begins = datetime.combine(change - 4 * DAY, time(draw(st.integers(0, 23))), UTC)
    events = st.builds(Event, st.integers(0, DAYS_PLAYED * 1440), st.sampled_from(WHAT), st.integers(0, 10**6))
    zones = draw(st.sampled_from([(), (), ("1", "2")]))
    return Plot(
        begins=begins,
        sizes=tuple(draw(st.lists(st.integers(1, 14), min_size=1, max_size=2))),
        zones=zones,
        percent=draw(st.sampled_from([20, 20, 40, 100])),
        policies=tuple(draw(st.lists(policies(zone, change), min_size=1, max_size=2))),
        events=tuple(sorted(draw(st.lists(events, min_size=3, max_size=most_events)), key=lambda one: one.minute)),
        seed=draw(st.integers(0, 2**32)),
        loses_words=draw(st.booleans()),
    )


@dataclass
class Play:
    """A plot as it is played."""

    plot: Plot
    scene: Scene
    chance: Random
    court: Court
    sites: list[Site] = field(default_factory=list)
    published: int = 0

    def begin(self) -> None:
        policy = {"maxBatchInstancePercent": self.plot.percent, "maxUnhealthyInstancePercent": 100}
        self.scene.publish(OLD)
        for number, size in enumerate(self.plot.sizes):
            self.sites.append(self.scene.has_set(f"set-{number}", size, policy=policy, zones=self.plot.zones))
        self.scene.policy(None, **self.plot.policies[0])
        self.scene.pass_time(HOUR)
        self.publish()
        for event in self.plot.events:
            moment = self.plot.begins + HOUR + timedelta(minutes=event.minute)
            self.scene.at(moment, partial(self.do, event))
        # Beyond the last event, and what it may ask for an hour later: what comes after is let go by nobody.
        self.scene.until(self.plot.begins + DAYS_PLAYED * DAY + 2 * HOUR + timedelta(minutes=1))

    def publish(self, script: VersionScript | None = None) -> None:
        self.published += 1
        self.scene.publish(f"18.04.2030{self.published:04}0", script)

    def do(self, event: Event) -> None:  # noqa: C901, PLR0912  # a closed set, a case for each
        scene, site = self.scene, self.sites[event.pick % len(self.sites)]
        ends = scene.now + timedelta(minutes=event.pick % 3000 + 1)
        match event.what:
            case "pause":
                scene.pause(site)
            case "pause for a while":
                scene.pause(site, ends)
            case "resume":
                scene.resume(site)
            case "hold all":
                scene.hold("freeze", "/", ends if event.pick % 2 else None)
            case "hold one":
                scene.hold("one", site.scale_set.resource_id)
            case "release all":
                scene.release("freeze")
            case "release one":
                scene.release("one")
            case "approve":
                scene.answer(site, approved=True)
            case "reject":
                scene.answer(site, approved=False)
            case "kill":
                self.kill(timedelta(seconds=event.pick % 30))
            case "kill for long":
                self.kill(timedelta(minutes=event.pick % 600))
            case "publish":
                self.publish()
            case "publish what sickens some":
                self.publish(VersionScript(never_healthy=(str(event.pick % 9),)))
            case "publish what sickens all":
                self.publish(VersionScript(never_healthy="all"))
            case "a machine gets sick":
                there = sorted(site.version_of())
                scene.sick(site, there[event.pick % len(there)], until=ends if event.pick % 2 else None)
            case "start":
                scene.start(site)
            case "go back":
                # Whatever runs would keep it from beginning (P15).
                scene.cancel(site)
                scene.at(scene.now + HOUR, partial(self.go_back, site, event.pick))
            case "cancel":
                scene.cancel(site)
            case _:
                scene.policy(site, **self.plot.policies[event.pick % len(self.plot.policies)])

    def go_back(self, site: Site, pick: int) -> None:
        """Without a version it is refused where no disk is kept: after a day, or before any upgrade (R2)."""
        waives = (Limit.WINDOW,) if pick % 2 else ()
        version = OLD if pick % 3 else ""
        self.scene.start(site, StartWishes(goes_back=True, version=version, override=waives, reason="bad", by="ann"))

    def kill(self, away: timedelta) -> None:
        self.court.away.append((self.scene.now, self.scene.now + away + timedelta(seconds=30)))
        self.scene.engine.kill(away)

    def end(self) -> None:
        """Everything is let go, and somebody says yes each hour: what runs comes to its end.

        A window of two hours a week with a bake of three is a batch a week: for as long as batches begin, it goes on.
        """
        self.scene.tells = lambda: True
        for site in self.sites:
            self.scene.resume(site)
        for name in ("freeze", "one"):
            self.scene.release(name)
        begun, hours_at_rest = self.begun(), 0
        while hours_at_rest < 24 * DAYS_TO_REST:
            self.scene.pass_time(HOUR)
            answered = [self.scene.answer(one, approved=True) for one in self.sites]
            if not any(answered) and not any(one.running() for one in self.sites):
                return
            before, begun = begun, self.begun()
            hours_at_rest = hours_at_rest + 1 if begun == before else 0

    def begun(self) -> list[tuple[int, Counts]]:
        """Of each set the number of its last upgrade, and where this stands."""
        last = [one.latest() for one in self.sites]
        return [(one.number, one.counts) if one else (0, Counts()) for one in last]


def played(plot: Plot, folder: Path, look: Callable[[Play], None] = lambda _: None) -> tuple[list[Breach], list[str]]:
    """What the court finds, and the sets whose upgrades do not come to an end."""
    with a_scene(folder, plot.begins, BUSY, plot.seed) as scene:
        chance = Random(plot.seed)
        scene.engine.activities.takes = lambda: timedelta(seconds=chance.choice((0, 0, 1, 2)))
        scene.tells = lambda: not plot.loses_words or chance.random() < 0.5
        late = timedelta(hours=2, minutes=5) if plot.loses_words else timedelta(minutes=3)
        percents = {f"set-{number}": plot.percent for number in range(len(plot.sizes))}
        play = Play(plot, scene, chance, Court(scene, late=late, percents=percents))
        play.begin()
        play.end()
        look(play)
        return play.court.judged(), [one.name for one in play.sites if one.running()]
