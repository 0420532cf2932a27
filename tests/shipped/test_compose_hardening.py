"""What a container of the compose file may not do. None can be run here: this holds what the file says."""

# ruff: noqa: S108, S603  # temporary folders in containers; a shell with a command of ours
import re
import stat
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml  # type: ignore[import-untyped]  # its stubs are no dependency of ours

from tests.support.house import ROOT

TEXT = (ROOT / "docker-compose.yml").read_text(encoding="utf-8")
SERVICES: dict[str, dict[str, Any]] = yaml.safe_load(TEXT)["services"]

ADDED_CAPABILITIES = {"postgresql": {"CHOWN", "DAC_OVERRIDE", "FOWNER", "SETGID", "SETUID"}}
WRITABLE_FOLDERS = {"postgresql": {"/tmp", "/var/run/postgresql"}}
OUT_OF_THE_CONTAINER = {"privileged", "pid", "ipc", "network_mode", "userns_mode", "devices", "cgroup", "cgroup_parent"}
PINNED = re.compile(r"^(postgres:\d+|[a-z/-]+:\d+\.\d+\.\d+)$")
OF_THE_PASSWORD = re.compile(r"\$\{?POSTGRES_PASSWORD(:\?[^}]{20,}\})?")
COMMAND = re.compile(r"^#   (\(umask .+)$", re.MULTILINE)


def complaints(name: str, service: dict[str, Any]) -> set[str]:
    """The names of what is set otherwise than it has to be."""
    held = {
        "read_only": service.get("read_only") is True,
        "tmpfs": {mount.split(":")[0] for mount in service.get("tmpfs", ()) if ":size=" in mount}
        == WRITABLE_FOLDERS.get(name, {"/tmp"}),
        "cap_drop": service.get("cap_drop") == ["ALL"],
        "cap_add": set(service.get("cap_add", ())) == ADDED_CAPABILITIES.get(name, set()),
        "security_opt": service.get("security_opt") == ["no-new-privileges:true"],
        "init": service.get("init") is True,
        "pids_limit": 0 < int(service.get("pids_limit", 0)) <= 512,
        "mem_limit": str(service.get("mem_limit")) in {"512m", "1g", "2g"},
        "image": PINNED.match(service["image"]) is not None,
        "ports": all(str(port).startswith("127.0.0.1:") for port in service.get("ports", ())),
        # What is of the host is read, and nothing of Docker's own is there to be reached.
        "volumes": all(
            mount.endswith(":ro") if mount.startswith((".", "/", "~")) else True for mount in service.get("volumes", ())
        ),
    }
    return {key for key, right in held.items() if not right} | (OUT_OF_THE_CONTAINER & service.keys())


@pytest.mark.parametrize("name", sorted(SERVICES))
def test_a_container_may_do_no_more_than_it_must(name: str) -> None:
    assert complaints(name, SERVICES[name]) == set()


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("read_only", False),
        ("tmpfs", ["/tmp"]),
        ("tmpfs", ["/tmp:size=64m", "/etc:size=1m"]),
        ("cap_drop", ["NET_RAW"]),
        ("cap_add", ["SYS_ADMIN"]),
        ("security_opt", ["no-new-privileges:true", "seccomp:unconfined"]),
        ("init", False),
        ("pids_limit", -1),
        ("mem_limit", None),
        ("image", "temporalio/ui"),
        ("image", "temporalio/ui:latest"),
        ("ports", ["8233:8080"]),
        ("ports", ["0.0.0.0:8233:8080"]),
        ("volumes", ["/var/run/docker.sock:/var/run/docker.sock"]),
        ("privileged", True),
        ("network_mode", "host"),
    ],
)
def test_what_lets_a_container_do_more_is_found(setting: str, value: object) -> None:
    assert complaints("temporal-ui", SERVICES["temporal-ui"] | {setting: value}) == {setting}


def test_there_is_no_password_but_the_one_that_somebody_made() -> None:
    used = list(OF_THE_PASSWORD.finditer(TEXT))
    assert [found[0] for found in used if found[1] is None] == []
    assert len(used) == 2
    for name, variable in (("postgresql", "POSTGRES_PASSWORD"), ("temporal", "POSTGRES_PWD")):
        assert SERVICES[name]["environment"][variable].startswith("${POSTGRES_PASSWORD:?")
    assert "head of docker-compose.yml" in SERVICES["postgresql"]["environment"]["POSTGRES_PASSWORD"]


def test_the_command_at_the_head_of_the_file_makes_a_password_of_its_own_and_never_another(tmp_path: Path) -> None:
    (command,) = COMMAND.findall(TEXT)
    passwords = set()
    for folder in (tmp_path / "first", tmp_path / "second"):
        folder.mkdir()
        subprocess.run(["/bin/sh", "-c", command], cwd=folder, check=True)
        made = folder / ".env"
        assert stat.S_IMODE(made.stat().st_mode) == 0o600
        text = made.read_text()
        # Digits and letters alone: it stands in a URL.
        assert re.fullmatch(r"POSTGRES_PASSWORD=[0-9a-f]{64}\n", text)
        passwords.add(text)
        again = subprocess.run(["/bin/sh", "-c", command], cwd=folder, check=False, capture_output=True)
        assert again.returncode != 0
        assert made.read_text() == text
    assert len(passwords) == 2


def test_the_file_with_the_password_goes_into_neither_history_nor_image() -> None:
    assert ".env" in (ROOT / ".gitignore").read_text().split()
    assert "*" in (ROOT / ".dockerignore").read_text().split("\n")
