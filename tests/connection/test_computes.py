"""Which compute the settings name, and what is said when it cannot be had."""

import importlib.util
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from instar.compute.simulated.fleet import SimulatedFleet
from instar.connection import computes
from instar.connection.computes import CannotCompute, open_compute
from instar.connection.settings import Compute, Settings

HAS_LIBVIRT = importlib.util.find_spec("libvirt") is not None


def test_the_simulated_fleet_is_what_is_used_where_nothing_is_said(tmp_path: Path) -> None:
    with closing(open_compute(Settings(data_dir=tmp_path))) as fleet:
        assert isinstance(fleet, SimulatedFleet)


@pytest.mark.skipif(not HAS_LIBVIRT, reason="the extra `libvirt` is not installed: run `make libvirt`")
def test_libvirt_is_opened_as_the_environment_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("INSTAR_COMPUTE", "libvirt")
    monkeypatch.setenv("INSTAR_LIBVIRT__URI", "test:///default")
    monkeypatch.setenv("INSTAR_LIBVIRT__SIZES", '{"Tiny": {"memory_mib": 96}}')
    monkeypatch.setenv("INSTAR_LIBVIRT__DATA_DISK_MIB", "64")
    with closing(open_compute(Settings(data_dir=tmp_path))) as fleet:
        settings = fleet.settings  # type: ignore[attr-defined]
        size = settings.size_of("TINY")
        assert (settings.uri, size.memory_mib, settings.data_disk_mib) == ("test:///default", 96, 64)


@pytest.mark.skipif(not HAS_LIBVIRT, reason="the extra `libvirt` is not installed: run `make libvirt`")
@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("NETWORK", "wifi"),
        ("VIRT_TYPE", "xen"),
        ("SIZES", '{"Tiny": {"memory_mib": 1}}'),
        ("FIRST_PORT", "80"),
        ("NONSENSE", "1"),
    ],
)
def test_a_bad_setting_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    monkeypatch.setenv("INSTAR_COMPUTE", "libvirt")
    monkeypatch.setenv(f"INSTAR_LIBVIRT__{name}", value)
    with pytest.raises(CannotCompute, match=f"^INSTAR_LIBVIRT__{name}"):
        open_compute(Settings(data_dir=tmp_path))


def test_without_the_binding_both_processes_say_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(computes, "find_spec", lambda _: None)
    with pytest.raises(CannotCompute, match=r"pip install 'instar\[libvirt\]'"):
        open_compute(Settings(data_dir=tmp_path, compute=Compute.LIBVIRT))


@pytest.mark.parametrize("program", ["worker", "api"])
def test_a_process_that_cannot_compute_ends_with_one_sentence(tmp_path: Path, program: str) -> None:
    script = (
        "import importlib.util as u, runpy, sys; find = u.find_spec; sys.argv = ['-']; "
        "u.find_spec = lambda name, *rest: None if name == 'libvirt' else find(name, *rest); "
        f"runpy.run_module('{program}', run_name='__main__')"
    )
    told = subprocess.run(  # noqa: S603  # ourselves
        [sys.executable, "-c", script],
        env={
            "INSTAR_COMPUTE": "libvirt",
            "INSTAR_DATA_DIR": str(tmp_path),
            "TEMPORAL_ADDRESS": "127.0.0.1:1",
            "PYTHONPATH": str(Path.cwd()),
        },
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert told.returncode == 1
    last = told.stderr.splitlines()[-1]
    assert last.startswith(f"{program}: INSTAR_COMPUTE=libvirt needs libvirt's Python binding")
    assert "Traceback" not in told.stderr
