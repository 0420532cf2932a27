"""What is locked: developers, an installation and the image get the same packages, and an installation no tool."""

import ast
import os
import re
import subprocess
import sys
import tomllib
from importlib.metadata import distribution, packages_distributions
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.support import locks
from tests.support.house import OURS, ROOT

PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
EXTRAS: dict[str, list[str]] = PROJECT["optional-dependencies"]
LOCKED_FOR = {"python_version": "3.11", "python_full_version": "3.11.7", "implementation_name": "cpython"} | {
    "sys_platform": "linux",
    "platform_system": "Linux",
    "os_name": "posix",
    "platform_machine": "x86_64",
    "platform_python_implementation": "CPython",
}


def needed(wanted: list[str]) -> set[str]:
    """The packages that these requirements bring, by what those that are installed here say of themselves."""
    found: set[tuple[str, str]] = set()
    left = [(Requirement(text), "") for text in wanted]
    while left:
        requirement, extra = left.pop()
        if requirement.marker is not None and not requirement.marker.evaluate(LOCKED_FOR | {"extra": extra}):
            continue
        name = canonicalize_name(requirement.name)
        for asked in ("", *requirement.extras):
            if (name, asked) not in found:
                found.add((name, asked))
                left += [(Requirement(text), asked) for text in distribution(name).requires or ()]
    return {name for name, _ in found}


def named(requirements: list[str]) -> set[str]:
    return {canonicalize_name(Requirement(text).name) for text in requirements}


CLIENTS = [f"{locks.CLIENTS}{path.stem}" for path in sorted((ROOT / "tests" / "clients" / "locks").glob("*.txt"))]


@pytest.mark.parametrize("lock", ["", "run", "build", "libvirt", "libvirt-build", *CLIENTS])
def test_a_lock_names_no_registry_and_every_package_has_hashes(lock: str) -> None:
    text = locks.path_of(lock).read_text(encoding="utf-8")
    assert "://" not in text
    packages = locks.read(lock)
    assert packages
    assert [name for name, package in packages.items() if not package.hashes] == []


@pytest.mark.parametrize(("lock", "own"), [("run", set()), ("build", set()), ("libvirt", named(EXTRAS["libvirt"]))])
def test_what_is_installed_elsewhere_is_what_developers_test_with(lock: str, own: set[str]) -> None:
    tested = locks.read("")
    installed = locks.read(lock)
    assert {name: package for name, package in installed.items() if tested.get(name) != package}.keys() == own


def test_the_lock_of_what_runs_has_all_that_the_project_needs_and_no_more() -> None:
    assert needed(PROJECT["dependencies"]) == set(locks.read("run"))


def test_the_lock_of_what_runs_has_no_tool_of_the_developers() -> None:
    assert named(EXTRAS["dev"]) & set(locks.read("run")) == set()
    assert named(EXTRAS["dev"]) <= set(locks.read(""))


def test_the_lock_for_libvirt_is_that_of_what_runs_and_the_extra() -> None:
    assert set(locks.read("libvirt")) == set(locks.read("run")) | named(EXTRAS["libvirt"])


def test_the_lock_of_what_builds_the_wheel_has_all_that_it_takes() -> None:
    wanted = tomllib.loads((ROOT / "pyproject.toml").read_text())["build-system"]["requires"]
    assert needed(wanted) == set(locks.read("build"))


def test_nothing_is_imported_but_what_an_installation_has() -> None:
    installed = set(locks.read("run")) | named(EXTRAS["libvirt"])
    of_module: dict[str, set[str]] = {
        name: {canonicalize_name(item) for item in found} for name, found in packages_distributions().items()
    }
    # Of an extra that need not be installed here.
    of_module |= {"libvirt": {"libvirt-python"}, "libvirt_qemu": {"libvirt-python"}, "pycdlib": {"pycdlib"}}
    missing = set()
    for path in (path for room in OURS for path in (ROOT / room).rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom) and not node.level:
                names = [node.module or ""]
            for top in {name.split(".")[0] for name in names} - OURS - sys.stdlib_module_names:
                if not of_module.get(top, set()) & installed:
                    missing.add((path.relative_to(ROOT).as_posix(), top))
    assert missing == set()


def test_the_image_installs_the_lock_of_what_runs_and_gets_only_what_it_copies() -> None:
    dockerfile = (ROOT / "Dockerfile").read_text()
    copied = [word for line in re.findall(r"^COPY (?!--)(.+)$", dockerfile, re.MULTILINE) for word in line.split()[:-1]]
    locked = {f"requirements-{lock}.txt" for lock in ("run", "build", "libvirt", "libvirt-build")}
    assert locked | {"deploy/install.sh", "deploy/libvirt-packages.sh"} < set(copied)
    build, shipped = dockerfile.split("FROM ")[1:]
    # The binding is built where the compiler stays; what is shipped has what it is linked with, and a way elsewhere.
    assert build.index("libvirt-packages.sh build") < build.index("WITH=libvirt deploy/install.sh /opt/instar packages")
    assert "libvirt-packages.sh remote" in shipped
    assert "libvirt-packages.sh build" not in shipped
    assert all((ROOT / word).exists() for word in copied)
    ignored = [line for line in (ROOT / ".dockerignore").read_text().splitlines() if not line.startswith("#")]
    assert ignored[0] == "*"
    assert {line.removeprefix("!") for line in ignored if line.startswith("!")} == set(copied)
    packages = (ROOT / "deploy" / "libvirt-packages.sh").read_text()
    remote = re.search(r'^remote="(.+)"$', packages, re.MULTILINE)
    assert remote
    assert set(remote[1].split()) == {"libvirt0", "openssh-client", "gpgv"}
    assert "pip" not in dockerfile
    assert "requirements.txt" not in dockerfile + (ROOT / "deploy" / "install.sh").read_text()


@pytest.mark.parametrize(
    ("words", "status", "said"),
    [
        ([], 2, "usage:"),
        ([""], 2, "usage:"),
        (["{}", "everything"], 2, "usage:"),
        (["{}", "instar", "more"], 2, "usage:"),
        (["{}/nowhere", "instar"], 1, "packages first"),
        (["{}/nowhere", "all", "WITH=everything"], 2, "WITH is libvirt, or not set"),
    ],
)
def test_the_script_that_installs_says_what_is_wrong_before_it_does_anything(
    words: list[str], status: int, said: str, tmp_path: Path
) -> None:
    env = dict(os.environ)
    if words and words[-1].startswith("WITH="):
        env["WITH"] = words.pop().removeprefix("WITH=")
    command = [str(ROOT / "deploy" / "install.sh"), *(word.format(tmp_path) for word in words)]
    done = subprocess.run(command, env=env, capture_output=True, text=True, check=False)  # noqa: S603  # our own script
    assert (done.returncode, said in done.stderr) == (status, True)
    assert list(tmp_path.iterdir()) == []
