"""What an installation puts beside other people's packages."""

import re
import subprocess
import sys
import tomllib
from pathlib import Path
from zipfile import ZipFile

import pytest

from instar.client.sets.first_set import EXAMPLE
from instar.client.signatures import UBUNTU
from tests.support.house import OURS, ROOT


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


@pytest.mark.parametrize("module", ["api", "worker", "instar.compute.simulated"])
def test_a_folder_with_one_of_our_names_where_a_process_is_started_is_not_taken_for_ours(
    module: str, tmp_path: Path
) -> None:
    for name in (*OURS, "domain", "store", "compute", "connection"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "__init__.py").write_text("raise RuntimeError('not ours')")
    env = {"INSTAR_DATA_DIR": str(tmp_path / "data"), "INSTAR_COMPUTE": "nothing that there is"}
    command = (sys.executable, "-P", "-m", module, *(() if module == "worker" else ("--help",)))
    asked = subprocess.run(command, cwd=tmp_path, env=env, check=False, capture_output=True, text=True)  # noqa: S603  # ours
    assert "not ours" not in asked.stdout + asked.stderr
    assert "the settings are wrong" in asked.stderr if module == "worker" else "usage:" in asked.stdout


def test_whatever_is_shipped_starts_our_processes_so() -> None:
    pages = [ROOT / "Dockerfile", ROOT / "docker-compose.yml", *(ROOT / "deploy").rglob("*.*"), *ROOT.glob("*.md")]
    pages += [*(ROOT / "docs").rglob("*.md"), *(ROOT / "instar").rglob("*.py")]
    said = {page: page.read_text(encoding="utf-8") for page in pages if page.name != "CHANGELOG.md"}
    started = re.compile(r"""-m["', ]+(?:api|worker|instar)\b""")
    safe = re.compile(r"""-P["', ]+-m["', ]+(?:api|worker|instar)\b""")
    assert [page.name for page, text in said.items() if len(started.findall(text)) != len(safe.findall(text))] == []
    assert sum(len(safe.findall(text)) for text in said.values()) > 4


def test_the_wheel_has_ubuntus_key(wheel: ZipFile) -> None:
    file = UBUNTU.key.relative_to(ROOT).as_posix()
    assert wheel.read(file) == UBUNTU.key.read_bytes()


def test_the_wheel_has_the_example_that_a_first_set_is_made_of(wheel: ZipFile) -> None:
    assert wheel.read(EXAMPLE.relative_to(ROOT).as_posix()) == (ROOT / "examples" / "web.vmss.json").read_bytes()
