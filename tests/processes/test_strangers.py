"""Strangers at the port of a real API: they hold connections and guess secrets, and whoever may is served."""

import asyncio
import resource
import signal
import socket
import ssl
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from api.login.issuer_routes import TOKEN
from instar.client.api_token import Login, TokenAuth
from instar.client.credentials import owner
from instar.stack.certificates import local_certificates
from instar.stack.ports import choose_ports

ROOT = Path(__file__).parents[2]
FILES = 1024
STRANGERS = 1100

pytestmark = pytest.mark.processes


@dataclass(frozen=True)
class Served:
    """A real API, behind TLS, with few files to open."""

    port: int
    login: Login
    ca: Path
    log: Path

    def client(self) -> httpx.AsyncClient:
        """Somebody who may."""
        verify = ssl.create_default_context(cafile=self.ca)
        auth = TokenAuth(self.login)
        return httpx.AsyncClient(
            base_url=self.login.endpoint,
            verify=verify,
            auth=auth,
            trust_env=False,
            timeout=20,
            params={"api-version": "2022-12-01"},
        )


@asynccontextmanager
async def served(folder: Path) -> AsyncIterator[Served]:
    """Until its end, which is a clean one."""
    tls, data, log = local_certificates(folder / "tls"), folder / "data", folder / "api.log"
    port = choose_ports({"api": 0})["api"]
    with log.open("wb") as out:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-P", "-m", "api", "--port", str(port)),
            env={
                "INSTAR_DATA_DIR": str(data),
                "INSTAR_TLS__CERTIFICATE": str(tls.certificate),
                "INSTAR_TLS__KEY": str(tls.key),
                "INSTAR_CONNECTIONS__HANDSHAKE": "3",
                "TEMPORAL_ADDRESS": "127.0.0.1:1",
                "PYTHONPATH": str(ROOT),
            },
            cwd=folder,
            stdout=out,
            stderr=out,
            preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (FILES, FILES)),
        )
        try:
            verify = ssl.create_default_context(cafile=tls.authority)
            async with httpx.AsyncClient(verify=verify, trust_env=False) as http:
                await _ready(http, f"https://127.0.0.1:{port}/readyz")
            login = owner(data, f"https://127.0.0.1:{port}", str(tls.authority))
            yield Served(port, login, tls.authority, log)
        finally:
            process.send_signal(signal.SIGTERM)
            await asyncio.wait_for(process.wait(), 30)
    assert process.returncode == 0
    assert "Traceback" not in log.read_text()


async def _ready(http: httpx.AsyncClient, url: str) -> None:
    until = time.monotonic() + 60
    while True:
        try:
            if (await http.get(url)).is_success:
                return
        except httpx.TransportError:
            assert time.monotonic() < until
        await asyncio.sleep(0.1)


async def test_silent_connections_keep_nobody_out_are_all_ended_and_fill_no_log(tmp_path: Path) -> None:
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 4096), hard))
    async with served(tmp_path) as api:
        loop = asyncio.get_running_loop()
        strangers = [socket.socket() for _ in range(STRANGERS)]
        for stranger in strangers:
            stranger.setblocking(False)
        await asyncio.gather(
            *(loop.sock_connect(stranger, ("127.0.0.1", api.port)) for stranger in strangers), return_exceptions=True
        )
        for _ in range(5):
            async with api.client() as http:
                assert (await http.get("/subscriptions")).status_code == 200
        ended = await asyncio.gather(*(_ended(stranger) for stranger in strangers))
        assert sum(ended) == STRANGERS
        async with api.client() as http:
            assert (await http.get("/subscriptions")).status_code == 200
    assert api.log.stat().st_size < 100_000


async def _ended(stranger: socket.socket) -> bool:
    """Whether the other side ended it."""
    with stranger:
        try:
            return await asyncio.wait_for(asyncio.get_running_loop().sock_recv(stranger, 1), 30) == b""
        except TimeoutError:
            return False
        except OSError:
            return True


async def test_guessed_secrets_keep_no_good_one_waiting_and_fill_no_log(tmp_path: Path) -> None:
    async with served(tmp_path) as api:
        form = {"grant_type": "client_credentials", "client_id": api.login.clientId, "client_secret": "wrong"}
        verify = ssl.create_default_context(cafile=api.ca)
        async with httpx.AsyncClient(base_url=api.login.endpoint, verify=verify, trust_env=False, timeout=60) as http:
            guesses = [asyncio.create_task(http.post(TOKEN, data=form)) for _ in range(400)]
            async with api.client() as good:
                assert (await good.get("/subscriptions")).status_code == 200
            ended = await asyncio.gather(*guesses, return_exceptions=True)
        # Of so many at once some may be ended before they are answered.
        answers = [answer for answer in ended if isinstance(answer, httpx.Response)]
        assert {answer.status_code for answer in answers} == {401, 429}
        assert all(int(answer.headers["Retry-After"]) for answer in answers if answer.status_code == 429)
    assert api.log.stat().st_size < 100_000
