# ruff: noqa: S602, S603  # commands of a page of ours, in a shell as a person has one
"""Pages of the documentation: each command, run against a real `instar up`, prints what is shown."""

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from instar.client.api_client import ApiClient
from instar.client.api_token import FILE, Login

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "quickstart.md"
STEERING = ROOT / "docs" / "steering.md"
RINGS = ROOT / "docs" / "rings.md"
PROGRAMS = Path(sys.executable).parent

FENCE = re.compile(r"```(\w*)\n(.*?)```", re.DOTALL)
STEP = re.compile(r"^\$ (.+)\n((?:(?!\$ ).*\n)*)", re.MULTILINE)

DELAYS = {
    "FIRST_TRIGGER": "PT10S",
    "NUDGE_MOST": "PT1S",
    "LOOK_LEAST": "PT2S",
    "LOOK_MOST": "PT4S",
    "HEALTH_WAIT": "PT12S",
    "HEALTH_POLL_MOST": "PT1S",
}
SOON = 120.0
"""Seconds in which an upgrade begins by itself with these delays, on a busy machine."""


@dataclass(frozen=True)
class Step:
    """A command of the page, and what the page shows of its output."""

    command: str
    shown: str

    def is_so(self, output: str) -> bool:
        """Whether the output is of that shape: `…` is any text, a line of its own any number of lines."""
        pattern = ""
        for line in self.shown.splitlines():
            pattern += r"(?:.*\n)*?" if line == "…" else ".*".join(map(re.escape, line.split("…"))) + r"\n"
        return re.fullmatch(pattern, output) is not None


def steps(page: Path = PAGE) -> list[Step]:
    """Every command of a page that is shown with its output."""
    told = [body for kind, body in FENCE.findall(page.read_text(encoding="utf-8")) if kind == "console"]
    return [Step(command, shown) for body in told for command, shown in STEP.findall(body)]


