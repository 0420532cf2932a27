"""What must hold at the end of a demo, and how it is said."""

from collections import Counter
from dataclasses import dataclass
from typing import Any

from rich.console import Console
from rich.text import Text

from instar.client.showing.upgrade_view import UpgradeView
from instar.domain.images.images import ImageReference
from instar.domain.records.progress import Outcome
from instar.domain.records.upgrades import UpgradeStatus

LINE = ImageReference(publisher="Canonical", offer="UbuntuServer", sku="18.04-LTS")
FIRST, SECOND, BAD, MENDED = (
    LINE.at(version) for version in ("18.04.202401161", "18.04.202406031", "18.04.202407010", "18.04.202407151")
)

SICK = "9"
"""In the third batch of four. In the first it would be 1 of 4, more than 20 %, and the end of the upgrade (P9)."""

CAPACITY = 20
SHARE = 4
"""20 % of 20 (B1)."""

SWAPS = CAPACITY + SHARE + CAPACITY
"""Everyone, the first batch of the bad version, everyone."""

RESTORES = 1 + SHARE


@dataclass(frozen=True)
class Check:
    """Something that must hold at the end."""

    sentence: str
    held: bool


def ended_as_told(upgrades: list[UpgradeView], history: list[dict[str, Any]]) -> list[Check]:
    """How the three upgrades and the rollback ended, each as it was seen, and all of them as the history tells."""
    first, bad, mended, back = upgrades
    runs = [record["properties"] for record in history]
    return [
        Check(
            f"first trigger: completed, 19 machines upgraded; machine {SICK} failed and was given its old disk back",
            first.status is UpgradeStatus.COMPLETED
            and outcomes(first) == {Outcome.UPGRADED: CAPACITY - 1, Outcome.ROLLED_BACK: 1}
            and rolled_back(first) == [SICK],
        ),
        Check(
            f"bad version: stopped after its first batch, whose {SHARE} machines have their old disks back",
            bad.status is UpgradeStatus.FAULTED
            and len(rolled_back(bad)) == SHARE
            and outcomes(bad)[Outcome.UPGRADED] == 0
            and outcomes(bad)[Outcome.FAILED] == 0,
        ),
        Check(
            f"good version: completed, all {CAPACITY} machines upgraded, one of them before all others",
            mended.status is UpgradeStatus.COMPLETED
            and outcomes(mended) == {Outcome.UPGRADED: CAPACITY}
            and [len(batch.machines) for batch in mended.batches] == [1, *([SHARE] * 4), CAPACITY - 1 - 4 * SHARE],
        ),
        Check(
            f"rollback: completed, all {CAPACITY} machines have the disk that they had before",
            back.status is UpgradeStatus.COMPLETED and outcomes(back) == {Outcome.UPGRADED: CAPACITY},
        ),
        Check(
            "the history has these three upgrades, started by the platform, and the rollback, started by a person",
            [run["runningStatus"]["code"] for run in runs]
            == [UpgradeStatus.COMPLETED, UpgradeStatus.COMPLETED, UpgradeStatus.FAULTED, UpgradeStatus.COMPLETED]
            and [run["startedBy"] for run in runs] == ["User", "Platform", "Platform", "Platform"]
            and [run["targetImageReference"]["version"] for run in runs]
            == [SECOND.version, MENDED.version, BAD.version, SECOND.version],
        ),
    ]


def quarantined(entries: list[dict[str, Any]]) -> Check:
    """The bad version, and the one that was left, are kept from the whole set, and no other."""
    return Check(
        f"{BAD.version} is quarantined, and so is {MENDED.version}, which was left; no other version is",
        sorted(entry["version"] for entry in entries if entry["wholeSet"]) == [BAD.version, MENDED.version],
    )


def judged(verdict: dict[str, Any]) -> list[Check]:
    """What the flight recorder found, as checks: its figures, and each rule that was broken."""
    most, swaps, each = verdict["mostOutAtOnce"], verdict["swaps"], verdict["swapsPerInstance"]
    unchanged = verdict["dataDisksUnchanged"]
    return [
        Check(f"flight recorder: most machines out at once: {most}, limit {SHARE}", 0 < most <= SHARE),
        Check(
            f"flight recorder: {swaps} swaps, at most {each} of each machine in one upgrade; "
            f"old disks given back: {verdict['restores']} by upgrades, {verdict['givenBack']} by the rollback",
            swaps == SWAPS and each == 1 and verdict["restores"] == RESTORES and verdict["givenBack"] == CAPACITY,
        ),
        Check(f"flight recorder: data disks {'un' if unchanged else ''}changed", bool(unchanged)),
        Check("flight recorder: no rule broken", bool(verdict["clean"])),
        *(
            Check(
                f"flight recorder: {violation['rule']}, machine {violation['instanceId']}: {violation['sentence']}",
                held=False,
            )
            for violation in verdict["violations"]
        ),
    ]


def say_checks(console: Console, checks: list[Check]) -> bool:
    """Say each; whether all held."""
    console.print("Did it go as the rules say?")
    for check in checks:
        word = ("yes  ", "green") if check.held else ("NO   ", "bold red")
        console.print(Text.assemble(word, check.sentence), soft_wrap=True)
    held = all(check.held for check in checks)
    console.print("Everything held." if held else "Not everything held.", style="bold green" if held else "bold red")
    return held


def outcomes(view: UpgradeView) -> Counter[Outcome]:
    """How many machines came to which outcome."""
    machines = [machine for batch in view.batches for machine in batch.machines]
    return Counter(one.outcome for one in (*machines, *view.waiting))


def rolled_back(view: UpgradeView) -> list[str]:
    """The machines that were given their previous disks."""
    return [
        machine.instance_id
        for batch in view.batches
        for machine in batch.machines
        if machine.outcome is Outcome.ROLLED_BACK
    ]
