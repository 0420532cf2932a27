"""A Temporal client as the SDK's own configuration says: `TEMPORAL_ADDRESS`, `TEMPORAL_NAMESPACE`, TLS, profiles.

The SDK reads certificates once: a connection that is made after they are over would fail. So whoever runs for long
keeps looking at the configuration, and connects anew when it says something else.
"""

import asyncio
import logging
import os
import re
from collections.abc import Callable, Sequence
from pathlib import Path

from temporalio.client import Client, Plugin
from temporalio.envconfig import ClientConfig, ClientConnectConfig
from temporalio.service import RPCError, TLSConfig

_log = logging.getLogger(__name__)

LOCAL_CONFIG = "temporal.toml"
"""In the data directory of an `instar up`: how its Temporal server is reached, by mutual TLS."""

ADDRESS = r"(\[[0-9a-fA-F:.]+\]|[^\s:/@]+):[0-9]{1,5}"

LOOK_SECONDS = 60.0
"""How soon renewed certificates are used: long before the old ones are over."""


class WrongSettings(Exception):
    """The settings say nowhere where Temporal is, or cannot be used. The text says what to do."""


async def connect(plugins: Sequence[Plugin], *, lazy: bool = False, data_dir: Path | None = None) -> Client:
    """Connect; with `lazy` the first call does, so that a process can start while Temporal is down (A4).

    Where the environment says nothing of Temporal, the server of the `instar up` in `data_dir` is meant. Raises
    RuntimeError when not lazy and the server cannot be reached, WrongSettings for what no waiting mends.
    """
    return await _connected(configuration(data_dir), plugins, lazy=lazy)


async def keep_connected(
    client: Client, plugins: Sequence[Plugin], use: Callable[[Client], None], seconds: float = LOOK_SECONDS
) -> None:
    """Hand `use` another client than that whenever the configuration says something else, until cancelled.

    Certificates and API keys are renewed in files. A client that does not get through is not handed over: the one in
    use goes on, and it is tried again. A configuration that cannot be read is said once.
    """
    in_use, said = configuration(), ""
    if isinstance(tls := client.service_client.config.tls, TLSConfig):
        in_use["tls"] = tls  # renewed since it connected, perhaps
    while True:
        await asyncio.sleep(seconds)
        try:
            found = configuration()
            if found == in_use:
                continue
            use(await _connected(found, plugins))
        except (RuntimeError, ValueError, WrongSettings) as error:
            if str(error) != said:
                said = str(error)
                _log.warning("the changed settings for Temporal do not get through, those of before are kept: %s", said)
            continue
        in_use, said = found, ""
        _log.warning("connected to Temporal anew: certificates or other settings of its client were renewed")


def configuration(data_dir: Path | None = None) -> ClientConnectConfig:
    """What the settings say now, with the content of the files that they name. Raises WrongSettings."""
    local = data_dir / LOCAL_CONFIG if data_dir else None
    is_meant = local is not None and local.exists() and not any(name.startswith("TEMPORAL_") for name in os.environ)
    try:
        found = ClientConfig.load_client_connect_config(config_file=str(local) if is_meant else None)
    except OSError as error:
        raise WrongSettings(
            f"cannot read {error.filename}, which the settings for Temporal name: {error.strerror}"
        ) from None
    except RuntimeError as error:
        said = " ".join(str(error).split())
        raise WrongSettings(
            f"the settings for Temporal (TEMPORAL_…, or the file that they name) are wrong: {said}"
        ) from None
    address = found.get("target_host")
    if not address:
        file = os.environ.get("TEMPORAL_CONFIG_FILE")
        missing = (
            f", and TEMPORAL_CONFIG_FILE names {file}, which is not there" if file and not Path(file).exists() else ""
        )
        raise WrongSettings(
            f"no setting says where Temporal is{missing}: set TEMPORAL_ADDRESS=HOST:PORT, "
            "or let `instar up` start one on this machine"
        )
    if not re.fullmatch(ADDRESS, address):
        raise WrongSettings(f"Temporal's address is HOST:PORT, such as temporal:7233, and not {address!r}")
    return found


async def _connected(settings: ClientConnectConfig, plugins: Sequence[Plugin], *, lazy: bool = False) -> Client:
    try:
        return await Client.connect(**settings, plugins=plugins, lazy=lazy)
    except ValueError as error:
        raise WrongSettings(f"the settings for Temporal are wrong: {error}") from None


async def alive(client: Client) -> bool:
    """Whether the Temporal server answers within a second."""
    try:
        async with asyncio.timeout(1):
            return await client.service_client.check_health()
    except (RPCError, TimeoutError, RuntimeError):
        return False
