"""Waiting for what a process needs: none ends by itself because another is not there yet (docs/rules.md F9)."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

from temporalio.client import Client, Plugin

from instar.connection.client import connect
from instar.connection.computes import Closable, open_compute
from instar.connection.presence import BeingRestored, Presence, enter
from instar.connection.readiness import Readiness
from instar.connection.settings import Settings
from instar.hosts.marks import UsedElsewhere, take
from instar.store.database.engines import file_of
from instar.store.database.sealing import Sealer
from instar.store.errors import Unavailable, Unusable
from instar.store.store import Store

_log = logging.getLogger(__name__)

FIRST_PAUSE_SECONDS = 0.2
LONGEST_PAUSE_SECONDS = 5.0
"""Between two tries: what has come back is noticed within that."""

GROWTH = 1.5

There = TypeVar("There")


async def until_there(
    what: str,
    get: Callable[[], Awaitable[There]],
    away: type[Exception] | tuple[type[Exception], ...],
    readiness: Readiness,
) -> There:
    """What `get` gives, tried again and again while it raises `away`; logged at both ends, and told meanwhile."""
    readiness.waits_for = what
    pause, waited = FIRST_PAUSE_SECONDS, 0.0
    while True:
        try:
            there = await get()
        except away as error:
            if not waited:
                _log.warning("waits for %s: %s", what, error)
            await asyncio.sleep(pause)
            waited += pause
            pause = min(pause * GROWTH, LONGEST_PAUSE_SECONDS)
            continue
        if waited:
            _log.warning("%s is there after %.0f s", what, waited)
        return there


async def enter_data_dir(settings: Settings, readiness: Readiness) -> Presence:
    """A share in the data directory, once no restore of it is under way or was broken off."""

    async def get() -> Presence:
        return enter(settings.data_dir)

    return await until_there("the data directory", get, BeingRestored, readiness)


async def open_fleet(settings: Settings, readiness: Readiness) -> Closable:
    """The compute, once no other host uses its file. Raises CannotCompute for what no waiting mends."""

    async def get() -> Closable:
        return await asyncio.to_thread(open_compute, settings)

    return await until_there("the simulated fleet's file", get, UsedElsewhere, readiness)


async def open_store(settings: Settings, readiness: Readiness) -> Store:
    """The store, once its database answers and, of a file, no other host uses it.

    Raises Unusable and SealingError for what no waiting mends.
    """

    def opened() -> Store:
        if file := file_of(settings.store_url):
            try:
                take(file, settings.host)
            except UsedElsewhere as error:
                raise Unavailable(str(error)) from None
            except OSError as error:
                raise Unusable(f"the folder of the database {file} cannot be written: {error.strerror}") from None
        store = Store.open(settings.store_url, Sealer.from_file(settings.keys))
        try:
            if sealed := store.seal_clear_secrets():
                _log.warning("sealed %s secrets that an earlier release kept in the clear", sealed)
        except BaseException:
            store.close()
            raise
        return store

    async def get() -> Store:
        return await asyncio.to_thread(opened)

    return await until_there("the database", get, Unavailable, readiness)


async def connect_to_temporal(plugins: Sequence[Plugin], readiness: Readiness) -> Client:
    """A client, once the Temporal server answers."""
    return await until_there("Temporal", lambda: connect(plugins), RuntimeError, readiness)
