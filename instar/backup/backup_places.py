"""What a backup holds, and where each file of it lies in use.

Machines are no part of it: their disks are on the hypervisor, and the simulated fleet is the machines. Neither are
logs, locks, and transfers that were broken off.
"""

import os
from pathlib import Path

from instar.connection.settings import Settings
from instar.errors import Trouble
from instar.store.database.engines import parsed_url
from instar.store.errors import Unusable

STORE = "store.sqlite"
DUMP = "store.pgdump"
TEMPORAL = "temporal.db"
SEAL_KEYS = "seal.keys"
KEYS = (SEAL_KEYS, "signing.key", "owner.json")
TLS = "tls"

SIDES = ("-wal", "-shm", "-journal")
"""What SQLite keeps beside a database: it belongs to that file alone."""


def store_file(settings: Settings) -> Path | None:
    """The store's SQLite file; None where it is in PostgreSQL. Raises Trouble for a URL that cannot be read."""
    try:
        url = parsed_url(settings.store_url)
    except Unusable as error:
        raise Trouble(str(error)) from None
    return Path(str(url.database)).absolute() if url.get_backend_name() == "sqlite" else None


def place_of(name: str, settings: Settings) -> Path | None:
    """Where a file of a backup belongs; None for a name that no backup has, and for a dump, which is no file in use."""
    if name == STORE:
        return store_file(settings)
    if name == TEMPORAL:
        return settings.data_dir / TEMPORAL
    if name == SEAL_KEYS:
        return settings.keys
    if name in KEYS or is_tls(name):
        return settings.data_dir / name
    return None


def is_tls(name: str) -> bool:
    """Whether that is a file right in the folder of certificates."""
    folder, _, file = name.partition("/")
    return folder == TLS and bool(file) and not file.startswith(".") and "/" not in file and "\0" not in file


def key_files(settings: Settings) -> dict[str, bytes]:
    """Every file of keys and certificates that there is, with its content. Raises OSError."""
    names = [*KEYS]
    folder = settings.data_dir / TLS
    if folder.is_dir():
        names += sorted(
            f"{TLS}/{one.name}" for one in folder.iterdir() if one.is_file() and is_tls(f"{TLS}/{one.name}")
        )
    places = {name: place_of(name, settings) for name in names}
    return {name: path.read_bytes() for name, path in places.items() if path is not None and path.is_file()}


def synced(folder: Path) -> None:
    """What was named and renamed in a folder stays so after a power failure."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
