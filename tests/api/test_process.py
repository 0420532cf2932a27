"""What stands around the routes: Temporal, unexpected errors, probes, the docs, the process itself."""

import asyncio
import logging
import os
import re
import signal
import socket
import sys
import time
from contextlib import suppress
from pathlib import Path

import httpx
import pytest
from temporalio.client import WorkflowUpdateFailedError
from temporalio.exceptions import ApplicationError

from api.services import scale_set_gateway
from api.wire.errors import ArmError
from api.wire.paths import Paths
from instar.client.api_token import TokenAuth
from instar.client.credentials import owner
from instar.domain.messages.scale_set import StartUpgrade
from instar.domain.messages.updates import UPDATES
from instar.domain.sets.names import Refusal
from instar.store.errors import Unavailable
from tests.api.conftest import LOCATION, SCALE_SET, SECRETS, Api, document, error_of
from workflows.sets.scale_set import ScaleSetWorkflow


def test_every_update_is_named_as_the_workflow_names_it() -> None:
    names = set(UPDATES.values())
    assert all(callable(getattr(ScaleSetWorkflow, name)) for name in names)
    assert names == {
        "start_upgrade",
        "cancel_upgrade",
        "apply_model",
        "act_on_instances",
        "delete_scale_set",
        "lift_quarantine",
        "reconcile",
    }


async def test_a4_a_server_that_is_not_there_is_503_soon(api: Api) -> None:
    await api.create()
    with pytest.raises(ArmError) as caught:
        await api.real_gateway.send(api.stored().identity, StartUpgrade(operation_id="one"))
    assert caught.value.status == 503
    assert caught.value.headers["Retry-After"]
    assert await api.real_gateway.alive() is False


@pytest.mark.parametrize(
    ("cause", "status", "message"),
    [
        (ApplicationError("no", type=Refusal.OPERATION_NOT_ALLOWED), 409, "no"),
        (ApplicationError("gone", type=Refusal.NOT_FOUND), 404, "gone"),
        (ApplicationError("a secret", type="Other"), 503, "every worker"),
        (RuntimeError("a secret"), 503, "every worker"),
    ],
)
def test_refusals_keep_their_sentence_and_other_failures_are_503(cause: Exception, status: int, message: str) -> None:
    answer = scale_set_gateway._refusal(WorkflowUpdateFailedError(cause))
    assert answer.status == status
    assert message in answer.message
    assert "secret" not in answer.message


