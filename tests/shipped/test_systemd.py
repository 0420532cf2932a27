"""The units for systemd: they can be read, start what there is, and are hardened (docs/rules.md F9)."""

import shutil
import subprocess
from pathlib import Path

import pytest

UNITS = sorted((Path(__file__).parents[2] / "deploy" / "systemd").glob("*.service"))

HARDENED = {
    "AmbientCapabilities": "",
    "CapabilityBoundingSet": "",
    "DevicePolicy": "closed",
    "Group": "instar",
    "KeyringMode": "private",
    "LimitCORE": "0",
    "LimitNOFILE": "16384",
    "LockPersonality": "yes",
    "MemoryDenyWriteExecute": "yes",
    "MemoryMax": "2G",
    "NoNewPrivileges": "yes",
    "PrivateDevices": "yes",
    "PrivateIPC": "yes",
    "PrivateMounts": "yes",
    "PrivateTmp": "yes",
    "PrivateUsers": "yes",
    "ProcSubset": "pid",
    "ProtectClock": "yes",
    "ProtectControlGroups": "yes",
    "ProtectHome": "yes",
    "ProtectHostname": "yes",
    "ProtectKernelLogs": "yes",
    "ProtectKernelModules": "yes",
    "ProtectKernelTunables": "yes",
    "ProtectProc": "invisible",
    "ProtectSystem": "strict",
    "RemoveIPC": "yes",
    "RestrictAddressFamilies": "AF_INET AF_INET6 AF_UNIX",
    "RestrictNamespaces": "yes",
    "RestrictRealtime": "yes",
    "RestrictSUIDSGID": "yes",
    "StateDirectory": "instar",
    "StateDirectoryMode": "0700",
    "SystemCallArchitectures": "native",
    "SystemCallErrorNumber": "EPERM",
    "SystemCallFilter": "@system-service ~@privileged @resources",
    "TasksMax": "512",
    "UMask": "0077",
    "User": "instar",
}
"""What a unit says, wherever that is looked at; a setting that is said twice is here as both."""

EXPOSURE_AT_MOST = 15
"""Of 100, as `systemd-analyze security` counts; a unit without any hardening has 96."""


def analyze(*words: str) -> subprocess.CompletedProcess[str]:
    program = shutil.which("systemd-analyze")
    if program is None:
        pytest.skip("systemd-analyze is not installed here")
    return subprocess.run(  # noqa: S603  # systemd's own program
        [program, *words], capture_output=True, text=True, timeout=60, check=False
    )


def read(unit: Path) -> dict[str, str]:
    """What stands under [Service]. A setting that stands there again adds to itself, as systemd takes lists."""
    said: dict[str, str] = {}
    section = ""
    for line in unit.read_text(encoding="utf-8").splitlines():
        if line.startswith("["):
            section = line
        elif section == "[Service]" and "=" in line and not line.startswith("#"):
            name, value = line.split("=", 1)
            said[name] = f"{said[name]} {value}" if name in said else value
    return said


def softened(unit: Path) -> dict[str, str | None]:
    """The settings that should be otherwise, as they are."""
    said = read(unit)
    return {name: said.get(name) for name, value in HARDENED.items() if said.get(name) != value}


def test_f9_there_is_a_unit_for_the_api_and_one_for_the_worker() -> None:
    assert [unit.name for unit in UNITS] == ["instar-api.service", "instar-worker.service"]


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.stem)
def test_f9_a_unit_is_started_again_whatever_happens_and_starts_a_program_of_ours(unit: Path) -> None:
    service = read(unit)
    assert service["Restart"] == "always"
    assert service["ExecStart"].startswith(f"/opt/instar/bin/python -P -m {unit.stem.removeprefix('instar-')}")


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.stem)
def test_f9_systemd_reads_the_unit(unit: Path, tmp_path: Path) -> None:
    # Where Instar is not installed its program is missing: that alone may be said.
    text = unit.read_text().replace("/opt/instar/bin/python", "/bin/true")
    copy = tmp_path / unit.name
    copy.write_text(text)
    done = analyze("verify", "--man=no", str(copy))
    ours = [line for line in done.stderr.splitlines() if unit.name in line]
    assert ours == []


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.stem)
def test_f9_a_unit_says_all_that_shuts_it_in(unit: Path) -> None:
    assert softened(unit) == {}


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.stem)
def test_f9_a_unit_that_is_let_out_is_noticed(unit: Path, tmp_path: Path) -> None:
    text = unit.read_text()
    copy = tmp_path / unit.name
    for line, name, value in [
        ("UMask=0022", "UMask", "0077 0022"),
        ("CapabilityBoundingSet=CAP_SYS_ADMIN", "CapabilityBoundingSet", " CAP_SYS_ADMIN"),
        ("SystemCallFilter=mount", "SystemCallFilter", f"{HARDENED['SystemCallFilter']} mount"),
    ]:
        copy.write_text(text.replace("[Install]", f"{line}\n\n[Install]"))
        assert softened(copy) == {name: value}
    copy.write_text(text.replace("ProtectSystem=strict\n", "").replace("PrivateTmp=yes", "PrivateTmp=no"))
    assert softened(copy) == {"ProtectSystem": None, "PrivateTmp": "no"}


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.stem)
def test_f9_systemd_itself_rates_a_unit_as_hardened(unit: Path) -> None:
    done = analyze("security", "--offline=true", "--no-pager", f"--threshold={EXPOSURE_AT_MOST}", str(unit))
    assert done.returncode == 0, done.stdout[-1500:]