@contextmanager
def up(folder: Path) -> Iterator[list[str]]:
    """What `instar up` prints until it is ready, and it itself until the end."""
    env = {name: value for name, value in os.environ.items() if not name.startswith(("INSTAR_", "TEMPORAL_"))}
    env |= {f"INSTAR_DELAYS__{name}": value for name, value in DELAYS.items()}
    command = [str(PROGRAMS / "instar"), "up", "--data-dir", ".data"]
    for port in ("--api-port", "--temporal-port", "--ui-port"):
        command += [port, "0"]
    with subprocess.Popen(command, cwd=folder, env=env, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        told: list[str] = []
        for line in process.stdout:
            told.append(line.rstrip("\n"))
            if line.startswith("ready "):
                break
        try:
            assert told[-1].startswith("ready "), told
            yield told
        finally:
            process.send_signal(signal.SIGINT)
            assert process.wait(60) == 0


def run(command: str, folder: Path, path: str) -> subprocess.CompletedProcess[str]:
    env = {name: value for name, value in os.environ.items() if not name.startswith("INSTAR_")} | {"PATH": path}
    return subprocess.run(
        command, shell=True, cwd=folder, env=env, capture_output=True, text=True, timeout=180, check=False
    )


def upgrades(api: ApiClient, scale_set: str) -> int:
    return len(api.get(f"{scale_set}/osUpgradeHistory")["value"])


def scale_set_of(api: ApiClient) -> str:
    found = api.all(
        "/subscriptions/00000000-0000-0000-0000-000000000000/providers/Microsoft.Compute/virtualMachineScaleSets"
    )
    return str(found[0]["id"])


def begun(api: ApiClient, number: int) -> None:
    """Wait until so many upgrades were begun: a person looks when there is something to see."""
    scale_set, give_up_at = scale_set_of(api), time.monotonic() + SOON
    while upgrades(api, scale_set) < number:
        assert time.monotonic() < give_up_at, f"upgrade {number} has not begun within {SOON:g} s"
        time.sleep(0.2)


WATCHED = [("2.0.0", 1), ("4.0.0", 3), ("5.0.0", 4), ("6.0.0", 5)]
"""How many upgrades there are once that version is watched: 3.0.0 was the second, and cancelled."""


@pytest.mark.long
@pytest.mark.timeout(1200)
def test_every_command_of_the_quick_start_and_of_steering_does_what_it_shows(tmp_path: Path) -> None:
    path = f"{PROGRAMS}:/usr/bin:/bin"
    numbers = dict(WATCHED)
    version = ""
    with up(tmp_path):
        for step in steps():
            if published := re.search(r" publish .* (\d\.0\.0)", step.command):
                version = published[1]
            if step.command == "instar watch web":
                with ApiClient(Login.read(tmp_path / ".data" / FILE)) as api:
                    begun(api, numbers[version])
            done, give_up_at = run(step.command, tmp_path, path), time.monotonic() + SOON
            while step.command == "instar status web" and not step.is_so(done.stdout) and time.monotonic() < give_up_at:
                # What came of an upgrade is written down by the set just after its end.
                done = run(step.command, tmp_path, path)
            assert step.is_so(done.stdout), f"$ {step.command}\n{done.stdout}{done.stderr}\nis not\n{step.shown}"
            faulted = version == "5.0.0" and "watch" in step.command
            assert done.returncode == (3 if faulted else 0), (step.command, done.stderr)
            assert done.stderr == ""
        _every_command_of_steering(tmp_path, path)


def _every_command_of_steering(folder: Path, path: str) -> None:
    """With the set of the quick start."""
    for step in (*steps(STEERING), *steps(RINGS)):
        if "upgrade web --version" in step.command:
            # With delays as short as these, a look would bring the newest again between one command and the next.
            assert run("instar automatic web off", folder, path).returncode == 0
        done = run(step.command, folder, path)
        if step.command == "instar upgrade web":
            assert (done.returncode, done.stdout) == (1, "")
            assert "No upgrade of the scale set 'web' begins now: held by 'freeze' on /" in done.stderr
            continue
        assert step.is_so(done.stdout), f"$ {step.command}\n{done.stdout}{done.stderr}\nis not\n{step.shown}"
        assert (done.returncode, done.stderr) == (0, ""), step.command


@pytest.mark.timeout(600)
def test_what_up_and_init_print_can_be_pasted_where_instar_is_not_on_the_path(tmp_path: Path) -> None:
    with up(tmp_path) as told:
        curl = next(line.removeprefix("with curl     ") for line in told if line.startswith("with curl"))
        url = told[-1].removeprefix("ready ")
        # What curl would ask: the token is had by the very words of the line.
        words = re.search(r"\$\((.+? token .+?)\)", curl)
        assert words
        token = run(words[1], tmp_path / "..", "/usr/bin:/bin").stdout.strip()
        bearer = {"Authorization": f"Bearer {token}"}
        asked = httpx.get(re.search(r"'(http.+)'", curl)[1], headers=bearer, trust_env=False)  # type: ignore[index]
        assert asked.status_code == 200
        first = next(line.removeprefix("a first set   ") for line in told if line.startswith("a first set"))
        made = run(first, tmp_path / "..", "/usr/bin:/bin")
        assert made.returncode == 0, made.stderr
        pasted = [line.strip() for line in made.stdout.splitlines() if line.startswith("    ")]
        assert len(pasted) == 5
        for command in pasted:
            done = run(command, tmp_path / "..", "/usr/bin:/bin")
            assert done.returncode == 0, (command, done.stdout, done.stderr)
        root = httpx.get(url, trust_env=False, follow_redirects=False)
        assert (root.status_code, root.headers["location"]) == (303, "/page/login")


@pytest.mark.parametrize(
    ("shown", "output", "so"),
    [
        ("a\n…\nb\n", "a\nb\n", True),
        ("a\n…\nb\n", "a\nx\ny\nb\n", True),
        ("a … (0 %)\n", "a 1 (0 %)\n", True),
        ("a … (0 %)\n", "a 1 (5 %)\n", False),
        ("a\n", "a\nb\n", False),
        ("a\n", "", False),
    ],
)
def test_the_shape_of_an_output(shown: str, output: str, *, so: bool) -> None:
    assert Step("", shown).is_so(output) is so


def test_the_page_has_every_step_of_the_way() -> None:
    told = " ".join(step.command for step in steps())
    for word in ("init", "publish", "upgrade", "cancel", "automatic", "--sick-on", "--sick ", "status"):
        assert word in f"{told} "
    assert len(PAGE.read_text(encoding="utf-8").splitlines()) <= 130