async def test_an_unexpected_error_is_logged_without_its_words_and_answers_500(
    api: Api, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(_resource_id: str) -> None:
        raise ZeroDivisionError(f"while reading {SECRETS[0]}")

    monkeypatch.setattr(api.store.scale_sets, "find", broken)
    with caplog.at_level(logging.INFO):
        answer = await api.call("GET", SCALE_SET)
    assert answer.status_code == 500
    assert error_of(answer)["code"] == "InternalServerError"
    assert "ZeroDivisionError" in caplog.text
    assert "in broken" in caplog.text
    assert SECRETS[0] not in caplog.text + answer.text


async def test_a_store_that_is_away_is_503(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    def away(*_: object) -> None:
        raise Unavailable("locked")

    monkeypatch.setattr(api.store.scale_sets, "find", away)
    monkeypatch.setattr(api.store, "ping", away)
    for path in (SCALE_SET, "/readyz"):
        answer = await api.call("GET", path)
        assert answer.status_code == 503
        assert answer.headers["Retry-After"]
        assert error_of(answer)["code"] == "ServiceUnavailable"
    assert (await api.http.get("/healthz")).status_code == 200


async def test_a_store_that_is_away_when_roles_are_looked_up_is_503_too(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*_: object) -> None:
        raise Unavailable("locked")

    monkeypatch.setattr(api.store.credentials, "of_client", away)
    answer = await api.call("GET", SCALE_SET)
    assert (answer.status_code, error_of(answer)["code"]) == (503, "ServiceUnavailable")
    assert answer.headers["Retry-After"]


async def test_secrets_of_a_refused_model_are_not_logged(api: Api, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        wrong = {"properties__virtualMachineProfile__storageProfile__imageReference": {"offer": SECRETS[0], "sku": 3}}
        answers = [
            await api.call("PUT", SCALE_SET, document(**wrong)),
            await api.call("PUT", SCALE_SET, document(properties__upgradePolicy={"mode": SECRETS[0]})),
            await api.call("PUT", SCALE_SET, document()),
        ]
    assert [one.status_code for one in answers] == [400, 400, 201]
    for secret in SECRETS:
        assert secret not in caplog.text + "".join(one.text for one in answers)


async def test_a4_it_is_ready_without_temporal_and_says_so(api: Api) -> None:
    assert (await api.http.get("/readyz")).json() == {"status": "ready", "temporal": "up"}
    api.gateway.up = False
    answer = await api.http.get("/readyz")
    assert (answer.status_code, answer.json()) == (200, {"status": "ready", "temporal": "away"})


async def test_the_interactive_docs_need_nothing_from_elsewhere(api: Api) -> None:
    page = await api.http.get("/docs")
    assert page.status_code == 200
    wanted = re.findall(r"(?:src|href)=\"([^\"]+)\"", page.text)
    assert len(wanted) == 3
    for path in wanted:
        assert path.startswith("/")
        assert (await api.http.get(path)).status_code == 200


async def test_the_interactive_docs_describe_every_route(api: Api) -> None:
    described = (await api.http.get("/openapi.json")).json()["paths"]
    assert {"put", "patch", "get", "delete"} <= set(described[SCALE_SET_TEMPLATE])
    assert all(operation.get("description") for path in described.values() for operation in path.values())


SCALE_SET_TEMPLATE = (
    "/subscriptions/{subscriptionId}/resourceGroups/{resourceGroupName}/providers/Microsoft.Compute"
    "/virtualMachineScaleSets/{scaleSetName}"
)


async def test_an_operation_of_another_subscription_is_not_shown(api: Api) -> None:
    answer = await api.call("PUT", SCALE_SET, document())
    operation = answer.headers["x-ms-request-id"]
    assert (await api.call("GET", f"{LOCATION}/operations/{operation}")).status_code == 200
    elsewhere = LOCATION.replace("00000000-0000-0000-0000-00000000000a", "other")
    answer = await api.call("GET", f"{elsewhere}/operations/{operation}")
    assert answer.status_code == 404
    error_of(answer)


def test_fixed_segments_are_told_from_names_by_their_place() -> None:
    paths = Paths(["/subscriptions/{s}/resourceGroups/{g}"])
    assert paths.canonical("/SUBSCRIPTIONS/Subscriptions/RESOURCEGROUPS/SUBSCRIPTIONS") == (
        "/subscriptions/Subscriptions/resourceGroups/SUBSCRIPTIONS"
    )


async def run_api(tmp_path: Path, *arguments: str) -> asyncio.subprocess.Process:
    env = os.environ | {"INSTAR_DATA_DIR": str(tmp_path / "data"), "TEMPORAL_ADDRESS": "127.0.0.1:1"}
    command = (sys.executable, "-P", "-m", "api", *arguments)
    root = Path(__file__).parents[2]
    pipe = asyncio.subprocess.PIPE
    return await asyncio.create_subprocess_exec(*command, cwd=root, env=env, stdout=pipe, stderr=pipe)


@pytest.mark.processes
@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "example.org"])  # noqa: S104  # that is what is refused
async def test_a_host_that_is_not_loopback_is_refused(tmp_path: Path, host: str) -> None:
    process = await run_api(tmp_path, "--host", host, "--port", "1")
    _, errors = await asyncio.wait_for(process.communicate(), 30)
    assert process.returncode == 1
    assert b"not a loopback address" in errors


@pytest.mark.processes
async def test_a4_the_process_starts_without_temporal_answers_and_ends_at_sigterm(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    process = await run_api(tmp_path, "--port", str(port))
    try:
        login = owner(tmp_path / "data", f"http://127.0.0.1:{port}", "")
        auth = TokenAuth(login)
        async with httpx.AsyncClient(base_url=login.endpoint, trust_env=False, auth=auth) as http:
            until = time.monotonic() + 30
            ready = None
            while ready is None or not ready.is_success:
                try:
                    ready = await http.get("/readyz", auth=None)
                except httpx.TransportError:
                    assert time.monotonic() < until
                await asyncio.sleep(0.1)
            assert ready.json() == {"status": "ready", "temporal": "away"}
            query = {"api-version": "2026-04-01"}
            assert (await http.get(SCALE_SET, params=query)).status_code == 404
            answer = await http.put(SCALE_SET, params=query, json=document(), timeout=30)
            assert answer.status_code == 201
            assert (await http.get(SCALE_SET, params=query)).json()["properties"]["provisioningState"] == "Creating"
    finally:
        process.send_signal(signal.SIGTERM)
        _, errors = await asyncio.wait_for(process.communicate(), 30)
    assert process.returncode == 0, errors.decode()
    assert b"Traceback" not in errors


@pytest.mark.processes
async def test_f9_while_the_database_is_away_readiness_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    monkeypatch.setenv("INSTAR_DATABASE_URL", "postgresql://instar:hush@127.0.0.1:1/instar")
    process = await run_api(tmp_path, "--port", str(port))
    try:
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", trust_env=False) as http:
            until = time.monotonic() + 30
            answer = None
            while answer is None or "the database" not in answer.text:
                assert time.monotonic() < until
                await asyncio.sleep(0.1)
                with suppress(httpx.TransportError):
                    answer = await http.get("/readyz")
            assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
            assert answer.json()["error"] == {
                "code": "ServiceUnavailable",
                "message": "Not ready yet: waits for the database.",
            }
            assert (await http.get(SCALE_SET)).status_code == 503
            assert (await http.get("/healthz")).json() == {"status": "ok"}
    finally:
        process.send_signal(signal.SIGTERM)
        _, errors = await asyncio.wait_for(process.communicate(), 30)
    assert process.returncode == 0, errors.decode()
    assert b"hush" not in errors
    assert b"Traceback" not in errors


@pytest.mark.parametrize("program", ["api", "worker"])
async def test_an_address_that_is_taken_ends_a_process_with_one_sentence(tmp_path: Path, program: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-P",
            "-m",
            program,
            *(("--port", str(port)) if program == "api" else ()),
            env={
                "INSTAR_DATA_DIR": str(tmp_path / "data"),
                "INSTAR_WORKER_PROBES": f"127.0.0.1:{port}",
                "TEMPORAL_ADDRESS": "127.0.0.1:1",
                "PYTHONPATH": str(Path(__file__).parents[2]),
            },
            cwd=tmp_path,
            stderr=asyncio.subprocess.PIPE,
        )
        _, errors = await asyncio.wait_for(process.communicate(), 60)
    assert process.returncode == 1
    assert errors.decode().splitlines()[-1] == (
        f"{program}: cannot listen at 127.0.0.1, port {port}: Address already in use"
    )
    assert b"Traceback" not in errors
