"""Temporal servers for tests."""

import shutil
import sys
from collections.abc import Awaitable, Sequence
from pathlib import Path

from temporalio.api.enums.v1 import IndexedValueType
from temporalio.api.operatorservice.v1 import AddSearchAttributesRequest
from temporalio.client import Client, Plugin
from temporalio.converter import PayloadCodec
from temporalio.testing import WorkflowEnvironment

from instar.domain.sets.names import NAMESPACE, Attribute
from workflows.plugin import instar_plugin


def binary(name: str) -> str:
    """The server beside this interpreter."""
    found = shutil.which(name, path=str(Path(sys.executable).parent)) or shutil.which(name)
    if not found:
        raise RuntimeError(f"{name} is not installed: run make test, which installs it")
    return found


def time_skipping(codec: PayloadCodec | None, plugins: Sequence[Plugin] = ()) -> Awaitable[WorkflowEnvironment]:
    """A server whose time passes as fast as nothing happens; its client seals with the codec, if there is one."""
    return WorkflowEnvironment.start_time_skipping(
        test_server_existing_path=binary("temporal-test-server"), plugins=[instar_plugin(codec), *plugins]
    )


def forgetful(after: int, codec: PayloadCodec | None) -> Awaitable[WorkflowEnvironment]:
    """The real dev server, in real time, which suggests continue-as-new after so many events."""
    return WorkflowEnvironment.start_local(
        dev_server_existing_path=binary("temporal"),
        dev_server_extra_args=["--dynamic-config-value", f"limit.historyCount.suggestContinueAsNew={after}"],
        plugins=[instar_plugin(codec)],
    )


async def register_search_attributes(client: Client) -> None:
    """What deployment does with the command line."""
    await client.operator_service.add_search_attributes(
        AddSearchAttributesRequest(
            namespace=NAMESPACE,
            search_attributes=dict.fromkeys(Attribute, IndexedValueType.INDEXED_VALUE_TYPE_KEYWORD),
        )
    )
