"""A Temporal client as the SDK's own configuration says: `TEMPORAL_ADDRESS`, `TEMPORAL_NAMESPACE`, TLS, profiles.

The SDK reads certificates once: a connection that is made after they are over would fail. So whoever runs for long
keeps looking at the configuration, and connects anew when it says something else.
"""

import asyncio
import logging
import os
from collections.abc import Callable, Sequence
from pathlib import Path

from temporalio.client import Client, Plugin
from temporalio.envconfig import ClientConfig, ClientConnectConfig
from temporalio.service import RPCError, TLSConfig

_log = logging.getLogger(__name__)

LOCAL_CONFIG = "temporal.toml"
"""In the data directory of an `instar up`: how its Temporal server is reached, by mutual TLS."""

LOOK_SECONDS = 60.0
"""How soon renewed certificates are used: long before the old ones are over."""


async def connect(plugins: Sequence[Plugin], *, lazy: bool = False, data_dir: Path | None = None) -> Client:
    """Connect; with `lazy` the first call does, so that a process can start while Temporal is down (A4).

    Where the environment says nothing of Temporal, the server of the `instar up` in `data_dir` is meant. Raises
    RuntimeError when not lazy and the server cannot be reached.
    """
    return await Client.connect(**_configuration(data_dir), plugins=plugins, lazy=lazy)


async def keep_connected(
    client: Client, plugins: Sequence[Plugin], use: Callable[[Client], None], seconds: float = LOOK_SECONDS
) -> None:
    """Hand `use` another client than that whenever the configuration says something else, until cancelled.

    Certificates and API keys are renewed in files. A client that does not get through is not handed over: the one in
    use goes on, and it is tried again. A configuration that cannot be read is said once.
    """
    in_use, said = _configuration(None), ""
    if isinstance(tls := client.service_client.config.tls, TLSConfig):
        in_use["tls"] = tls  # renewed since it connected, perhaps
    while True:
        await asyncio.sleep(seconds)
        try:
            found = _configuration(None)
            if found == in_use:
                continue
            use(await Client.connect(**found, plugins=plugins))
        except (OSError, RuntimeError, ValueError) as error:
            if str(error) != said:
                said = str(error)
                _log.warning("the changed settings for Temporal do not get through, those of before are kept: %s", said)
            continue
        in_use, said = found, ""
        _log.warning("connected to Temporal anew: certificates or other settings of its client were renewed")


def _configuration(data_dir: Path | None) -> ClientConnectConfig:
    """What it says now, with the content of its files. Raises RuntimeError where it cannot be read."""
    local = data_dir / LOCAL_CONFIG if data_dir else None
    is_meant = local is not None and local.exists() and not any(name.startswith("TEMPORAL_") for name in os.environ)
    return ClientConfig.load_client_connect_config(config_file=str(local) if is_meant else None)


async def alive(client: Client) -> bool:
    """Whether the Temporal server answers within a second."""
    try:
        async with asyncio.timeout(1):
            return await client.service_client.check_health()
    except (RPCError, TimeoutError, RuntimeError):
        return False
