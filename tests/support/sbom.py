"""A software bill of materials (CycloneDX) of what is shipped: `python -m tests.support.sbom PYTHON FOLDER`.

PYTHON is that of an installation by `deploy/install.sh`; the file is called after the release. The same installation
gives the same file, byte by byte.
"""

import json
import os
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from packaging.utils import canonicalize_name

from tests.support import locks
from tests.support.house import ROOT

PROJECT = ROOT / "pyproject.toml"
SCHEMA = SchemaVersion.V1_6
"""Not the newest that the tool writes: what reads such files knows it."""

OF_A_REGISTRY = re.compile(r"//(?:[\w-]+\.)*pypi\.")
"""A host that is called like the kind of package: whoever checks a package asks a registry of their own choice."""


def made(python: Path) -> str:
    """What is installed beside this Python. OSError or CalledProcessError if that cannot be told."""
    command = [sys.executable, "-m", "cyclonedx_py", "environment", str(python), "--pyproject", str(PROJECT)]
    command += [
        "--output-reproducible",
        "--spec-version",
        SCHEMA.to_version(),
        "--output-format",
        "JSON",
        "--no-validate",
    ]
    # Validated when all is done to it. With SOURCE_DATE_EPOCH the tool writes a time.
    env = {name: value for name, value in os.environ.items() if name != "SOURCE_DATE_EPOCH"}
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, env=env, text=True)  # noqa: S603  # the tool
    document = json.loads(done.stdout)
    for part in _parts(document):
        if "externalReferences" in part:
            part["externalReferences"] = [
                page for page in part["externalReferences"] if not OF_A_REGISTRY.search(page["url"])
            ]
    return json.dumps(document, indent=2, sort_keys=True, ensure_ascii=False) + "\n"


def schema_errors(text: str) -> list[str]:
    """Where it does not obey CycloneDX's own schema. Takes some seconds."""
    errors = JsonStrictValidator(SCHEMA).validate_str(text, all_errors=True) or ()
    return [f"it does not obey the schema of CycloneDX {SCHEMA.to_version()}: {error}" for error in errors]


def differences(text: str) -> list[str]:
    """Where it tells something else than what this checkout ships, or more."""
    document = json.loads(text)
    locked = {name: package.version for name, package in locks.read("run").items()}
    listed = {canonicalize_name(part["name"]): part.get("version", "") for part in document.get("components", ())}
    found = [f"{name} {locked[name]} is shipped and not in it" for name in sorted(locked.keys() - listed.keys())]
    found += [f"{name} is in it and not shipped" for name in sorted(listed.keys() - locked.keys())]
    both = sorted(listed.keys() & locked.keys())
    found += [f"{name} is {locked[name]}, not {listed[name]}" for name in both if listed[name] != locked[name]]
    root = document.get("metadata", {}).get("component", {})
    if (root.get("name"), root.get("version")) != ("instar", release()):
        found.append(f"it is not of instar {release()}")
    found += [f"nothing needs {ref}" for ref in sorted(_refs(document) - _reached(document))]
    if "serialNumber" in document or "timestamp" in document.get("metadata", {}):
        found.append("it has a number or a time that is another each time it is made")
    if OF_A_REGISTRY.search(text):
        found.append("it names a registry")
    if "file:" in text or str(ROOT) in text:
        found.append("it names a folder of the machine that it was made on")
    return found


def release() -> str:
    """The version of this checkout."""
    return str(tomllib.loads(PROJECT.read_text(encoding="utf-8"))["project"]["version"])


def _parts(document: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield from document["components"]
    tools = document["metadata"]["tools"]
    yield from (*tools.get("components", ()), *tools.get("services", ()))


def _refs(document: dict[str, Any]) -> set[str]:
    return {part["bom-ref"] for part in document.get("components", ())}


def _reached(document: dict[str, Any]) -> set[str]:
    needs = {entry["ref"]: entry.get("dependsOn", ()) for entry in document.get("dependencies", ())}
    reached: set[str] = set()
    left = [document.get("metadata", {}).get("component", {}).get("bom-ref", "")]
    while left:
        ref = left.pop()
        if ref not in reached:
            reached.add(ref)
            left += needs.get(ref, ())
    return reached


def main(words: list[str]) -> str | None:
    """What is wrong, for the process to end with."""
    if len(words) != 2:
        return "usage: python -m tests.support.sbom PYTHON FOLDER"
    python, folder = Path(words[0]), Path(words[1])
    if not os.access(python, os.X_OK):
        return f"{python} is no Python: run deploy/install.sh first"
    text = made(python)
    if wrong := [*schema_errors(text), *differences(text)]:
        return "\n".join(["this is no bill of materials of what is shipped:", *wrong])
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / f"instar-{release()}.cdx.json"
    file.write_text(text, encoding="utf-8")
    print(f"{file}: {len(json.loads(text)['components'])} components")  # noqa: T201  # what is said to whoever makes it
    return None


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
