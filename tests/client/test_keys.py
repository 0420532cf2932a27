"""`instar keys …` as its user types it, against a store and a real Temporal server (docs/rules.md F5)."""

import asyncio
import json
import stat
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path

import pytest
from cryptography.fernet import Fernet
from temporalio.api.common.v1 import WorkflowExecution
from temporalio.api.workflowservice.v1 import DeleteWorkflowExecutionRequest
from temporalio.client import Client, WorkflowHandle
from temporalio.testing import WorkflowEnvironment
from typer.testing import CliRunner

from instar.cli.app import app
from instar.connection.sealed_payloads import SealedPayloads
from instar.domain.sets.names import NAMESPACE
from instar.store.database.key_file import KeyFile
from instar.store.database.sealing import Sealer
from instar.store.store import Store
from tests.processes.site import eventually
from tests.store.samples import NOW, SUBSCRIPTION, document, identity
from tests.support.data_dirs import opened
from tests.support.servers import forgetful
from workflows.plugin import instar_plugin

PASSWORD = "hunter2-hunter2"


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A data directory with one secret in its store."""
    for name in ("INSTAR_SEAL_KEY_FILE", "INSTAR_DATABASE_URL", "INSTAR_DATA_DIR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TEMPORAL_ADDRESS", "127.0.0.1:1")
    folder = tmp_path / "data"
    folder.mkdir(mode=0o700)
    with closing(opened(folder)) as store:
        store.scale_sets.create(identity(), SUBSCRIPTION, "Rg", document(3, adminPassword=PASSWORD), NOW)
    return folder


def run(data: Path, *words: str, status: int = 0) -> str:
    """What a command prints, on either stream."""
    done = CliRunner().invoke(app, ["keys", *words, "--data-dir", str(data)])
    assert done.exit_code == status, done.output
    return done.output


def listed(data: Path) -> list[dict[str, str]]:
    rows: list[dict[str, str]] = json.loads(run(data, "list", "--output", "json"))
    return rows


def password(store: Store) -> str:
    model = store.scale_sets.open_model(identity().unique_id, 1)
    found: str = model["properties"]["virtualMachineProfile"]["osProfile"]["adminPassword"]
    return found


def test_f5_keys_are_listed_by_fingerprint_and_never_shown(data: Path) -> None:
    by_hand = Fernet.generate_key().decode()
    keys = data / "seal.keys"
    keys.write_text(f"{keys.read_text()}\n{by_hand}\n")
    first, second = listed(data)
    assert (first["use"], second["use"]) == ("seals and opens", "opens")
    assert first["made"].startswith("20")
    assert second["made"] == "not known"
    assert [first["fingerprint"], second["fingerprint"]] == [key.fingerprint for key in KeyFile(keys).ring().keys]
    shown = run(data, "list") + json.dumps([first, second])
    assert first["fingerprint"] in shown
    texts = [line for line in keys.read_text().split() if len(line) == 44]
    assert not any(text in shown or text[:10] in shown for text in texts)


def test_f5_a_rotation_seals_the_store_anew_and_whoever_has_it_open_reads_on(data: Path) -> None:
    with closing(opened(data)) as running:
        [old] = listed(data)
        said = run(data, "rotate")
        new, kept = listed(data)
        assert kept["fingerprint"] == old["fingerprint"]
        assert f"{new['fingerprint']} seals from now on; 1 secrets" in said
        assert password(running) == PASSWORD
        assert stat.S_IMODE((data / "seal.keys").stat().st_mode) == 0o600
        # The store needs the new key alone.
        [text, _] = [line for line in (data / "seal.keys").read_text().split("\n") if len(line) == 44]
        assert running.unopened(Sealer([text])) == 0
        assert running.unopened(Sealer([Fernet.generate_key().decode()])) == 1


def test_f5_a_database_that_cannot_be_opened_leaves_the_ring_as_it_was(data: Path) -> None:
    before = (data / "seal.keys").read_bytes()
    (data / "store.sqlite").write_text("no database at all, and long enough to be looked at")
    assert "instar: " in run(data, "rotate", status=1)
    assert (data / "seal.keys").read_bytes() == before


@pytest.mark.parametrize("verb", ["list", "rotate", "reseal", "prune"])
def test_a_directory_without_keys_gets_none_by_being_asked(tmp_path: Path, verb: str) -> None:
    (tmp_path / "empty").mkdir()
    assert "there is no key file" in run(tmp_path / "empty", verb, status=1)
    assert list((tmp_path / "empty").iterdir()) == []
    assert "there is no key file" in run(tmp_path / "absent", verb, status=1)
    (tmp_path / "empty" / "seal.keys").touch(mode=0o600)
    (tmp_path / "empty" / "seal.keys").write_text("nonsense")
    assert "cannot be used: key 1 is none" in run(tmp_path / "empty", verb, status=1)


def test_nonsense_is_refused(data: Path) -> None:
    assert "it is table or json" in run(data, "list", "--output", "yaml", status=2)


def test_one_key_is_never_dropped(data: Path) -> None:
    assert "there is no old key" in run(data, "prune")
    assert len(listed(data)) == 1


def test_f5_without_temporal_nothing_is_dropped(data: Path) -> None:
    run(data, "rotate")
    assert "TEMPORAL_ADDRESS" in run(data, "prune", status=1)
    assert len(listed(data)) == 2


@pytest.fixture
async def server() -> AsyncIterator[WorkflowEnvironment]:
    async with await forgetful(10_000, None) as environment:
        yield environment


async def test_f5_a_key_is_dropped_once_neither_store_nor_temporal_needs_it(
    data: Path, server: WorkflowEnvironment, monkeypatch: pytest.MonkeyPatch
) -> None:
    address = server.client.service_client.config.target_host
    monkeypatch.setenv("TEMPORAL_ADDRESS", address)
    plugin = instar_plugin(SealedPayloads(KeyFile(data / "seal.keys")))
    client = await Client.connect(address, namespace=NAMESPACE, plugins=[plugin])
    handle = await client.start_workflow("Waits", "sealed with the old key", id="waits", task_queue="nobody")
    plain = await server.client.start_workflow("Waits", "in clear", id="plain", task_queue="nobody")
    [old] = [row["fingerprint"] for row in listed(data)]
    old_key = (data / "seal.keys").read_text().split()[-1]
    await asked(data, "rotate")

    said = await asked(data, "prune", status=1)
    assert f"{old} is kept: in Temporal 1 workflows that run (one is waits) need it" in said
    # The store again needs the old key, as if half of it had been restored.
    new_key = next(line for line in (data / "seal.keys").read_text().split() if len(line) == 44)
    with closing(Store.open(f"sqlite:///{data / 'store.sqlite'}", Sealer([old_key, new_key]))) as restored:
        restored.scale_sets.put_model(identity().unique_id, document(3, adminPassword="another"), 1, NOW)
    said = await asked(data, "prune", status=1)
    assert "1 secrets in the store are sealed with it: `instar keys reseal`; in Temporal 1" in said
    assert "2 secrets" in await asked(data, "reseal")

    await handle.terminate()
    await eventually(lambda: has_status(client, "waits"), "the workflow is seen to have ended")
    said = await asked(data, "prune", status=1)
    assert f"{old} is kept: in Temporal 1 that have ended and are still kept need it" in said
    assert len(listed(data)) == 2

    await forgotten(client, handle)
    assert f"dropped {old}" in await asked(data, "prune")
    assert old not in [row["fingerprint"] for row in listed(data)]
    with closing(opened(data)) as store:
        assert password(store) == PASSWORD
    await plain.terminate()


async def asked(data: Path, *words: str, status: int = 0) -> str:
    """The command has a loop of its own."""
    return await asyncio.to_thread(run, data, *words, status=status)


async def has_status(client: Client, workflow_id: str) -> bool:
    return [one.status.name async for one in client.list_workflows(f"WorkflowId = '{workflow_id}'") if one.status] == [
        "TERMINATED"
    ]


async def forgotten(client: Client, handle: WorkflowHandle[object, object]) -> None:
    """As the server does at the end of its retention."""
    execution = WorkflowExecution(workflow_id=handle.id)
    request = DeleteWorkflowExecutionRequest(namespace=NAMESPACE, workflow_execution=execution)
    await client.workflow_service.delete_workflow_execution(request)

    async def gone() -> bool:
        return [one.id async for one in client.list_workflows(f"WorkflowId = '{handle.id}'")] == []

    await eventually(gone, "the workflow is forgotten")
