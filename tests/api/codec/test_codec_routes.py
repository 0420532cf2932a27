"""The codec server for Temporal's page and command line: who may use it, and what it answers."""

import base64
from pathlib import Path
from typing import Any

import httpx
import pytest
from temporalio.api.common.v1 import Payload

from instar.connection.sealed_payloads import SealedPayloads, is_sealed
from instar.domain.access import Grant, Role
from instar.store.database.key_file import KeyFile
from tests.api.conftest import GROUP, Api, error_of

DECODE, ENCODE = "/codec/decode", "/codec/encode"
PLAIN = {"metadata": {"encoding": base64.b64encode(b"json/plain").decode()}, "data": base64.b64encode(b"2").decode()}


async def asked(api: Api, path: str, role: Role, scope: str) -> httpx.Response:
    client, secret = api.store.credentials.create("codec", Grant(role, scope), api.clock())
    assert api.access.own is not None
    token = await api.access.own.issued(client.client_id, secret)
    headers = {"Authorization": f"Bearer {token}", "X-Namespace": "default"}
    return await api.http.request("POST", path, json={"payloads": [PLAIN]}, headers=headers, auth=None)


async def test_f5_payloads_are_sealed_and_opened_with_the_ring_of_the_process(api: Api, tmp_path: Path) -> None:
    sealed = await api.http.post(ENCODE, json={"payloads": [PLAIN, PLAIN]})
    assert sealed.status_code == 200
    assert sealed.headers["content-type"] == "application/json"
    given: list[dict[str, Any]] = sealed.json()["payloads"]
    ours = [
        Payload(
            metadata={name: base64.b64decode(value) for name, value in one["metadata"].items()},
            data=base64.b64decode(one["data"]),
        )
        for one in given
    ]
    assert all(map(is_sealed, ours))
    codec = SealedPayloads(KeyFile(tmp_path / "keys"))
    assert [one.data for one in await codec.decode(ours)] == [b"2", b"2"]
    opened = await api.http.post(DECODE, json={"payloads": given})
    assert opened.json() == {"payloads": [PLAIN, PLAIN]}
    assert opened.headers["cache-control"] == "no-store"


@pytest.mark.parametrize("path", [DECODE, ENCODE])
async def test_f5_whoever_may_read_everything_may_ask_and_nobody_else(api: Api, path: str) -> None:
    assert (await asked(api, path, Role.READER, "/")).status_code == 200
    assert (await asked(api, path, Role.OWNER, GROUP)).status_code == 403
    assert (await api.http.request("POST", path, json={"payloads": [PLAIN]}, auth=None)).status_code == 401


async def test_reading_is_not_in_the_audit_log_and_a_refusal_is(api: Api) -> None:
    await asked(api, DECODE, Role.READER, "/")
    assert api.store.audit.newest(9) == []
    await asked(api, DECODE, Role.READER, GROUP)
    assert [entry.action for entry in api.store.audit.newest(9)] == ["Instar/decode/action"]


async def test_nonsense_is_refused_as_everywhere(api: Api) -> None:
    refused = await api.http.post(DECODE, content=b"nonsense")
    assert (refused.status_code, error_of(refused)["code"]) == (400, "InvalidRequestContent")
    assert "payloads" in error_of(refused)["message"]
    large = await api.http.post(DECODE, content=b" " * (4 * 1024 * 1024 + 1))
    assert (large.status_code, error_of(large)["code"]) == (413, "RequestContentTooLarge")
