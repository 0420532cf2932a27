"""A Temporal server that is not ours, reached as the environment says: mutual TLS, an API key (docs/operations.md).

The server is Temporal's development server, which has neither itself: a TLS relay stands before it.
"""

import asyncio
import os
import re
import signal
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path

import pytest
from temporalio.client import Client

from instar.compute.clock import utc_now
from instar.connection.client import LOCAL_CONFIG, connect, keep_connected
from instar.serving.door import Door
from instar.serving.limits import ConnectionSettings
from instar.serving.tls import FreshTls, TlsFiles
from instar.stack.certificates import GOOD_FOR, Certificates, local_certificates
from instar.stack.guard.relay import demanding, relaying_to
from instar.stack.guard.server import InnerPorts, server_command
from instar.stack.ports import answers, choose_ports
from tests.support.servers import binary

pytestmark = pytest.mark.processes

SHORT = timedelta(seconds=4)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """The port of a real Temporal server, in clear."""
    folder = tmp_path_factory.mktemp("temporal")
    ports = InnerPorts(**choose_ports(dict.fromkeys(("temporal", "ui", "http", "metrics"), 0)))
    with (folder / "log").open("wb") as log:
        command = server_command(binary("temporal"), folder, ports)
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)  # noqa: S603  # Temporal's own program
        try:
            until = time.monotonic() + 60
            while not answers(ports.temporal):
                assert time.monotonic() < until
                time.sleep(0.1)
            yield ports.temporal
        finally:
            process.terminate()
            process.wait(30)


def test_f9_a_worker_waits_for_a_namespace_that_lacks_search_attributes_and_says_what_to_run(
    server: int, tmp_path: Path
) -> None:
    address = f"127.0.0.1:{server}"
    create = ["operator", "namespace", "create", "--namespace", "bare", "--address", address, "--disable-config-file"]
    subprocess.run([binary("temporal"), *create], check=True, capture_output=True, timeout=60)  # noqa: S603  # Temporal's own program
    env = {name: value for name, value in os.environ.items() if not name.startswith(("INSTAR_", "TEMPORAL_"))}
    env |= {"INSTAR_DATA_DIR": str(tmp_path / "data"), "TEMPORAL_ADDRESS": address, "TEMPORAL_NAMESPACE": "bare"}
    with subprocess.Popen(
        [sys.executable, "-P", "-m", "worker"],
        cwd=tmp_path,
        env=env | {"PYTHONPATH": str(Path(__file__).parents[2])},
        stderr=subprocess.PIPE,
        text=True,
    ) as worker:
        assert worker.stderr is not None
        said = ""
        for line in worker.stderr:
            said += line
            if "waits for Temporal's namespace" in line or "worker ready" in line:
                break
        worker.send_signal(signal.SIGTERM)
        assert worker.wait(60) == 0
    assert "waits for Temporal's namespace: " in said
    assert "--namespace bare --type Keyword --name InstarScaleSetId" in said


@asynccontextmanager
async def behind(context: ssl.SSLContext, port: int) -> AsyncIterator[str]:
    """The address of that server behind TLS."""
    listener = socket.create_server(("127.0.0.1", 0))
    door = Door(ConnectionSettings(), relaying_to(port), context)
    door.open([listener])
    try:
        yield f"localhost:{listener.getsockname()[1]}"
    finally:
        door.close()


@pytest.fixture
def files(tmp_path: Path) -> Certificates:
    return local_certificates(tmp_path / "tls", for_clients=True)


