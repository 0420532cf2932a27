"""The tables of the fleet's file, and how it is opened.

Moments and durations are microseconds (`moments`). A deleted machine keeps its row, so that its id is never used again.
An OS disk is in use (some machine's `os_disk` names it), kept (`replaced_by` names the operation that put it aside), or
half-made (neither: a swap made it and has not committed). `machines.disk_refused` names the operation for which no disk
could be made, `fence_keys` what was drawn for the operations that had the number `fence_operation`, the newest last and
spaces between. `models` holds of each model what its machines run, secrets as digests only (`provisioning`).

A file from an older Instar gets the tables and columns that it lacks when it is opened: a new column needs a default.
"""

import fcntl
import sqlite3
import zlib
from contextlib import closing
from pathlib import Path

BUSY_TIMEOUT_SECONDS = 10
"""Longer than any other process holds the write lock, by orders of magnitude: transactions take some 50 µs."""

TABLES = """
CREATE TABLE IF NOT EXISTS facts (name TEXT PRIMARY KEY, value) WITHOUT ROWID;
INSERT OR IGNORE INTO facts VALUES ('revision', 1), ('recorded', 0), ('away_until', 0), ('defaults', '{}'),
  ('extensions', '[]'), ('expired', '{}'), ('identity', lower(hex(randomblob(16))));

CREATE TABLE IF NOT EXISTS images (
  image INTEGER PRIMARY KEY,
  publisher TEXT NOT NULL, offer TEXT NOT NULL, sku TEXT NOT NULL, version TEXT NOT NULL, id TEXT NOT NULL,
  UNIQUE (publisher, offer, sku, version, id)
);
CREATE TABLE IF NOT EXISTS version_scripts (image_key TEXT PRIMARY KEY, script TEXT NOT NULL) WITHOUT ROWID;

CREATE TABLE IF NOT EXISTS machines (
  unique_id TEXT NOT NULL,
  instance_id INTEGER NOT NULL,
  set_name TEXT NOT NULL,
  vm_id TEXT NOT NULL,
  os_disk TEXT,
  generation INTEGER NOT NULL,
  power TEXT NOT NULL DEFAULT 'running',
  out_of_service INTEGER NOT NULL DEFAULT 0,
  protected INTEGER NOT NULL DEFAULT 0,
  zone TEXT NOT NULL DEFAULT '',
  update_domain INTEGER NOT NULL DEFAULT 0,
  protected_from_scale_in INTEGER NOT NULL DEFAULT 0,
  created_at INTEGER NOT NULL,
  booted_at INTEGER NOT NULL,
  deleted_at INTEGER,
  custom_data_digest TEXT NOT NULL,
  settle INTEGER NOT NULL,
  sick_from INTEGER,
  sick_until INTEGER,
  unreachable_until INTEGER NOT NULL DEFAULT 0,
  fence_operation INTEGER NOT NULL DEFAULT 0,
  fence_step INTEGER NOT NULL DEFAULT 0,
  fence_attempt INTEGER NOT NULL DEFAULT 0,
  fence_keys TEXT NOT NULL DEFAULT '',
  disk_refused TEXT NOT NULL DEFAULT '',
  provisioning TEXT NOT NULL DEFAULT '',
  extensions TEXT NOT NULL DEFAULT '[]',
  extensions_took INTEGER NOT NULL DEFAULT 0,
  acted_by TEXT NOT NULL DEFAULT '',
  PRIMARY KEY (unique_id, instance_id)
) WITHOUT ROWID;

CREATE TABLE IF NOT EXISTS models (
  unique_id TEXT NOT NULL,
  generation INTEGER NOT NULL,
  document TEXT NOT NULL,
  PRIMARY KEY (unique_id, generation)
) WITHOUT ROWID;

CREATE TABLE IF NOT EXISTS os_disks (
  unique_id TEXT NOT NULL,
  instance_id INTEGER NOT NULL,
  name TEXT NOT NULL,
  image INTEGER NOT NULL REFERENCES images,
  made_by TEXT NOT NULL,
  replaced_by TEXT,
  put_aside INTEGER NOT NULL DEFAULT 0,
  generation INTEGER NOT NULL,
  custom_data_digest TEXT NOT NULL,
  custom_data_runs INTEGER NOT NULL DEFAULT 0,
  extension_runs INTEGER NOT NULL DEFAULT 0,
  PRIMARY KEY (unique_id, instance_id, name)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS os_disks_kept ON os_disks (unique_id, replaced_by) WHERE replaced_by IS NOT NULL;

CREATE TABLE IF NOT EXISTS data_disks (
  unique_id TEXT NOT NULL,
  instance_id INTEGER NOT NULL,
  lun INTEGER NOT NULL,
  name TEXT NOT NULL,
  marker TEXT NOT NULL,
  PRIMARY KEY (unique_id, instance_id, lun)
) WITHOUT ROWID;

CREATE TABLE IF NOT EXISTS faults (
  fault INTEGER PRIMARY KEY AUTOINCREMENT,
  document TEXT NOT NULL,
  times_left INTEGER NOT NULL,
  hits INTEGER NOT NULL DEFAULT 0,
  released INTEGER NOT NULL DEFAULT 0
);

CREATE TABLE IF NOT EXISTS metrics (
  unique_id TEXT NOT NULL,
  instance_id INTEGER NOT NULL,
  phase INTEGER,
  skip INTEGER NOT NULL,
  PRIMARY KEY (unique_id, instance_id)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS sockets (
  unique_id TEXT NOT NULL,
  instance_id INTEGER NOT NULL,
  port INTEGER NOT NULL,
  PRIMARY KEY (unique_id, instance_id)
) WITHOUT ROWID;
"""


