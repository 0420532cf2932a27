"""A Temporal client as the SDK's own configuration says: `TEMPORAL_ADDRESS`, `TEMPORAL_NAMESPACE`, TLS, profiles."""

from collections.abc import Sequence

from temporalio.client import Client, Plugin
from temporalio.envconfig import ClientConfig


async def connect(plugins: Sequence[Plugin], *, lazy: bool = False) -> Client:
    """Connect; with `lazy` the first call does, so that a process can start while Temporal is down (A4).

    Raises RuntimeError when not lazy and the server cannot be reached.
    """
    config = ClientConfig.load_client_connect_config()
    return await Client.connect(**config, plugins=plugins, lazy=lazy)
