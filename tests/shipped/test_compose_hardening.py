"""What a container of the compose file may not do. None can be run here: this holds what the file says."""

# ruff: noqa: S108, S603  # temporary folders in containers; a shell with a command of ours
import re
import shlex
import shutil
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
PINNED = re.compile(r"^(postgres:\d+|[a-z/-]+:v?\d+\.\d+\.\d+)$")
PASSWORDS = ("POSTGRES_PASSWORD", "POSTGRES_INSTAR_PASSWORD", "POSTGRES_TEMPORAL_PASSWORD")
OF_A_PASSWORD = re.compile(r"\$\{?(POSTGRES_\w*PASSWORD)(:\?[^}]{20,}\})?")


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


def test_there_is_no_password_but_those_that_somebody_made() -> None:
    used = list(OF_A_PASSWORD.finditer(TEXT))
    assert [found[0] for found in used if found[2] is None] == []
    assert sorted(found[1] for found in used) == sorted(PASSWORDS)
    assert all("run deploy/passwords.sh" in found[2] for found in used)
    assert "deploy/passwords.sh" in TEXT.split("\nname: instar\n")[0]
    for service in SERVICES.values():
        for name, value in (service.get("environment") or {}).items():
            if re.search("PASSWORD|PWD|SECRET|TOKEN", name):
                assert str(value).startswith("${POSTGRES_"), name
            assert not re.search(r"://[^/@]*:[^/@]*@", str(value)), f"{name}: a URL with a password"


def holders(password: str) -> set[str]:
    return {
        name
        for name, service in SERVICES.items()
        if any(f"${{{password}:" in str(value) for value in (service.get("environment") or {}).values())
    }


def test_whoever_needs_the_database_has_the_password_of_his_own_role_alone() -> None:
    assert holders("POSTGRES_PASSWORD") == {"postgresql", "postgresql-roles"}
    assert holders("POSTGRES_INSTAR_PASSWORD") == {"postgresql-roles", "api", "worker", "page"}
    assert holders("POSTGRES_TEMPORAL_PASSWORD") == {"postgresql-roles", "temporal-schema", "temporal"}
    for name in ("api", "worker", "page"):
        environment = SERVICES[name]["environment"]
        assert environment["INSTAR_DATABASE_URL"] == "postgresql+psycopg://instar@postgresql:5432/instar"
        assert "POSTGRES_INSTAR_PASSWORD" in environment["PGPASSWORD"]
    assert SERVICES["temporal-schema"]["environment"]["SQL_USER"] == "temporal"
    assert SERVICES["temporal"]["environment"]["POSTGRES_USER"] == "temporal"


def passwords(folder: Path) -> subprocess.CompletedProcess[str]:
    """What `deploy/passwords.sh` says, run in a checkout of its own with an open umask."""
    (folder / "deploy").mkdir(parents=True, exist_ok=True)
    shutil.copy(ROOT / "deploy" / "passwords.sh", folder / "deploy")
    command = ["/bin/sh", "-c", f"umask 000; cd / && {shlex.quote(str(folder / 'deploy' / 'passwords.sh'))}"]
    return subprocess.run(command, check=False, capture_output=True, text=True)


def test_the_first_command_makes_passwords_and_never_changes_one(tmp_path: Path) -> None:
    made = set()
    for folder in (tmp_path / "first", tmp_path / "the second"):
        assert passwords(folder).returncode == 0
        file = folder / ".env"
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
        text = file.read_text()
        assert re.fullmatch("".join(f"{name}=[0-9a-f]{{64}}\n" for name in PASSWORDS), text)
        made |= set(text.splitlines())
        again = passwords(folder)
        assert again.returncode == 0
        assert again.stdout.count("is there already") == 3
        assert file.read_text() == text
        assert not any(line.split("=")[1] in again.stdout + again.stderr for line in text.splitlines())
    assert len({line.split("=")[1] for line in made}) == 6


def test_what_an_earlier_release_had_is_kept_and_the_rest_is_added(tmp_path: Path) -> None:
    file = tmp_path / ".env"
    file.write_text("API_PORT=9000\nPOSTGRES_PASSWORD=temporal")  # its last line has no end
    file.chmod(0o600)
    assert passwords(tmp_path).returncode == 0
    lines = file.read_text().splitlines()
    assert lines[:2] == ["API_PORT=9000", "POSTGRES_PASSWORD=temporal"]
    assert [line.split("=")[0] for line in lines[2:]] == list(PASSWORDS[1:])


@pytest.mark.parametrize(
    ("text", "mode", "words"),
    [("POSTGRES_PASSWORD=\n", 0o600, "POSTGRES_PASSWORD is empty"), ("", 0o644, "can be used by others: chmod 600")],
)
def test_a_file_that_is_no_place_for_passwords_is_left_alone(tmp_path: Path, text: str, mode: int, words: str) -> None:
    file = tmp_path / ".env"
    file.write_text(text)
    file.chmod(mode)
    done = passwords(tmp_path)
    assert done.returncode == 1
    assert words in done.stderr
    assert file.read_text() == text


def test_settings_of_ones_own_come_from_a_file_that_need_not_be_there() -> None:
    ours = {name for name, service in SERVICES.items() if str(service["image"]).startswith("instar:")}
    for name in ours:
        assert SERVICES[name]["env_file"] == [{"path": "instar.env", "required": False}]
    assert ours == {"api", "worker", "page", "certificates"}
    assert "instar.env" in (ROOT / ".gitignore").read_text().split()


def test_the_file_with_the_password_goes_into_neither_history_nor_image() -> None:
    assert ".env" in (ROOT / ".gitignore").read_text().split()
    assert "*" in (ROOT / ".dockerignore").read_text().split("\n")