LAYOUT = zlib.crc32(TABLES.encode()) & 0x7FFFFFFF
"""Which tables a file has, as it says itself (`user_version`)."""


def open_database(path: Path) -> sqlite3.Connection:
    """Open the file, making it where it is missing. Transactions are begun and ended by hand.

    Raises UnfitFile for one that was laid out otherwise and cannot be brought up to date.
    """
    connection = sqlite3.connect(path, timeout=BUSY_TIMEOUT_SECONDS, isolation_level=None, check_same_thread=False)
    try:
        # One process at a time: SQLite does not wait for a lock when the log is switched, but gives up at once.
        with path.with_name(f"{path.name}.opening").open("w") as gate:
            fcntl.flock(gate, fcntl.LOCK_EX)
            # WAL: readers never wait. NORMAL: a killed process loses nothing, a power cut may lose the last moments.
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = NORMAL")
            if connection.execute("PRAGMA user_version").fetchone()[0] != LAYOUT:
                _bring_up_to_date(connection, path)
    except BaseException:
        connection.close()
        raise
    return connection


class UnfitFile(Exception):
    """The fleet's file is not one of this Instar, nor of an older one."""


def _bring_up_to_date(connection: sqlite3.Connection, path: Path) -> None:
    """Add the tables and columns that are missing, all or none."""
    with closing(sqlite3.connect(":memory:")) as model:
        model.executescript(TABLES)
        wanted = {name: _columns(model, name) for (name,) in model.execute(_TABLE_NAMES).fetchall()}
    missing = [
        f"ALTER TABLE {table} ADD COLUMN {name} {kind} {'NOT NULL' if required else ''} DEFAULT {default or 'NULL'};"
        for table, columns in wanted.items()
        if (had := _columns(connection, table))
        for name, (kind, required, default) in columns.items()
        if name not in had
    ]
    try:
        connection.executescript(
            f"BEGIN IMMEDIATE; {''.join(missing)} {TABLES} PRAGMA user_version = {LAYOUT}; COMMIT;"
        )
    except sqlite3.OperationalError as error:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise UnfitFile(f"{path} is no fleet's file that this Instar can use: {error}") from error


_TABLE_NAMES = "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%' ORDER BY name"


def _columns(connection: sqlite3.Connection, table: str) -> dict[str, tuple[str, bool, str | None]]:
    rows = connection.execute(f"PRAGMA table_info({table})").fetchall()
    return {name: (kind, bool(required), default) for _, name, kind, required, default, _ in rows}
