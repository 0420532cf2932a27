"""The units for systemd: they can be read, start what there is, and are hardened (docs/rules.md F9)."""

import configparser
import shutil
import subprocess
from pathlib import Path

import pytest

UNITS = sorted((Path(__file__).parents[2] / "deploy" / "systemd").glob("*.service"))

EXPOSURE_AT_MOST = 20
"""Of 100, as `systemd-analyze security` counts; a unit without any hardening has 96."""


def analyze(*words: str) -> subprocess.CompletedProcess[str]:
    program = shutil.which("systemd-analyze")
    if program is None:
        pytest.skip("systemd-analyze is not installed here")
    return subprocess.run(  # noqa: S603  # systemd's own program
        [program, *words], capture_output=True, text=True, timeout=60, check=False
    )


def read(unit: Path) -> configparser.ConfigParser:
    parser = configparser.ConfigParser(strict=False, interpolation=None)
    parser.optionxform = str  # type: ignore[assignment,method-assign]  # systemd's names have capitals
    parser.read(unit)
    return parser


def test_f9_there_is_a_unit_for_the_api_and_one_for_the_worker() -> None:
    assert [one.name for one in UNITS] == ["instar-api.service", "instar-worker.service"]


@pytest.mark.parametrize("unit", UNITS, ids=lambda one: one.stem)
def test_f9_a_unit_is_started_again_whatever_happens_and_starts_a_program_of_ours(unit: Path) -> None:
    service = read(unit)["Service"]
    assert service["Restart"] == "always"
    assert service["ExecStart"].startswith(f"/opt/instar/bin/python -P -m {unit.stem.removeprefix('instar-')}")


@pytest.mark.parametrize("unit", UNITS, ids=lambda one: one.stem)
def test_f9_systemd_reads_the_unit(unit: Path, tmp_path: Path) -> None:
    # Where Instar is not installed its program is missing: that alone may be said.
    text = unit.read_text().replace("/opt/instar/bin/python", "/bin/true")
    copy = tmp_path / unit.name
    copy.write_text(text)
    done = analyze("verify", "--man=no", str(copy))
    ours = [line for line in done.stderr.splitlines() if unit.name in line]
    assert ours == []


@pytest.mark.parametrize("unit", UNITS, ids=lambda one: one.stem)
def test_f9_a_unit_is_hardened(unit: Path) -> None:
    done = analyze("security", "--offline=true", "--no-pager", f"--threshold={EXPOSURE_AT_MOST}", str(unit))
    assert done.returncode == 0, done.stdout[-1500:]
