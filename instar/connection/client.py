"""A Temporal client as the SDK's own configuration says: `TEMPORAL_ADDRESS`, `TEMPORAL_NAMESPACE`, TLS, profiles."""

import asyncio
from collections.abc import Sequence

from temporalio.client import Client, Plugin
from temporalio.envconfig import ClientConfig
from temporalio.service import RPCError


async def connect(plugins: Sequence[Plugin], *, lazy: bool = False) -> Client:
    """Connect; with `lazy` the first call does, so that a process can start while Temporal is down (A4).

    Raises RuntimeError when not lazy and the server cannot be reached.
    """
    config = ClientConfig.load_client_connect_config()
    return await Client.connect(**config, plugins=plugins, lazy=lazy)


async def alive(client: Client) -> bool:
    """Whether the Temporal server answers within a second."""
    try:
        async with asyncio.timeout(1):
            return await client.service_client.check_health()
    except (RPCError, TimeoutError, RuntimeError):
        return False
