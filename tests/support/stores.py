"""Stores for tests that want one, and not to see how it is made: migrating one takes longer than most tests."""

from contextlib import closing
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

from instar.store.database.sealing import Sealer
from instar.store.store import Store


def open_store(path: Path, sealer: Sealer) -> Store:
    """The store in that SQLite file; one that is not there yet is a copy of an empty one of the newest schema."""
    if not path.exists():
        path.write_bytes(_empty())
    return Store.open(f"sqlite:///{path}", sealer)


@cache
def _empty() -> bytes:
    with TemporaryDirectory() as folder:
        path = Path(folder) / "store.sqlite"
        with closing(Store.open(f"sqlite:///{path}", Sealer.from_file(Path(folder) / "keys"))):
            pass
        return path.read_bytes()
