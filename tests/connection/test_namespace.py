"""A worker begins where Temporal's namespace has what workflows need (docs/rules.md F9)."""

import asyncio
import logging
from collections.abc import AsyncIterator
from types import SimpleNamespace
from typing import Any, cast
from unittest.mock import AsyncMock

import pytest
import pytest_asyncio
from temporalio.api.enums.v1 import IndexedValueType
from temporalio.api.operatorservice.v1 import AddSearchAttributesRequest
from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode
from temporalio.testing import WorkflowEnvironment

from instar.connection.readiness import Readiness
from instar.domain.sets.names import Attribute
from tests.support.servers import binary, register_search_attributes
from worker.namespace import Lacking, check_namespace, has_namespace

PATIENCE_SECONDS = 60


@pytest_asyncio.fixture
async def bare() -> AsyncIterator[Client]:
    """A server whose namespace has no search attributes."""
    async with await WorkflowEnvironment.start_local(dev_server_existing_path=binary("temporal")) as env:
        yield env.client


def answering(error: RPCError) -> Client:
    """A client of a server that answers so."""
    asked = AsyncMock(side_effect=error)
    return cast(
        "Client", SimpleNamespace(namespace="default", operator_service=SimpleNamespace(list_search_attributes=asked))
    )


async def add(client: Client, type_: Any, *names: str) -> None:
    """Until the server shows it."""
    await client.operator_service.add_search_attributes(
        AddSearchAttributesRequest(namespace=client.namespace, search_attributes=dict.fromkeys(names, type_))
    )


async def test_f9_what_a_namespace_lacks_is_named_with_the_command_that_mends_it(bare: Client) -> None:
    with pytest.raises(Lacking) as lacking:
        await check_namespace(bare)
    said = str(lacking.value)
    assert "namespace default lacks the search attributes InstarScaleSetId, InstarScaleSet, " in said
    assert "run deploy/temporal-namespace.sh, or: temporal operator search-attribute create" in said
    for name in Attribute:
        assert f"--name {name}" in said
    await add(bare, IndexedValueType.INDEXED_VALUE_TYPE_KEYWORD, Attribute.PHASE)
    for _ in range(10 * PATIENCE_SECONDS):
        with pytest.raises(Lacking) as lacking:
            await check_namespace(bare)
        if "InstarPhase" not in (said := str(lacking.value)):
            break
        await asyncio.sleep(0.1)
    assert "lacks the search attributes InstarScaleSetId, InstarScaleSet, InstarTargetVersion;" in said


async def test_f9_a_worker_goes_on_once_they_are_there(bare: Client, caplog: pytest.LogCaptureFixture) -> None:
    readiness = Readiness()
    with caplog.at_level(logging.WARNING):
        waiting = asyncio.create_task(has_namespace(bare, readiness))
        for _ in range(20 * PATIENCE_SECONDS):
            if caplog.records:
                break
            await asyncio.sleep(0.05)
        assert readiness.waits_for == "Temporal's namespace"
        assert not waiting.done()
        await register_search_attributes(bare)
        async with asyncio.timeout(PATIENCE_SECONDS):
            assert await waiting
    first, last = caplog.records[0].getMessage(), caplog.records[-1].getMessage()
    assert first.startswith("waits for Temporal's namespace: namespace default lacks ")
    assert last.startswith("Temporal's namespace is there after ")


async def test_one_of_another_type_is_told(bare: Client) -> None:
    await register_search_attributes(bare)
    async with asyncio.timeout(PATIENCE_SECONDS):
        await has_namespace(bare, Readiness())
    real = bare.operator_service.list_search_attributes

    async def other(asked: Any) -> Any:
        answer = await real(asked)
        answer.custom_attributes[Attribute.PHASE] = IndexedValueType.INDEXED_VALUE_TYPE_TEXT
        return answer

    told = SimpleNamespace(namespace="default", operator_service=SimpleNamespace(list_search_attributes=other))
    with pytest.raises(Lacking, match=r"search attributes InstarPhase are of another type than Keyword"):
        await check_namespace(cast("Client", told))


async def test_f9_a_namespace_that_is_not_there_is_waited_for_and_named(bare: Client) -> None:
    config = bare.service_client.config
    elsewhere = await Client.connect(config.target_host, namespace="nowhere")
    with pytest.raises(Lacking, match=r"nowhere.*not found.*--namespace nowhere"):
        await check_namespace(elsewhere)


@pytest.mark.parametrize("status", [RPCStatusCode.PERMISSION_DENIED, RPCStatusCode.UNIMPLEMENTED])
async def test_a_server_that_does_not_tell_stops_no_worker(
    status: RPCStatusCode, caplog: pytest.LogCaptureFixture
) -> None:
    await check_namespace(answering(RPCError("for operators only", status, b"")))
    [said] = [one.getMessage() for one in caplog.records]
    assert "cannot see whether namespace default has the search attributes InstarScaleSetId" in said


async def test_f9_a_server_that_is_away_is_asked_again() -> None:
    with pytest.raises(Lacking, match="away just now"):
        await check_namespace(answering(RPCError("away just now", RPCStatusCode.UNAVAILABLE, b"")))
