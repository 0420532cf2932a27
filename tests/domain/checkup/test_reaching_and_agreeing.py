"""What the doctor makes of who answers and whether the parts agree: each with a good finding and bad ones."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import pytest

from instar.domain.checkup import agreeing, reaching
from instar.domain.checkup.findings import Check, Finding, Level
from instar.domain.checkup.reaching import ApiFacts, Queue, StoreFacts, TemporalFacts

OK, WARNING, PROBLEM, NOT_LOOKED = Level.OK, Level.WARNING, Level.PROBLEM, Level.NOT_LOOKED


def judged(found: Sequence[Finding], check: Check, *expected: tuple[Level, str]) -> None:
    """Of that check, at these levels, with these words, and something to do wherever something is wrong."""
    assert [one.check for one in found] == [check] * len(expected), found
    assert [one.level for one in found] == [level for level, _ in expected], found
    for one, (_, words) in zip(found, expected, strict=True):
        assert words in one.found
        assert bool(one.do) == (one.level in {WARNING, PROBLEM})
        assert (one.found + one.do).isprintable()


@pytest.mark.parametrize(
    ("facts", "level", "words"),
    [
        (ApiFacts("http://a", status=200, temporal="up"), OK, "http://a answers"),
        (ApiFacts("http://a", status=200, temporal="away"), PROBLEM, "does not reach Temporal"),
        (ApiFacts("http://a", error="refused\x1b"), PROBLEM, "nothing answers at http://a: refused\\x1b"),
        (ApiFacts("http://a", status=503, waits_for="waits for the database"), PROBLEM, "waits for the database"),
        (ApiFacts("http://a", status=200), PROBLEM, "is no Instar API (HTTP 200)"),
        (ApiFacts("http://a", status=404), PROBLEM, "is no Instar API (HTTP 404)"),
    ],
)
def test_api(facts: ApiFacts, level: Level, words: str) -> None:
    judged(reaching.api(facts), Check.API, (level, words))


@pytest.mark.parametrize(
    ("facts", "level", "words"),
    [
        (StoreFacts("s", revision="2", known=("2", "1")), OK, "s answers, with schema 2"),
        (StoreFacts("s", revision="1", known=("2", "1")), WARNING, "schema 1, older than 2"),
        (StoreFacts("s", revision="3", known=("2", "1")), PROBLEM, "schema 3, which this Instar does not know"),
        (StoreFacts("s", revision="", known=("2", "1")), PROBLEM, "holds no store of Instar"),
        (StoreFacts("s", missing=True), PROBLEM, "there is no store s"),
        (StoreFacts("s", error="refused"), PROBLEM, "s does not answer: refused"),
    ],
)
def test_store(facts: StoreFacts, level: Level, words: str) -> None:
    judged(reaching.store(facts), Check.STORE, (level, words))


@pytest.mark.parametrize(
    ("facts", "level", "words"),
    [
        (TemporalFacts("t:7", "n", version="1.32.0"), OK, "t:7 answers, version 1.32.0, namespace n"),
        (TemporalFacts("t:7", "n", error="refused"), PROBLEM, "t:7 does not answer for namespace n: refused"),
        (TemporalFacts("t:7", "n", missing=("B", "A")), PROBLEM, "lacks the search attributes A, B"),
    ],
)
def test_temporal(facts: TemporalFacts, level: Level, words: str) -> None:
    judged(reaching.temporal(facts), Check.TEMPORAL, (level, words))


@pytest.mark.parametrize(
    ("queues", "expected"),
    [
        ({"a": Queue(1, 1), "b": Queue(0, 1)}, [(OK, "every task queue is polled: a, b")]),
        ({"a": Queue(), "b": Queue()}, [(PROBLEM, "no worker polls Temporal")]),
        ({"a": Queue(0, 1), "b": Queue(0, 1)}, [(PROBLEM, "the task queue a")]),
        ({"a": Queue(1, 0), "b": Queue(0, 1)}, [(PROBLEM, "the task queue a")]),
        ({"a": Queue(1, 1), "b": Queue(1, 0), "c": Queue()}, [(PROBLEM, "queue b"), (PROBLEM, "queue c")]),
    ],
)
def test_workers(queues: dict[str, Queue], expected: list[tuple[Level, str]]) -> None:
    judged(reaching.workers(queues, "a"), Check.WORKERS, *expected)


def test_settings() -> None:
    judged(agreeing.settings("", []), Check.SETTINGS, (OK, "can be read"))
    judged(agreeing.settings("INSTAR_SWEEP: must be", ["x"]), Check.SETTINGS, (PROBLEM, "INSTAR_SWEEP: must be"))
    judged(agreeing.settings("", ["X is none", "Y is none"]), Check.SETTINGS, (WARNING, "X is"), (WARNING, "Y is"))


def versions(here: str = "0.2.0", python: tuple[int, ...] = (3, 11, 7), **more: Any) -> list[Finding]:
    return agreeing.versions(agreeing.VersionFacts(here, python, **more))


def test_versions() -> None:
    same: dict[str, Any] = {"api": "0.2.0", "workers": ("0.2.0",), "temporal": "1.32.0"}
    judged(versions(**same), Check.VERSIONS, (OK, "Temporal 1.32.0: what runs is of one release"))
    judged(versions(**same | {"workers": ()}), Check.VERSIONS, (OK, "not known of: workers"))
    judged(versions(), Check.VERSIONS, (NOT_LOOKED, "nobody says theirs"))
    judged(versions(**same | {"api": "0.1.0"}), Check.VERSIONS, (WARNING, "not of the same release are: the API 0.1.0"))
    judged(versions(**same | {"workers": ("0.1.0", "0.2.0")}), Check.VERSIONS, (WARNING, ": a worker (0.1.0)"))
    judged(versions(**same | {"temporal": "1.27.9"}), Check.VERSIONS, (WARNING, "Temporal 1.27.9 is older than 1.28"))
    judged(versions(**same | {"temporal": "1.28.0-rc"}), Check.VERSIONS, (OK, "1.28.0-rc"))
    judged(versions(python=(3, 10, 1), **same), Check.VERSIONS, (PROBLEM, "Python 3.10.1 is too old"))


SECONDS = {"a": timedelta(seconds=2), "b": timedelta(minutes=1)}


@pytest.mark.parametrize(
    ("ahead", "expected"),
    [
        ({"a": None, "b": None}, [(NOT_LOOKED, "no other clock")]),
        ({"a": timedelta(seconds=7), "b": None}, [(OK, "within seconds: a")]),
        ({"a": timedelta(seconds=7.1)}, [(WARNING, "the clock of a is 7 s ahead of")]),
        ({"a": timedelta(seconds=-7.1)}, [(WARNING, "the clock of a is 7 s behind")]),
        ({"a": timedelta(seconds=62)}, [(WARNING, "62 s ahead of")]),
        ({"a": timedelta(seconds=62.1)}, [(PROBLEM, "62 s ahead of")]),
        ({"b": timedelta(seconds=65)}, [(OK, "b")]),
        ({"a": timedelta(days=-1), "b": timedelta(days=1)}, [(PROBLEM, "86400 s behind"), (PROBLEM, "86400 s ahead")]),
    ],
)
def test_clocks(ahead: dict[str, timedelta | None], expected: list[tuple[Level, str]]) -> None:
    judged(agreeing.clocks(ahead, SECONDS), Check.CLOCKS, *expected)