@pytest.fixture(autouse=True)
def nothing_set(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("TEMPORAL_CONFIG_FILE", str(tmp_path / "none.toml"))
    for name in ("TEMPORAL_ADDRESS", "TEMPORAL_NAMESPACE", "TEMPORAL_API_KEY"):
        monkeypatch.delenv(name, raising=False)


async def test_mutual_tls_as_the_docs_say(server: int, files: Certificates, monkeypatch: pytest.MonkeyPatch) -> None:
    async with behind(demanding(files.certificate, files.key, files.authority), server) as address:
        monkeypatch.setenv("TEMPORAL_ADDRESS", address)
        monkeypatch.setenv("TEMPORAL_TLS_SERVER_CA_CERT_PATH", str(files.authority))
        with pytest.raises(RuntimeError):
            await connect([])
        monkeypatch.setenv("TEMPORAL_TLS_CLIENT_CERT_PATH", str(files.certificate))
        monkeypatch.setenv("TEMPORAL_TLS_CLIENT_KEY_PATH", str(files.key))
        client = await connect([])
        assert await client.service_client.check_health()


async def test_an_api_key_goes_over_tls_alone(
    server: int, files: Certificates, monkeypatch: pytest.MonkeyPatch
) -> None:
    open_to_all = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    open_to_all.load_cert_chain(files.certificate, files.key)
    open_to_all.set_alpn_protocols(["h2"])
    monkeypatch.setenv("TEMPORAL_API_KEY", "a-key")
    monkeypatch.setenv("TEMPORAL_ADDRESS", f"127.0.0.1:{server}")
    with pytest.raises(RuntimeError):
        await connect([])  # the server in clear: the key is not sent there
    async with behind(open_to_all, server) as address:
        monkeypatch.setenv("TEMPORAL_ADDRESS", address)
        monkeypatch.setenv("TEMPORAL_TLS_SERVER_CA_CERT_PATH", str(files.authority))
        client = await connect([])
        assert client.api_key == "a-key"
        assert await client.service_client.check_health()


async def test_the_server_of_a_data_directory_is_meant_where_the_environment_says_nothing(
    server: int, files: Certificates, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("TEMPORAL_CONFIG_FILE")
    async with behind(demanding(files.certificate, files.key, files.authority), server) as address:
        tls = {"client_cert_path": files.certificate, "client_key_path": files.key}
        tls["server_ca_cert_path"] = files.authority
        lines = [f'[profile.default]\naddress = "{address}"', "[profile.default.tls]"]
        lines += [f'{name} = "{path}"' for name, path in tls.items()]
        (tmp_path / LOCAL_CONFIG).write_text("\n".join(lines))
        client = await connect([], data_dir=tmp_path)
        assert await client.service_client.check_health()
        monkeypatch.setenv("TEMPORAL_ADDRESS", "127.0.0.1:1")
        with pytest.raises(RuntimeError):
            await connect([], data_dir=tmp_path)


async def until(told: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not told():  # noqa: ASYNC110  # it is about a client that others make
            await asyncio.sleep(0.02)


async def test_f9_a_certificate_that_is_over_stops_nobody_who_took_over_the_renewed_one(
    server: int, files: Certificates, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    # In place of the one that is there, which is good for two years, one for some seconds more.
    files.certificate.unlink()
    before = utc_now()
    local_certificates(files.key.parent, clock=lambda: before - GOOD_FOR + SHORT, for_clients=True)
    monkeypatch.setenv("TEMPORAL_TLS_SERVER_CA_CERT_PATH", str(files.authority))
    monkeypatch.setenv("TEMPORAL_TLS_CLIENT_CERT_PATH", str(files.certificate))
    monkeypatch.setenv("TEMPORAL_TLS_CLIENT_KEY_PATH", str(files.key))
    context = demanding(files.certificate, files.key, files.authority)
    fresh = FreshTls(context, TlsFiles(files.certificate, files.key, files.authority), utc_now)
    taken: list[Client] = []
    async with behind(context, server) as address:
        monkeypatch.setenv("TEMPORAL_ADDRESS", address)
        first = await connect([])
        old = first.service_client.config.tls
        following = asyncio.create_task(keep_connected(first, [], taken.append, 0.05))
        try:
            await asyncio.sleep(0.3)
            assert taken == []  # nothing was changed
            key = files.key.read_bytes()
            files.key.write_bytes(b"half")
            await until(lambda: "do not get through, those of before are kept" in caplog.text)
            assert taken == []
            files.key.write_bytes(key)
            local_certificates(files.key.parent, for_clients=True)
            fresh.look()
            await until(lambda: bool(taken))
            await asyncio.sleep(max(0.0, (before + SHORT - utc_now()).total_seconds()) + 0.5)
        finally:
            following.cancel()
        assert len(taken) == 1
        # Whoever is cut off comes in anew; with what the first one has, that is over.
        with pytest.raises(RuntimeError):
            await Client.connect(address, tls=old)
        assert await taken[0].service_client.check_health()
        again = await Client.connect(address, tls=taken[0].service_client.config.tls)
        assert await again.service_client.check_health()


async def test_a_certificate_that_was_renewed_since_the_client_connected_is_noticed(
    server: int, files: Certificates, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TEMPORAL_TLS_SERVER_CA_CERT_PATH", str(files.authority))
    monkeypatch.setenv("TEMPORAL_TLS_CLIENT_CERT_PATH", str(files.certificate))
    monkeypatch.setenv("TEMPORAL_TLS_CLIENT_KEY_PATH", str(files.key))
    taken: list[Client] = []
    async with behind(demanding(files.certificate, files.key, files.authority), server) as address:
        monkeypatch.setenv("TEMPORAL_ADDRESS", address)
        first = await connect([])
        files.certificate.unlink()
        local_certificates(files.key.parent, for_clients=True)
        following = asyncio.create_task(keep_connected(first, [], taken.append, 0.05))
        await until(lambda: bool(taken))
        following.cancel()


WRONG = [
    ({}, "no setting says where Temporal is: set TEMPORAL_ADDRESS=HOST:PORT"),
    ({"TEMPORAL_CONFIG_FILE": "/nowhere/t.toml"}, "TEMPORAL_CONFIG_FILE names /nowhere/t.toml, which is not there"),
    ({"TEMPORAL_PROFILE": "nope"}, "Profile 'nope' not found"),
    ({"TEMPORAL_CONFIG_FILE": "broken.toml"}, "are wrong: .*TOML parse error.* unclosed table"),
    ({"TEMPORAL_ADDRESS": "host"}, "Temporal's address is HOST:PORT, such as temporal:7233, and not 'host'"),
    ({"TEMPORAL_ADDRESS": "http://host:7233"}, "and not 'http://host:7233'"),
    ({"TEMPORAL_ADDRESS": "host:port"}, "and not 'host:port'"),
    (
        {"TEMPORAL_ADDRESS": "127.0.0.1:1", "TEMPORAL_TLS_CLIENT_CERT_PATH": "/nowhere/c"},
        "cannot read /nowhere/c, which the settings for Temporal name: No such file",
    ),
]


@pytest.mark.parametrize(("given", "said"), WRONG)
def test_settings_that_lead_nowhere_are_one_sentence_and_nothing_is_made(
    given: dict[str, str], said: str, tmp_path: Path
) -> None:
    (tmp_path / "broken.toml").write_text("[profile")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("TEMPORAL_", "INSTAR_"))}
    env = kept | {"INSTAR_DATA_DIR": str(tmp_path / "data"), "HOME": str(tmp_path)} | given
    for module in ("worker", "api"):
        command = [sys.executable, "-P", "-m", module]
        done = subprocess.run(command, env=env, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False)  # noqa: S603  # our own program
        assert done.returncode == 1
        assert re.search(said, done.stderr), done.stderr
        assert done.stderr.startswith(f"{module}: ")
        assert done.stderr.count("\n") == 1
    assert not (tmp_path / "data").exists()


@pytest.mark.parametrize("words", [["--help"], ["--nonsense"], ["more"]])
def test_a_worker_takes_no_arguments_and_says_so(words: list[str], tmp_path: Path) -> None:
    command = [sys.executable, "-P", "-m", "worker", *words]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False)  # noqa: S603  # our own program
    assert done.returncode == (0 if words == ["--help"] else 2)
    assert "usage: python -P -m worker" in done.stdout + done.stderr
    assert list(tmp_path.iterdir()) == []
