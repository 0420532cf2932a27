"""Instar as it runs on a machine: Temporal server, worker and API as processes that a test may kill."""

import asyncio
import os
import signal
import subprocess
import threading
from collections import Counter
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import IO, Self

import httpx
from temporalio.client import Client

from instar.client.api_token import FILE, Login, TokenAuth
from instar.compute.simulated.fleet import SimulatedFleet
from instar.connection.sealed_payloads import SealedPayloads
from instar.domain.delays import Delays
from instar.domain.sets.names import NAMESPACE
from instar.stack.guard.server import server_command
from instar.stack.ports import answers
from instar.stack.stack import Ports, TemporalQuestions
from instar.store.database.key_file import KeyFile
from instar.store.database.sealing import Sealer
from instar.store.store import Store
from tests.support.postgres import PostgresServer
from tests.support.servers import binary
from workflows.plugin import instar_plugin

TEMPORAL, WORKER, API = "temporal", "worker", "api"
SECOND_WORKER, SECOND_API = "second-worker", "second-api"
POSTGRES = "postgres"
WORKERS, APIS = (WORKER, SECOND_WORKER), (API, SECOND_API)
READY = {
    **dict.fromkeys(WORKERS, "worker ready"),
    **dict.fromkeys(APIS, "api ready"),
    POSTGRES: "ready to accept connections",
}
"""What a process writes once it can be used."""

ROOT = Path(__file__).parents[2]
START_SECONDS = 60.0
STOP_SECONDS = 15.0
PULSE = 0.05


