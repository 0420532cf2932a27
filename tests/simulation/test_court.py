"""The court finds what is planted: a run in which all is well, judged by wishes that nobody had."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.simulation.court import Court, told
from tests.simulation.logbook import FOR_EVER, Logbook, Policy, Span
from tests.simulation.minutes import Minutes, utc
from tests.simulation.scene import Scene, Site, a_scene
from tests.support.models import NEW, OLD

HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)
POLICY: dict[str, Any] = {
    "waves": [1, 2],
    "canary": {"bake": "PT30M"},
    "bake": "PT20M",
    "finalBake": "PT1H",
    "windows": [{"days": ["Sat", "Sun"], "from": "01:00", "to": "03:00", "timeZone": "Europe/Berlin"}],
    "approval": "afterCanary",
}


@contextmanager
def a_run(folder: Path) -> Iterator[tuple[Scene, Site]]:
    """Five machines: one on Saturday, then a yes, a pause over Sunday, the others a week later."""
    with a_scene(folder, utc("2027-03-19 08:00")) as scene:
        scene.publish(OLD)
        site = scene.has_set("web", 5, policy={"maxBatchInstancePercent": 40, "maxUnhealthyInstancePercent": 40})
        scene.policy(site, **POLICY)
        scene.pass_time(HOUR)
        scene.publish(NEW)
        scene.until(utc("2027-03-20 08:00"))
        assert scene.answer(site, approved=True)
        scene.pause(site)
        scene.until(utc("2027-03-22 08:00"))
        scene.resume(site)
        scene.until(utc("2027-03-29 08:00"))
        yield scene, site


def rules(scene: Scene, **more: Any) -> set[str]:
    return {one.rule for one in Court(scene, percents={"web": 40}, **more).judged()}


Plant = Callable[[Logbook, Site], None]


def paused_all_along(logbook: Logbook, site: Site) -> None:
    logbook.pauses.append(Span(site.scale_set.unique_id, utc("2027-03-27 00:00"), FOR_EVER))


def held_in_its_group(logbook: Logbook, site: Site) -> None:
    group = site.scale_set.resource_id.split("/providers/")[0]
    logbook.holds.append(Span(group.upper(), utc("2027-03-27 00:00"), FOR_EVER, "freeze"))


def held_when_it_began(logbook: Logbook, site: Site) -> None:
    del site
    logbook.holds.append(Span("/", utc("2027-03-19 08:30"), utc("2027-03-19 10:00"), "freeze"))


def nobody_paused(logbook: Logbook, site: Site) -> None:
    del site
    logbook.pauses.clear()


def nobody_approved(logbook: Logbook, site: Site) -> None:
    del site
    logbook.words.clear()


def rejected(logbook: Logbook, site: Site) -> None:
    del site
    logbook.words[0] = replace(logbook.words[0], approved=False)


def approved_late(logbook: Logbook, site: Site) -> None:
    del site
    logbook.words[0] = replace(logbook.words[0], at=utc("2027-03-28 00:00"))


def other(**members: Any) -> Plant:
    """That policy, and nobody stored another."""

    def plant(logbook: Logbook, site: Site) -> None:
        logbook.policies[:] = [Policy(site.scale_set.unique_id, POLICY | members, utc("2027-03-19 08:00"))]

    return plant


def sunday(hours: str) -> dict[str, Any]:
    return {"windows": [POLICY["windows"][0] | {"from": hours}]}


PLANTED: list[tuple[str, Plant]] = [
    ("C1", paused_all_along),
    ("C2", held_in_its_group),
    ("C2", held_when_it_began),
    ("C1", nobody_paused),  # so it might have gone on, and did not
    ("G3", nobody_approved),
    ("G3", rejected),
    ("G3", approved_late),
    ("P1", other(bake="PT10M")),
    ("W1", other(waves=[1])),
    ("W1", other(waves=["20%"])),
    ("W2", other(bake="PT2H")),
    ("W2", other(canary={"bake": "P10D"})),
    ("W2", other(finalBake="P1D")),
    ("W3", other(**sunday("02:00"))),
    ("W3", other(notOn=["2027-03-27"])),
    ("W3", other(windows=[POLICY["windows"][0] | {"timeZone": "Asia/Kathmandu"}])),
]


def test_c1_c2_g3_p1_w1_w2_w3_what_is_planted_is_found_and_nothing_else(tmp_path: Path) -> None:
    with a_run(tmp_path) as (scene, site):
        honest = scene.logbook
        assert not (found := Court(scene, percents={"web": 40}).judged()), told(found)
        assert site.decisions(1).count("batch") == 3
        missed = []
        for rule, plant in PLANTED:
            scene.logbook = deepcopy(honest)
            plant(scene.logbook, site)
            if rule not in (broken := rules(scene)):
                missed.append((rule, plant, broken))
        assert not missed
        scene.logbook = honest
        assert "B2" in {one.rule for one in Court(scene, percents={"web": 20}).judged()}
        assert "C1" in rules(scene, in_flight=timedelta(seconds=-1)), "an old answer"
        # A machine that got sick in a bake, and that the record has for upgraded.
        decisions = site.store.upgrades.decisions(site.scale_set.unique_id, 1)
        verdict = next(one.at for one in decisions if one.action == "verdict")
        scene.engine.now = verdict + MINUTE
        scene.sick(site, "0")
        scene.engine.now = utc("2027-03-29 08:00")
        assert "W2" in rules(scene)


@pytest.mark.parametrize(
    ("window", "opens", "closes"),
    [
        (("02:15", "02:45", "Europe/Berlin"), None, None),  # skipped on the 28th
        (("02:15", "03:30", "Europe/Berlin"), "2027-03-28 01:00", "2027-03-28 01:30"),
        (("22:00", "01:00", "America/New_York"), "2027-03-28 02:00", "2027-03-28 05:00"),
        (("10:00", "10:00", "Asia/Kathmandu"), "2027-03-28 04:15", "2027-03-29 04:15"),
    ],
)
def test_w3_the_courts_own_minutes(window: tuple[str, str, str], opens: str | None, closes: str | None) -> None:
    day = "Sat" if window[0] == "22:00" else "Sun"
    document = {"windows": [{"days": [day], "from": window[0], "to": window[1], "timeZone": window[2]}]}
    first = utc("2027-03-27 12:00")
    table = Minutes(document, first, utc("2027-03-30 00:00"))
    found = [first + n * MINUTE for n in range(2 * 1440) if table.is_open(first + n * MINUTE)]
    if opens is None or closes is None:
        assert not found
    else:
        assert (found[0], found[-1] + MINUTE) == (utc(opens), utc(closes))
        assert len(found) == (found[-1] - found[0]) // MINUTE + 1
        assert table.left(found[0] + MINUTE) == utc(closes) - found[0] - MINUTE


def test_w3_the_courts_minutes_read_clocks_that_go_back_and_days_off() -> None:
    """Berlin, 31 October 2027: 02:30 is shown twice, and the first counts at either end."""
    window = {"days": ["Sun"], "from": "01:30", "to": "02:30", "timeZone": "Europe/Berlin"}
    first = utc("2027-10-30 12:00")
    table = Minutes({"windows": [window]}, first, utc("2027-11-02 00:00"))
    found = [first + n * MINUTE for n in range(2 * 1440) if table.is_open(first + n * MINUTE)]
    assert (found[0], found[-1]) == (utc("2027-10-30 23:30"), utc("2027-10-31 00:29"))
    assert not Minutes({"windows": [window], "notOn": ["2027-10-31"]}, first, utc("2027-11-02 00:00")).is_open(found[0])
    off = Minutes({"notOn": ["2027-10-31"]}, first, utc("2027-11-02 00:00"))
    assert not off.is_open(utc("2027-10-31 23:59"))
    assert off.is_open(utc("2027-11-01 00:00"))
