"""`instar keys …`: the ring that seals secrets in the store and everything in Temporal."""

import asyncio
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import datetime

from temporalio.service import RPCError

from instar.connection.client import WrongSettings, connect
from instar.connection.sealed_histories import Found, Uses, keys_in_use
from instar.connection.settings import Settings
from instar.errors import Trouble
from instar.store.database.key_file import Key, KeyFile, KeyRing
from instar.store.database.sealing import Sealer
from instar.store.errors import StoreError
from instar.store.store import Store


@dataclass(frozen=True)
class Pruned:
    """What was dropped, and why each of the other old keys was not."""

    dropped: tuple[str, ...]
    needed: dict[str, str]
    workflows: int
    """How many were looked at."""


def ring(settings: Settings) -> KeyRing:
    """The keys as they are. Raises Trouble."""
    with _told():
        return _file(settings).ring()


def rotate(settings: Settings, now: datetime) -> tuple[Key, int]:
    """A new key that seals from now on, and how many secrets of the store were sealed with it. Raises Trouble."""
    with _told():
        keys = _file(settings)
        # Opened first: with a database that is away, nothing is begun.
        with _store(settings, keys) as store:
            made = keys.add_first(now)
            return made, store.reseal()


def reseal(settings: Settings) -> int:
    """Seal the store's secrets with the key that seals now; how many. Raises Trouble."""
    with _told(), _store(settings, _file(settings)) as store:
        return store.reseal()


def prune(settings: Settings) -> Pruned:
    """Drop every key that does not seal and that nothing in the store or in Temporal needs. Raises Trouble."""
    with _told():
        keys = _file(settings)
        now = keys.ring()
        old = [key.fingerprint for key in now.keys[1:]]
        if not old:
            return Pruned((), {}, 0)
        in_temporal = asyncio.run(_in_temporal(settings))
        with _store(settings, keys) as store:
            needed = {name: why for name in old if (why := _why(name, now, store, in_temporal))}
            dropped = tuple(name for name in old if name not in needed)
            if dropped:
                keys.drop(frozenset(dropped))
                store.members.drop_keys(dropped)
        return Pruned(dropped, needed, in_temporal.workflows)


def _why(name: str, now: KeyRing, store: Store, in_temporal: Found) -> str:
    """Who needs a key; "" if nobody does."""
    others = now.without(frozenset({name}))
    reasons = []
    if secrets := store.unopened(Sealer(lambda: others)):
        reasons.append(f"{secrets} secrets in the store are sealed with it: `instar keys reseal`")
    if uses := in_temporal.uses.get(name):
        reasons.append(_in_words(uses))
    return "; ".join(reasons)


def _in_words(uses: Uses) -> str:
    parts = []
    if uses.running:
        parts.append(f"{uses.running} workflows that run (one is {uses.example})")
    if uses.ended:
        parts.append(f"{uses.ended} that have ended and are still kept")
    return f"in Temporal {' and '.join(parts)} need it"


async def _in_temporal(settings: Settings) -> Found:
    """Raises Trouble."""
    try:
        return await keys_in_use(await connect([], data_dir=settings.data_dir))
    except WrongSettings as error:
        raise Trouble(f"nothing was dropped: {error}") from None
    except (RuntimeError, RPCError) as error:
        raise Trouble(
            "nothing was dropped: Temporal cannot be asked what it still needs. Start it, and set TEMPORAL_ADDRESS "
            f"(and whatever else workers have) to where it is: {str(error).splitlines()[0]}"
        ) from None


def _file(settings: Settings) -> KeyFile:
    """Raises Trouble where there is none: it is made by what seals, not by what looks."""
    if not settings.keys.exists():
        raise Trouble(
            f"there is no key file {settings.keys}: --data-dir or INSTAR_SEAL_KEY_FILE name another; the first start "
            "of a worker, of the API or of `instar up` makes one"
        )
    return KeyFile(settings.keys)


@contextmanager
def _store(settings: Settings, keys: KeyFile) -> Iterator[Store]:
    with closing(Store.open(settings.store_url, Sealer(keys.ring))) as store:
        yield store


@contextmanager
def _told() -> Iterator[None]:
    try:
        yield
    except (StoreError, OSError) as error:
        raise Trouble(str(error)) from None