class Site:
    """A context. Whoever dies is started again at once, as an init system does; `killed` counts who died of SIGKILL."""

    def __init__(
        self,
        folder: Path,
        delays: Delays,
        *,
        worker: str = WORKER,
        env: Mapping[str, str] | None = None,
        code: Path = ROOT,
        pairs: bool = False,
        postgres: PostgresServer | None = None,
    ) -> None:
        """The module that is run as the worker, more settings of every process, and the folder of the code that they
        run: all may change while it runs. With other code than ours, the data is opened by `open_data` and not before.
        `pairs`: two workers and two APIs; `postgres`: where the store is, else it is an SQLite file.
        """
        self.code = code
        self._pairs = pairs
        self._postgres = postgres
        self.worker = worker
        self.more_env = dict(env or {})
        self.env_of_ours: dict[str, str] = {}
        """More of the workers and the APIs only."""

        self.folder = folder
        self.logs = folder / "logs"
        self.data = folder / "data"
        self.killed: Counter[str] = Counter()
        self.fallen: list[str] = []
        """Who was ready and then ended by itself: nobody ever may."""

        self.down: set[str] = set()
        """Who is not started again when it ends."""

        self._ports = Ports.chosen(0, 0, 0)
        self._second_port = Ports.chosen(0, 0, 0).api
        self._children: dict[str, subprocess.Popen[bytes]] = {}
        self._starts: Counter[str] = Counter()
        self._delays = delays.model_dump(mode="json")
        self._keeper: asyncio.Task[None] | None = None
        self._client: Client | None = None

    async def __aenter__(self) -> Self:
        self.logs.mkdir(parents=True)
        self.data.mkdir(mode=0o700)
        try:
            await self._start_server()
            if self._postgres:
                self._start(POSTGRES)
            for name in (WORKER, API, *((SECOND_WORKER, SECOND_API) if self._pairs else ())):
                self._start(name)
            await eventually(self._all_ready, "worker and API are up")
            self.login = self._logged_in()
            self.http = httpx.AsyncClient(
                base_url=self._ports.api_url, timeout=30, trust_env=False, auth=TokenAuth(self.login)
            )
            if self.code == ROOT:
                self.open_data()
        except BaseException:
            self._end_all(signal.SIGKILL)
            raise
        self._keeper = asyncio.create_task(self._keep())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if self._keeper:
                self._keeper.cancel()
                with suppress(asyncio.CancelledError):
                    await self._keeper
            await self.http.aclose()
            self.store.close()
            self.fleet.close()
            await self.stop()
        finally:
            self._end_all(signal.SIGKILL)

    async def _start_server(self) -> None:
        """At other ports, where somebody took one of ours between its choice and the server's start."""
        for _ in range(5):
            self._start(TEMPORAL)
            server, ask = self._children[TEMPORAL], TemporalQuestions(binary(TEMPORAL), self._env())

            async def is_up_or_gone(ask: TemporalQuestions = ask, server: subprocess.Popen[bytes] = server) -> bool:
                return server.poll() is not None or await asyncio.to_thread(ask.attributes_known)

            await eventually(is_up_or_gone, "the Temporal server is up")
            if server.poll() is None:
                return
            self._ports = Ports.chosen(0, 0, 0)
        raise AssertionError(f"the Temporal server does not start:\n{self.log_text(TEMPORAL)[-2000:]}")

    def open_data(self) -> None:
        """The store and the fleet, beside the processes that use them."""
        self.store = Store.open(self._store_url, Sealer.from_file(self.data / "seal.keys"))
        self.fleet = SimulatedFleet(self.data / "fleet.sqlite")

    @property
    def _store_url(self) -> str:
        return f"{self._postgres.url}/postgres" if self._postgres else f"sqlite:///{self.data / 'store.sqlite'}"

    @property
    def temporal_address(self) -> str:
        """Of the Temporal server."""
        return self._temporal_address

    @property
    def api_urls(self) -> list[str]:
        """Of each API."""
        return [self._ports.api_url, *([f"http://127.0.0.1:{self._second_port}"] if self._pairs else [])]

    def names(self, *among: str) -> list[str]:
        """Which of these processes this site has."""
        return [name for name in among if name in self._children]

    def pid(self, name: str) -> int:
        """Of whoever has that name now."""
        return self._children[name].pid

    def _logged_in(self) -> Login:
        """The owner's credentials, made by the code that runs: ours would bring its store up to date."""
        module = "instar.client.credentials" if self.code == ROOT else "instar.credentials"  # as release 0.1 has it
        made = (
            f"import sys; from pathlib import Path; from {module} import owner; "
            "owner(Path(sys.argv[1]), sys.argv[2], '')"
        )
        command = [binary("python"), "-P", "-c", made, str(self.data), self._ports.api_url]
        subprocess.run(command, cwd=self.folder, env=self._env(), check=True)  # noqa: S603  # our own programs, no shell
        return Login.read(self.data / FILE)

    async def stop(self) -> None:
        """Ask every process to end, the server last; raises AssertionError if one does not."""
        if self._keeper:
            self._keeper.cancel()
        for name in (SECOND_API, API, SECOND_WORKER, WORKER, TEMPORAL, POSTGRES):
            child = self._children.get(name)
            if child and child.poll() is None:
                child.terminate()
                await asyncio.to_thread(child.wait, STOP_SECONDS)

    def kill(self, name: str) -> None:
        """kill -9."""
        self._children[name].kill()

    def signal(self, name: str, signum: signal.Signals) -> None:
        """Send a signal to whoever has that name now."""
        self._children[name].send_signal(signum)

    async def take_down(self, *names: str) -> None:
        """kill -9, and nobody starts them again until `all_up`."""
        self.down |= set(names)
        for name in names:
            self.kill(name)
            await asyncio.to_thread(self._children[name].wait)

    async def all_up(self) -> None:
        """Everybody is started again, and ready."""
        self.down.clear()
        await eventually(self._all_ready, "everything is up again")

    @asynccontextmanager
    async def two_workers(self) -> AsyncIterator[None]:
        """A second worker beside the first, ended as it is asked to."""
        self._start(SECOND_WORKER)
        try:
            await eventually(self._all_ready, "both workers are up")
            yield
        finally:
            child = self._children.pop(SECOND_WORKER)
            child.terminate()
            assert await asyncio.to_thread(child.wait, STOP_SECONDS) == 0

    def wake(self) -> None:
        """Have workers go on that stand still by SIGSTOP."""
        for name in (WORKER, SECOND_WORKER):
            self._children[name].send_signal(signal.SIGCONT)

    async def client(self) -> Client:
        """A client of this site's server."""
        if self._client is None:
            plugin = instar_plugin(SealedPayloads(KeyFile(self.data / "seal.keys")))
            self._client = await Client.connect(self._temporal_address, namespace=NAMESPACE, plugins=[plugin])
        return self._client

    def up(self) -> bool:
        """Whether all processes run and are ready."""
        return all(child.poll() is None and self._ready(name) for name, child in self._children.items())

    def log_text(self, name: str) -> str:
        """What the newest process of that name wrote."""
        return self._log(name).read_text(errors="replace")

    async def _all_ready(self) -> bool:
        return self.up()

    def _ready(self, name: str) -> bool:
        if name in APIS and self.code != ROOT:
            return "Uvicorn running" in self.log_text(name)  # release 0.1 listens when it is ready
        return name not in READY or READY[name] in self.log_text(name)

    async def _keep(self) -> None:
        while True:
            for name, child in tuple(self._children.items()):
                if child.poll() is None or self._children.get(name) is not child or name in self.down:
                    continue
                if child.returncode == -signal.SIGKILL:
                    self.killed[name] += 1
                elif self._ready(name):
                    self.fallen.append(f"{name} ended with {child.returncode}:\n{self.log_text(name)[-2000:]}")
                if name in WORKERS:
                    # It does not start without its server; started too early it would end and be started again.
                    while not await asyncio.to_thread(answers, self._ports.inner.temporal):
                        await asyncio.sleep(PULSE)
                        self._keep_server()
                self._start(name)
            await asyncio.sleep(PULSE)

    @property
    def _temporal_address(self) -> str:
        """The server itself, without its guard: here its processes are killed one by one."""
        return f"127.0.0.1:{self._ports.inner.temporal}"

    def _keep_server(self) -> None:
        if self._children[TEMPORAL].poll() is not None:
            self.killed[TEMPORAL] += 1
            self._start(TEMPORAL)

    def _start(self, name: str) -> None:
        self._starts[name] += 1
        python = [binary("python"), "-P", "-m"]
        commands = {
            TEMPORAL: server_command(binary(TEMPORAL), self.data, self._ports.inner),
            WORKER: [*python, self.worker],
            SECOND_WORKER: [*python, self.worker],
            API: [*python, API, "--port", str(self._ports.api)],
            SECOND_API: [*python, API, "--port", str(self._second_port)],
            POSTGRES: self._postgres.command if self._postgres else [],
        }
        # PostgreSQL refuses to be root's, and enters no folder of root's.
        other = self._postgres if name == POSTGRES else None
        child = self._children[name] = subprocess.Popen(  # noqa: S603  # our own programs, no shell
            commands[name],
            env=self._env() | (self.env_of_ours if name in (*WORKERS, *APIS) else {}),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            cwd=other.base if other else self.folder,
            user=other.user if other else None,
        )
        log = self._log(name)
        log.touch()
        assert child.stdout
        threading.Thread(target=_keep_what_is_said, args=(child.stdout, log), name=log.stem, daemon=True).start()

    def _log(self, name: str) -> Path:
        return self.logs / f"{name}-{self._starts[name]}.log"

    def _env(self) -> dict[str, str]:
        mine = {name: value for name, value in os.environ.items() if not name.startswith(("INSTAR_", "TEMPORAL_"))}
        return mine | {
            "INSTAR_DATA_DIR": str(self.data),
            "TEMPORAL_ADDRESS": self._temporal_address,
            "TEMPORAL_NAMESPACE": NAMESPACE,
            "TEMPORAL_CONFIG_FILE": os.devnull,
            **({"INSTAR_DATABASE_URL": self._store_url} if self._postgres else {}),
            "PYTHONUNBUFFERED": "1",
            "PYTHONPATH": str(self.code),
            **{f"INSTAR_DELAYS__{name.upper()}": str(value) for name, value in self._delays.items()},
            **self.more_env,
        }

    def _end_all(self, signum: int) -> None:
        for child in self._children.values():
            if child.poll() is None:
                child.send_signal(signum)
            child.wait()


def _keep_what_is_said(said: IO[bytes], log: Path) -> None:
    """By us, as a journal does: what a process may no longer write must not silence it."""
    with said, log.open("wb", buffering=0) as kept:
        for line in said:
            kept.write(line)


async def eventually(holds: object, what: str, seconds: float = START_SECONDS) -> None:
    """Wait until the awaited answer of `holds()` is true. Raises AssertionError when the time is over."""
    assert callable(holds)
    loop = asyncio.get_running_loop()
    give_up_at = loop.time() + seconds
    while not await holds():
        assert loop.time() < give_up_at, f"not after {seconds:g} s: {what}"
        await asyncio.sleep(PULSE)
