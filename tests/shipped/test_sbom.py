"""The bill of materials: of what is shipped, valid, and the same each time. `make sbom` makes it of an installation."""

import json
import sys
from pathlib import Path
from typing import Any

import pytest
from packaging.utils import canonicalize_name

from tests.support import locks, sbom


@pytest.fixture(scope="module")
def of_developers() -> str:
    """Of what runs these tests: with all tools, so it is not what is shipped."""
    return sbom.made(Path(sys.executable))


@pytest.fixture
def shipped(of_developers: str) -> dict[str, Any]:
    """The same without the tools: as it is of an installation."""
    document: dict[str, Any] = json.loads(of_developers)
    locked = locks.read("run")
    document["components"] = [part for part in document["components"] if canonicalize_name(part["name"]) in locked]
    kept = {part["bom-ref"] for part in document["components"]} | {document["metadata"]["component"]["bom-ref"]}
    document["dependencies"] = [
        {**entry, "dependsOn": [ref for ref in entry.get("dependsOn", ()) if ref in kept]}
        for entry in document["dependencies"]
        if entry["ref"] in kept
    ]
    return document


def found(document: dict[str, Any]) -> list[str]:
    return sbom.differences(json.dumps(document))


def test_a_bill_of_what_is_shipped_is_valid(shipped: dict[str, Any]) -> None:
    assert sbom.schema_errors(json.dumps(shipped)) == []
    assert found(shipped) == []
    assert all(part["purl"].startswith("pkg:pypi/") for part in shipped["components"])


def test_it_is_the_same_each_time(of_developers: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1800000000")
    assert sbom.made(Path(sys.executable)) == of_developers


def test_a_tool_of_the_developers_is_noticed(of_developers: str) -> None:
    wrong = sbom.differences(of_developers)
    assert "pytest is in it and not shipped" in wrong
    assert "bandit is in it and not shipped" in wrong


def test_what_is_missing_or_another_version_is_noticed(shipped: dict[str, Any]) -> None:
    (lark,) = (part for part in shipped["components"] if part["name"] == "lark")
    right = lark["version"]
    lark["version"] = "0.1"
    assert found(shipped) == [f"lark is {right}, not 0.1"]
    shipped["components"].remove(lark)
    assert f"lark {right} is shipped and not in it" in found(shipped)


def test_what_nothing_needs_is_noticed(shipped: dict[str, Any]) -> None:
    shipped["dependencies"] = []
    assert "nothing needs lark==" in " ".join(found(shipped))


def test_a_document_that_is_not_of_the_schema_is_noticed(shipped: dict[str, Any]) -> None:
    del shipped["components"][1:]
    shipped["components"][0]["type"] = "nonsense"
    (wrong,) = sbom.schema_errors(json.dumps(shipped))
    assert "schema of CycloneDX 1.6" in wrong
    assert "nonsense" in wrong


@pytest.mark.parametrize(
    ("place", "name", "value", "said"),
    [
        ("", "serialNumber", "urn:uuid:3e671687-395b-41f5-a30f-a58921a69b79", "another each time"),
        ("metadata", "timestamp", "2026-11-30T00:00:00+00:00", "another each time"),
        ("metadata", "authors", [{"name": "https://files.pypi.example/simple"}], "names a registry"),
        ("metadata", "authors", [{"name": "file:///home/me"}], "names a folder"),
        ("metadata", "component", {"type": "application", "name": "instar", "version": "0"}, "not of instar"),
    ],
)
def test_what_would_tell_of_the_machine_or_the_moment_is_noticed(
    place: str, name: str, value: object, said: str, shipped: dict[str, Any]
) -> None:
    (shipped[place] if place else shipped)[name] = value
    assert any(said in complaint for complaint in found(shipped))


def test_pages_of_a_registry_are_left_out(of_developers: str) -> None:
    assert not sbom.OF_A_REGISTRY.search(of_developers)
    assert "externalReferences" in of_developers


@pytest.mark.parametrize(
    ("words", "said"), [([], "usage"), (["{}"], "usage"), (["{}/none", "{}"], "deploy/install.sh first")]
)
def test_nonsense_in_what_is_asked_is_said(words: list[str], said: str, tmp_path: Path) -> None:
    assert said in (sbom.main([word.format(tmp_path) for word in words]) or "")


def test_what_is_no_installation_gives_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sbom, "made", lambda _python: "{}")
    said = sbom.main([sys.executable, str(tmp_path / "dist")])
    assert said is not None
    assert "lark" in said
    assert not (tmp_path / "dist").exists()
