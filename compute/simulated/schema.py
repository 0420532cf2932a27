"""The tables of the fleet's file, and how it is opened.

Moments and durations are microseconds (`moments`). A deleted machine keeps its row, so that its id is never used again.
An OS disk is in use (some machine's `os_disk` names it), kept (`replaced_by` names the operation that put it aside), or
half-made (neither: a swap made it and has not committed).
"""

import fcntl
import sqlite3
from pathlib import Path

BUSY_TIMEOUT_SECONDS = 10
"""Longer than any other process holds the write lock, by orders of magnitude: transactions take some 50 µs."""

TABLES = """
CREATE TABLE IF NOT EXISTS facts (name TEXT PRIMARY KEY, value) WITHOUT ROWID;
INSERT OR IGNORE INTO facts VALUES ('revision', 1), ('recorded', 0), ('away_until', 0), ('defaults', '{}');

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
  acted_by TEXT NOT NULL DEFAULT '',
  PRIMARY KEY (unique_id, instance_id)
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
"""


def _use_write_ahead_log(path: Path, connection: sqlite3.Connection) -> None:
    """Switch the file to WAL, one process at a time: SQLite does not wait for a lock here but gives up at once."""
    with path.with_name(f"{path.name}.opening").open("w") as gate:
        fcntl.flock(gate, fcntl.LOCK_EX)
        connection.execute("PRAGMA journal_mode = WAL")


def open_database(path: Path) -> sqlite3.Connection:
    """Open the file, making it where it is missing. Transactions are begun and ended by hand."""
    connection = sqlite3.connect(path, timeout=BUSY_TIMEOUT_SECONDS, isolation_level=None, check_same_thread=False)
    # WAL: readers never wait. NORMAL: a killed process loses nothing; only a power cut may lose the last moments.
    _use_write_ahead_log(path, connection)
    connection.execute("PRAGMA synchronous = NORMAL")
    if not connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'faults'").fetchone():
        connection.executescript(f"BEGIN IMMEDIATE; {TABLES} COMMIT;")
    return connection
