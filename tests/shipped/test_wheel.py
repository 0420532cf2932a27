"""What an installation puts beside other people's packages."""

import subprocess
import sys
import tomllib
from pathlib import Path
from zipfile import ZipFile

import pytest

ROOT = Path(__file__).parents[2]
OURS = {"instar", "activities", "api", "worker", "workflows"}
"""All but the first are fixed by who ordered Instar; nothing more is taken from the names that everybody shares."""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> ZipFile:
    folder = tmp_path_factory.mktemp("wheel")
    build = (sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(folder))
    subprocess.run(build, cwd=ROOT, check=True, capture_output=True)  # noqa: S603  # our own build backend
    (built,) = folder.glob("*.whl")
    return ZipFile(built)


def test_the_wheel_takes_no_name_but_ours_and_those_that_are_fixed(wheel: ZipFile) -> None:
    top = {name.split("/")[0] for name in wheel.namelist()}
    assert {name for name in top if not name.endswith(".dist-info")} == OURS


def test_the_wheel_has_every_module_and_nothing_of_the_tests(wheel: ZipFile) -> None:
    modules = {path.relative_to(ROOT).as_posix() for name in OURS for path in (ROOT / name).rglob("*.py")}
    assert {name for name in wheel.namelist() if name.endswith(".py")} == modules


def test_the_project_names_what_the_wheel_has() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    tools = project["tool"]
    assert set(tools["hatch"]["build"]["targets"]["wheel"]["packages"]) == OURS
    assert set(tools["importlinter"]["root_packages"]) == OURS
    assert set(tools["mypy"]["packages"]) == OURS | {"tests"}
