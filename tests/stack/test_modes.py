# ruff: noqa: S603  # our own programs
"""Every process of ours on a data directory that stood open: it is tightened, that is said, and nothing new is open."""

import os
import re
import shutil
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest

from instar.backup.backup import Wish, backup
from instar.client.api_token import FILE
from instar.compute.simulated.fleet import SimulatedFleet
from instar.connection.settings import Settings
from tests.support.data_dirs import made

pytestmark = pytest.mark.processes

INSTAR = str(Path(sys.executable).parent / "instar")
PYTHON = (sys.executable, "-P", "-m")
SECONDS = 60
SOMEBODY = 12_345

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")


def environment(data: Path, **more: str) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("INSTAR_", "TEMPORAL_"))}
    return kept | {"INSTAR_DATA_DIR": str(data), "TEMPORAL_ADDRESS": "127.0.0.1:1", "PYTHONUNBUFFERED": "1"} | more


@contextmanager
def running(command: Sequence[str], env: Mapping[str, str], until: str, log: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A process that has said something, with a umask that would let everybody in."""
    with (
        log.open("wb") as out,
        subprocess.Popen(command, env=dict(env), stdout=out, stderr=subprocess.STDOUT, umask=0) as process,
    ):
        try:
            give_up_at = time.monotonic() + SECONDS
            while not re.search(until, log.read_text()):
                assert process.poll() is None, log.read_text()
                assert time.monotonic() < give_up_at, log.read_text()
                time.sleep(0.05)
            yield process
        finally:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()


def command(*words: str, env: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [INSTAR, *words], env=dict(env), capture_output=True, text=True, check=False, timeout=SECONDS, umask=0
    )


def umask_of(pid: int) -> str:
    found = re.search(r"^Umask:\s*(\d+)$", Path(f"/proc/{pid}/status").read_text(), re.MULTILINE)
    if found is None:
        pytest.skip("this system does not tell the umask of a process")
    return found[1]


def opened_up(data: Path) -> Settings:
    """A data directory with everything that there is, open to everybody."""
    settings = made(data)
    shutil.rmtree(data / "tls")
    for name in ("signing.key", "owner.json"):
        (data / name).unlink()
    (data / "fleet.sqlite").unlink()
    for name in ("logs", "gates", "uploads"):
        (data / name).mkdir()
        (data / name / "old").write_text("of before")
    for path in (data, *data.rglob("*")):
        path.chmod(0o755 if path.is_dir() else 0o644)
    return settings


def open_in(data: Path) -> set[str]:
    """What others may use."""
    return {
        path.relative_to(data).as_posix()
        for path in (data, *data.rglob("*"))
        if stat.S_IMODE(path.lstat().st_mode) & 0o077 and path.suffix != ".crt"
    }


@pytest.mark.parametrize(
    ("process", "until"),
    [
        ((*PYTHON, "worker"), "waits for Temporal"),
        ((*PYTHON, "api", "--port", "0"), "api ready"),
    ],
)
def test_a_worker_and_an_api_close_what_stood_open(tmp_path: Path, process: Sequence[str], until: str) -> None:
    data = tmp_path / "data"
    opened_up(data)
    with running(process, environment(data), until, tmp_path / "log") as one:
        assert umask_of(one.pid) == "0077"
        said = (tmp_path / "log").read_text()
        assert open_in(data) == set()
    for name, before, after in (("", "0755", "0700"), ("/seal.keys", "0644", "0600"), ("/temporal.db", "0644", "0600")):
        line = f"{data}{name}: mode {before} was changed to {after}"
        assert said.count(line) == 1, said
    with running(process, environment(data), until, tmp_path / "log"):
        assert "was changed to" not in (tmp_path / "log").read_text()


@pytest.mark.parametrize("process", [(*PYTHON, "worker"), (*PYTHON, "api", "--port", "0")])
@pytest.mark.parametrize(
    ("variable", "name"), [("INSTAR_SEAL_KEY_FILE", "my.keys"), ("INSTAR_FLEET_FILE", "my.sqlite")]
)
def test_a_worker_and_an_api_refuse_what_stands_open_elsewhere(
    tmp_path: Path, process: Sequence[str], variable: str, name: str
) -> None:
    data, elsewhere = tmp_path / "data", tmp_path / name
    opened_up(data)
    shutil.copyfile(data / "seal.keys", elsewhere)
    elsewhere.chmod(0o644)
    env = environment(data, **{variable: str(elsewhere)})
    done = subprocess.run(process, env=env, capture_output=True, text=True, check=False, timeout=SECONDS)
    assert done.returncode == 1
    assert f"others may use {elsewhere} (mode 0644" in done.stderr.splitlines()[-1]
    assert f"chmod 600 {elsewhere}" in done.stderr.splitlines()[-1]
    assert stat.S_IMODE(elsewhere.stat().st_mode) == 0o644


@as_root
def test_every_command_refuses_what_is_another_users_and_open(tmp_path: Path) -> None:
    data = tmp_path / "data"
    settings = opened_up(data)
    made_backup, _ = backup(Wish(tmp_path / "b"), settings, datetime.now(UTC), lambda *_: None)
    os.chown(data / "store.sqlite", SOMEBODY, SOMEBODY)
    env = environment(data)
    for words in (
        ("up", "--data-dir", str(data)),
        ("backup", str(tmp_path / "b")),
        ("restore", str(made_backup), "--yes"),
        ("credentials", "list"),
        ("audit",),
    ):
        done = command(*words, env=env)
        assert done.returncode == 1, words
        assert f"{data}/store.sqlite belongs to user {SOMEBODY}, and others may use it" in done.stderr, words
    for process in ((*PYTHON, "worker"), (*PYTHON, "api", "--port", "0")):
        ended = subprocess.run(process, env=env, capture_output=True, text=True, check=False, timeout=SECONDS)
        assert ended.returncode == 1
        assert "belongs to user" in ended.stderr.splitlines()[-1]
    assert stat.S_IMODE((data / "store.sqlite").stat().st_mode) == 0o644


def test_every_command_closes_what_stood_open_and_makes_nothing_open(tmp_path: Path) -> None:
    data, backups = tmp_path / "data", tmp_path / "backups"
    opened_up(data)
    env = environment(data)
    listed = command("credentials", "list", "--output", "json", env=env)
    assert (listed.returncode, listed.stdout) == (0, "[]\n"), "what is said of modes is no part of the output"
    assert f"{data}: mode 0755 was changed to 0700" in listed.stderr
    assert open_in(data) == set()
    (data / "seal.keys").chmod(0o640)
    first = command("backup", str(backups), env=env)
    assert first.returncode == 0, first.stderr
    assert f"{data}/seal.keys: mode 0640 was changed to 0600" in first.stderr
    assert open_in(backups) == set()
    for path in (*backups.glob("20*"), *backups.glob("20*/*")):
        path.chmod(0o755 if path.is_dir() else 0o644)
    second = command("backup", str(backups), env=env)
    assert second.returncode == 0, second.stderr
    assert "manifest.json" in second.stderr
    assert open_in(backups) == set()
    [old, _] = sorted(path for path in backups.iterdir() if path.is_dir())
    for path in (data, old, *old.rglob("*")):
        path.chmod(0o755 if path.is_dir() else 0o644)
    put_back = command("restore", str(old), "--yes", env=env)
    assert put_back.returncode == 0, put_back.stderr
    assert f"{old}: mode 0755 was changed to 0700" in put_back.stderr
    assert (open_in(data), open_in(backups)) == (set(), set())


@as_root
def test_a_backup_of_another_user_that_stands_open_is_told_and_can_be_restored_all_the_same(tmp_path: Path) -> None:
    data = tmp_path / "data"
    settings = opened_up(data)
    there, _ = backup(Wish(tmp_path / "b"), settings, datetime.now(UTC), lambda *_: None)
    for path in (there, *there.rglob("*")):
        os.chown(path, SOMEBODY, SOMEBODY)
        path.chmod(0o755 if path.is_dir() else 0o644)
    done = command("restore", str(there), "--yes", env=environment(data))
    assert done.returncode == 0, done.stderr
    assert f"{there}: others may use it (mode 0755), and it may hold keys" in done.stderr
    assert stat.S_IMODE(there.stat().st_mode) == 0o755


def test_the_sockets_of_simulated_machines_make_nothing_open(tmp_path: Path) -> None:
    fleet = tmp_path / "fleet.sqlite"
    with closing(SimulatedFleet(fleet)):
        pass
    words = (*PYTHON, "instar.compute.simulated", str(fleet), "a-set", "0")
    with running(words, environment(tmp_path), "instance 0 answers on port", tmp_path / "log") as one:
        assert umask_of(one.pid) == "0077"


@contextmanager
def up(data: Path, log: Path, **more: str) -> Iterator[tuple[subprocess.Popen[bytes], str]]:
    ports = ("--api-port", "0", "--temporal-port", "0", "--ui-port", "0")
    with running((INSTAR, "up", "--data-dir", str(data), *ports), environment(data, **more), "(?m)^ready", log) as one:
        yield one, log.read_text()


@pytest.mark.timeout(240)
def test_up_closes_what_stood_open_and_all_its_children_make_nothing_open(tmp_path: Path) -> None:
    data = tmp_path / "data"
    data.mkdir()
    data.chmod(0o755)
    with up(data, tmp_path / "log") as (process, said):
        assert f"{data}: mode 0755 was changed to 0700" in said
        children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
        assert len(children) == 3
        assert {umask_of(pid) for pid in (process.pid, *map(int, children))} == {"0077"}
        assert {"temporal.db", "store.sqlite", "signing.key", FILE, "logs"} <= {path.name for path in data.iterdir()}
        assert open_in(data) == set()
    for path in (data, *data.rglob("*")):
        path.chmod(0o755 if path.is_dir() else 0o644)
    with up(data, tmp_path / "log") as (_, said):
        assert f"{data}/temporal.db: mode 0644 was changed to 0600" in said
        assert open_in(data) == set()


@pytest.mark.timeout(120)
def test_up_without_our_own_issuer_makes_no_credentials_and_says_how_to_log_in(tmp_path: Path) -> None:
    data = tmp_path / "data"
    outside = {
        "INSTAR_OIDC__OWN_ISSUER": "false",
        "INSTAR_OIDC__ISSUER": "https://login.example/realms/x",
        "INSTAR_OIDC__AUDIENCE": "api://instar",
    }
    with up(data, tmp_path / "log", **outside) as (_, said):
        assert {path.name for path in data.iterdir()} & {FILE, "signing.key"} == set()
        assert "log in with https://login.example/realms/x, as aud api://instar" in said
        assert FILE not in said
        [told] = re.findall(r"^roles +\S*instar (credentials grant .*) \(or ", said, re.MULTILINE)
        granted = command(*told.replace("ID", "somebody").split(), env=environment(data, **outside))
        assert (granted.returncode, granted.stdout) == (0, "subject:somebody is Owner at /\n"), granted.stderr
        refused = command("credentials", "create", "me", env=environment(data, **outside))
        assert refused.returncode == 1
        assert "own issuer is off (INSTAR_OIDC__OWN_ISSUER)" in refused.stderr
    assert {path.name for path in data.iterdir()} & {FILE, "signing.key"} == set()
