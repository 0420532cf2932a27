import importlib.metadata
import json
from datetime import UTC, datetime
from pathlib import Path

import jsonschema  # type: ignore[import-untyped]  # check-jsonschema brings it
import pytest

from tests.bench import machine
from tests.bench.figures import Better, Figure, count, per_second, ratio, seconds, told
from tests.bench.parts import upgrade
from tests.bench.registry import PARTS
from tests.bench.report import KEPT, SCHEMA, Report, Unreadable, of_release, read, report, schema
from tests.bench.samples import FACTS, VERSIONS, run_of
from tests.support.house import ROOT

RELEASES = sorted(path for path in KEPT.glob("*.json") if path != SCHEMA)


def test_the_schema_in_the_repository_is_that_of_the_model() -> None:
    assert SCHEMA.read_text() == schema(), "python -m tests.bench.report writes it anew"


def test_the_last_release_has_kept_figures() -> None:
    """Whoever releases keeps them: `make bench KEEP=1`, or the next one has nothing to be compared with."""
    release = machine.last_release((ROOT / "CHANGELOG.md").read_text())
    assert of_release(release) in RELEASES


@pytest.mark.parametrize("path", RELEASES, ids=lambda path: path.stem)
def test_what_is_kept_is_as_the_schema_says_and_holds_ratios_and_counts_alone(path: Path) -> None:
    document = json.loads(path.read_text())
    jsonschema.validate(document, json.loads(SCHEMA.read_text()))
    kept = read(path)
    assert kept.release == path.stem
    assert kept.figures
    assert kept == kept.kept()
    assert not kept.failed
    parts = {part.name for part in PARTS}
    assert {name.partition(".")[0] for name in kept.figures} <= parts


def test_a_written_report_is_read_again_and_is_as_the_schema_says(tmp_path: Path) -> None:
    figures = {"one.100.over": ratio(1.23456), "one.events": count(3, Better.HIGHER), "one.pace": per_second(2)}
    made = run_of(figures, failed={"two.5": "RuntimeError: no"})
    made.write(tmp_path / "now.json")
    assert read(tmp_path / "now.json") == made
    assert made.figures["one.100.over"].value == 1.235
    document = json.loads((tmp_path / "now.json").read_text())
    assert document["figures"]["one.pace"] == {"value": 2.0, "unit": "1/s", "better": "higher"}
    jsonschema.validate(document, json.loads(SCHEMA.read_text()))


def test_ratios_and_counts_are_kept_and_nothing_that_is_of_the_machine() -> None:
    figures = {"a.ratio": ratio(1), "a.count": count(2), "a.time": seconds(3), "a.given": told(4)}
    kept = run_of(figures, failed={"b": "no"}).kept()
    assert list(kept.figures) == ["a.ratio", "a.count"]
    assert not kept.failed


GOOD = json.loads(run_of({"a.b": ratio(1)}).model_dump_json())


def with_figure(name: str, **facts: object) -> str:
    """A report with that figure."""
    figure = {"value": 1, "unit": "s", "better": "lower"}
    return json.dumps(GOOD | {"figures": {name: figure | facts}})


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "Invalid JSON"),
        ("\x00\x01", "Invalid JSON"),
        ("[]", "Input should be an object"),
        ("{}", "Field required"),
        ('{"upgrade.1000.over_ideal": 1.1}', "Field required"),
        (json.dumps(GOOD | {"format": 2}), "format: Input should be 1"),
        (json.dumps(GOOD | {"more": 1}), "more: Extra inputs"),
        (json.dumps(GOOD | {"release": "newest"}), "release: "),
        (with_figure("a.b", value="fast"), "figures.a.b.value"),
        (with_figure("a.b", value=float("nan")), "figures.a.b.value"),
        (with_figure("a.b", better="best"), "figures.a.b.better"),
        (with_figure("a.b", unit=""), "figures.a.b.unit"),
        (with_figure("A B"), "figures.A B"),
        (with_figure("alone"), "figures.alone"),
        (json.dumps(GOOD | {"machine": GOOD["machine"] | {"cpus": 0}}), "machine.cpus"),
        (json.dumps(GOOD | {"taken_at": "yesterday"}), "taken_at"),
    ],
)
def test_nonsense_is_refused_with_what_is_wrong_and_what_to_do(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "nonsense.json"
    path.write_text(text)
    with pytest.raises(Unreadable) as refused:
        read(path)
    assert said in str(refused.value)
    assert str(path) in str(refused.value)
    assert "that `--json` wrote" in str(refused.value)


def test_a_file_that_cannot_be_read_is_said(tmp_path: Path) -> None:
    with pytest.raises(Unreadable, match="No such file"):
        read(tmp_path / "gone.json")
    with pytest.raises(Unreadable, match="Is a directory"):
        read(tmp_path)


def test_the_facts_of_this_machine_are_facts() -> None:
    facts, versions = machine.machine(), machine.versions()
    assert facts.cpus >= 1
    assert facts.memory_mib > 100
    assert facts.processor
    assert versions.temporal_server.count(".") == 2
    assert versions.temporal_sdk == importlib.metadata.version("temporalio")
    made = report(
        release=machine.release(),
        commit=machine.commit(),
        taken_at=datetime.now(UTC),
        machine=facts,
        versions=versions,
        settings={},
        figures={},
        failed={},
    )
    assert Report.model_validate_json(made.model_dump_json()) == made


@pytest.mark.parametrize("changelog", ["", "## [Unreleased]\n", "## 0.1.0\n"])
def test_a_changelog_without_a_release_is_refused(changelog: str) -> None:
    with pytest.raises(ValueError, match="no release"):
        machine.last_release(changelog)


def test_ideal_is_what_the_machines_take() -> None:
    assert upgrade.Upgrade(seconds=30, batches=5, events=1).ideal_seconds == 25


def test_samples_are_whole() -> None:
    assert run_of({"a.b": Figure(1, "s")}).machine == FACTS
    assert run_of({}).versions == VERSIONS
