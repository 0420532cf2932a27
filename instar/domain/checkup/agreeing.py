"""Whether the parts of an installation agree: settings, versions, clocks."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

from instar.domain.checkup.findings import Check, Finding, count_of, named, not_looked, ok, or_ok, problem, warning
from instar.domain.hosts.agreement import GUIDE, Process, between, of_keys

CLOCKS_WARN = timedelta(seconds=5)
"""Tokens, windows and retention bear some seconds."""

CLOCKS_WRONG = timedelta(minutes=1)
"""From here on tokens are refused as not yet good, and windows open at another time for each part."""


def settings(wrong: str, unread: Sequence[str]) -> list[Finding]:
    """`wrong`: what cannot be read at all; `unread`: a sentence for each variable that is no setting."""
    if wrong:
        return [problem(Check.SETTINGS, f"the settings are wrong: {wrong}", "docs/operations.md has every setting")]
    found = [
        warning(Check.SETTINGS, sentence, "correct its name, or take it out of the environment") for sentence in unread
    ]
    return or_ok(found, Check.SETTINGS, "every variable INSTAR_… of this environment is a setting and can be read")


@dataclass(frozen=True, slots=True)
class VersionFacts:
    """What runs in which version; "" where nobody said."""

    here: str
    """Of this command."""
    python: tuple[int, ...]
    api: str = ""
    workers: tuple[str, ...] = ()
    temporal: str = ""


PYTHON = (3, 11)
UPDATE_WITH_START = (1, 28)
"""The first Temporal server in which requests can be handed to workflows by Update-with-Start without a switch."""


def numbers(version: str) -> tuple[int, ...]:
    """The numbers of a version, without what stands behind them.

    >>> numbers("1.32.0-rc1"), numbers("v1.5"), numbers("soon")
    ((1, 32, 0), (1, 5), ())
    """
    found: list[int] = []
    for part in version.removeprefix("v").split("."):
        digits = part[: len(part) - len(part.lstrip("0123456789"))]
        if not digits:
            break
        found.append(int(digits))
        if digits != part:
            break
    return tuple(found)


def versions(facts: VersionFacts) -> list[Finding]:
    """Whether the parts are of one release, and what they stand on is new enough."""
    found = []
    parts = {"this command": facts.here} | ({"the API": facts.api} if facts.api else {})
    parts |= {f"a worker ({version})": version for version in facts.workers}
    others = {name: version for name, version in parts.items() if version != facts.here}
    if others:
        told = ", ".join(f"{name} {version}" if version not in name else name for name, version in others.items())
        found.append(
            warning(
                Check.VERSIONS,
                f"this command is of Instar {facts.here}, and not of the same release are: {told}",
                "install one release everywhere, workers first (docs/upgrading.md), and start what is older anew",
            )
        )
    if facts.python[:2] < PYTHON:
        wanted = ".".join(map(str, PYTHON))
        found.append(
            problem(Check.VERSIONS, f"Python {_dotted(facts.python)} is too old", f"install {wanted} or newer")
        )
    if facts.temporal and numbers(facts.temporal)[:2] < UPDATE_WITH_START:
        found.append(
            warning(
                Check.VERSIONS,
                f"Temporal {facts.temporal} is older than {_dotted(UPDATE_WITH_START)}, which has Update-with-Start",
                "bring the server up to date: requests are handed to workflows in that way",
            )
        )
    unknown = [name for name, told in (("API", facts.api), ("Temporal", facts.temporal)) if not told]
    if not facts.workers:
        unknown.append("workers")
    rest = f"; not known of: {', '.join(unknown)}" if unknown else ""
    about = f"Instar {facts.here}, Python {_dotted(facts.python)}"
    about += f", Temporal {facts.temporal}" if facts.temporal else ""
    if found:
        return found
    if unknown == ["API", "Temporal", "workers"]:
        return [not_looked(Check.VERSIONS, f"{about} here; of API, workers and Temporal nobody says theirs")]
    return [ok(Check.VERSIONS, f"{about}: what runs is of one release{rest}")]


def hosts(living: Sequence[Process]) -> list[Finding]:
    """Whether the processes that work on the store go together. `living`: those that were heard of just now."""
    if not living:
        return [not_looked(Check.HOSTS, "no process of this release was heard of within a minute")]
    found = []
    for number, one in enumerate(living):
        for other in living[:number]:
            keys = of_keys(one, other)
            found += [f"the {one}: {sentence}" for sentence in (*([keys] if keys else []), *between(one, other))]
    # What is wrong between two is mostly wrong between more: each sentence once.
    problems = [problem(Check.HOSTS, sentence, f"{GUIDE} says how") for sentence in dict.fromkeys(found)]
    names = {one.host for one in living}
    on = f"{count_of(len(living), 'process', 'processes')} on {count_of(len(names), 'host')}"
    return or_ok(problems, Check.HOSTS, f"{on} go together: {named(names)}")


def _dotted(version: Sequence[int]) -> str:
    return ".".join(map(str, version))


def clocks(ahead: Mapping[str, timedelta | None], exact: Mapping[str, timedelta]) -> list[Finding]:
    """`ahead`: how far each clock is before that of this machine; None: not known.

    `exact`: how well that is known, either way; what is within it is no difference.
    """
    found = []
    for name, difference in ahead.items():
        if difference is None:
            continue
        surely = max(timedelta(0), abs(difference) - exact.get(name, timedelta(0)))
        if surely <= CLOCKS_WARN:
            continue
        way = "ahead of" if difference > timedelta(0) else "behind"
        seconds = f"{abs(difference).total_seconds():.0f} s"
        make = problem if surely > CLOCKS_WRONG else warning
        found.append(
            make(
                Check.CLOCKS,
                f"the clock of {name} is {seconds} {way} that of this machine",
                "let both follow a time server (NTP): tokens, windows and retention go by them",
            )
        )
    known = [name for name, difference in ahead.items() if difference is not None]
    if not known:
        return [not_looked(Check.CLOCKS, "no other clock could be asked")]
    return or_ok(found, Check.CLOCKS, f"go alike with that of this machine, within seconds: {named(known)}")
