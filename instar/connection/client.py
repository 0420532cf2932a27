"""A Temporal client as the SDK's own configuration says: `TEMPORAL_ADDRESS`, `TEMPORAL_NAMESPACE`, TLS, profiles."""

import asyncio
import os
from collections.abc import Sequence
from pathlib import Path

from temporalio.client import Client, Plugin
from temporalio.envconfig import ClientConfig
from temporalio.service import RPCError

LOCAL_CONFIG = "temporal.toml"
"""In the data directory of an `instar up`: how its Temporal server is reached, by mutual TLS."""


async def connect(plugins: Sequence[Plugin], *, lazy: bool = False, data_dir: Path | None = None) -> Client:
    """Connect; with `lazy` the first call does, so that a process can start while Temporal is down (A4).

    Where the environment says nothing of Temporal, the server of the `instar up` in `data_dir` is meant. Raises
    RuntimeError when not lazy and the server cannot be reached.
    """
    local = data_dir / LOCAL_CONFIG if data_dir else None
    is_meant = local is not None and local.exists() and not any(name.startswith("TEMPORAL_") for name in os.environ)
    config = ClientConfig.load_client_connect_config(config_file=str(local) if is_meant else None)
    return await Client.connect(**config, plugins=plugins, lazy=lazy)


async def alive(client: Client) -> bool:
    """Whether the Temporal server answers within a second."""
    try:
        async with asyncio.timeout(1):
            return await client.service_client.check_health()
    except (RPCError, TimeoutError, RuntimeError):
        return False
