"""The playbook as a process: begun, waited for, or killed."""

import os
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from instar.children import die_with_parent
from instar.domain.sets.scale_sets import ScaleSetIdentity
from instar.stack.ports import LOOPBACK, answers, choose_ports
from tests.bench import process_tree, scene
from tests.bench.ansible.front import NAME
from tests.bench.ansible.installed import PROGRAM
from tests.support.models import NEW

HERE = Path(__file__).parent
FORKS_OF_A_CORE = 25
"""Many wait for a swap while others work. More than that only wait for a processor, and each has memory of its own."""
AT_MOST_SECONDS = 3600
LAST_LINES = 40


@dataclass(frozen=True, slots=True)
class Ran:
    """From the command's start to its end: the clock, processor time and memory of all that it started."""

    seconds: float
    cpu_seconds: float
    peak_mib: float


@contextmanager
def cloud(fleet: Path, scale_set: ScaleSetIdentity) -> Iterator[str]:
    """The front in a process of its own; gives its URL."""
    port = choose_ports({"front": 0})["front"]
    command = [sys.executable, "-m", "tests.bench.ansible.front", str(port), str(fleet)]
    process = subprocess.Popen(  # noqa: S603
        [*command, scale_set.name, scale_set.unique_id],
        preexec_fn=die_with_parent(),  # noqa: PLW1509  # as below
    )
    try:
        while not answers(port):
            if process.poll() is not None:
                raise RuntimeError("the simulated fleet's front for Ansible does not start")
            time.sleep(0.1)
        yield f"http://{LOOPBACK}:{port}"
    finally:
        process.kill()
        process.wait()


@dataclass(frozen=True, slots=True)
class Playbook:
    """An upgrade of so many machines of that cloud. `folder` is for its inventory, its log and Ansible's own files."""

    url: str
    size: int
    folder: Path

    @property
    def forks(self) -> int:
        """The machines of a batch, as far as there are processors for them."""
        batch = max(1, self.size * scene.POLICY.max_batch_instance_percent // 100)
        return min(batch, FORKS_OF_A_CORE * (os.cpu_count() or 1))

    def run(self) -> Ran:
        """To its end. Raises RuntimeError with its last lines if that is no good one."""
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        began = time.perf_counter()
        with self._begun() as process, process_tree.PeakTogether([process.pid]) as memory:
            status = process.wait(AT_MOST_SECONDS)
            took = time.perf_counter() - began
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        if status:
            lines = self._log.read_text(errors="replace").splitlines()[-LAST_LINES:]
            raise RuntimeError("\n".join([f"ansible-playbook ended with {status}:", *lines]))
        used = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        return Ran(took, used, memory.mib)

    def kill_when(self, reached: Callable[[], bool]) -> None:
        """Begin it, and kill it with all that it started once `reached`. Raises RuntimeError if it ends before."""
        with self._begun() as process:
            until = time.monotonic() + AT_MOST_SECONDS
            while not reached():
                if process.poll() is not None or time.monotonic() > until:
                    raise RuntimeError(f"ansible-playbook was to be killed, and ended before with {process.poll()}")
                time.sleep(0.1)

    @property
    def _log(self) -> Path:
        return self.folder / "ansible.log"

    @contextmanager
    def _begun(self) -> Iterator["subprocess.Popen[bytes]"]:
        if not PROGRAM.exists():
            raise RuntimeError(
                f"{PROGRAM} is missing: `make bench` installs Ansible, or `make {PROGRAM.parents[1].name}/.ready`"
            )
        inventory = self.folder / "inventory"
        python = PROGRAM.with_name("python")
        inventory.write_text(
            f"[fleet]\n{NAME}[0:{self.size - 1}]\n"
            f"[fleet:vars]\nansible_connection=local\nansible_python_interpreter={python}\n"
        )
        given = {
            "cloud": self.url,
            "version": NEW,
            "most_unhealthy": scene.POLICY.max_unhealthy_instance_percent,
            "wait_seconds": int(scene.DELAYS.health_wait.total_seconds()),
        }
        command = [str(PROGRAM), "--inventory", str(inventory), "--forks", str(self.forks)]
        for name, value in given.items():
            command += ["--extra-vars", f"{name}={value}"]
        with self._log.open("wb") as log:
            process = subprocess.Popen(  # noqa: S603
                [*command, str(HERE / "upgrade.yml")],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env=self._env,
                start_new_session=True,  # a Ctrl-C reaches us alone: what it leaves behind is ours to end
                preexec_fn=die_with_parent(),  # noqa: PLW1509  # it only asks the kernel
            )
        try:
            yield process
        finally:
            if process.poll() is None:
                process_tree.kill(process.pid)
                process.wait()

    @property
    def _env(self) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("ANSIBLE_", "PYTHON"))}
        return kept | {
            "ANSIBLE_CONFIG": str(HERE / "ansible.cfg"),
            "ANSIBLE_HOME": str(self.folder / "home"),
            "ANSIBLE_REMOTE_TEMP": str(self.folder / "remote"),
            "TMPDIR": str(self.folder),
            "LC_ALL": "C.UTF-8",
        }
