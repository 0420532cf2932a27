"""A fleet's file that an older Instar made, or nobody did."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from instar.compute.simulated.file.schema import LAYOUT, TABLES, UnfitFile
from instar.compute.simulated.fleet import SimulatedFleet
from instar.compute.simulated.pace import NoPace
from tests.compute.scene import NEW, NEXT_MODEL, OLD, SET, Scene, swap

NEWER_COLUMNS = (
    "  disk_refused TEXT NOT NULL DEFAULT '',\n",
    "  provisioning TEXT NOT NULL DEFAULT '',\n",
    "  extensions TEXT NOT NULL DEFAULT '[]',\n",
    "  extensions_took INTEGER NOT NULL DEFAULT 0,\n",
    "  custom_data_runs INTEGER NOT NULL DEFAULT 0,\n",
    "  extension_runs INTEGER NOT NULL DEFAULT 0,\n",
)


def older_tables() -> str:
    """The tables as they were before extensions ran."""
    tables = TABLES.replace(",\n  ('extensions', '[]'), ('expired', '{}')", "")
    start = tables.index("CREATE TABLE IF NOT EXISTS models")
    tables = tables[:start] + tables[tables.index("CREATE TABLE IF NOT EXISTS os_disks") :]
    for column in NEWER_COLUMNS:
        assert column in tables
        tables = tables.replace(column, "")
    return tables


def version(path: Path) -> int:
    with closing(sqlite3.connect(path)) as connection:
        return int(connection.execute("PRAGMA user_version").fetchone()[0])


async def test_a_file_of_an_older_instar_gets_what_it_lacks_and_its_machines_go_on(tmp_path: Path) -> None:
    path = tmp_path / "fleet.sqlite"
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(older_tables())
        connection.execute(
            "INSERT INTO images VALUES (1, ?, ?, ?, ?, '')", (OLD.publisher, OLD.offer, OLD.sku, OLD.version)
        )
        connection.execute(
            "INSERT INTO machines (unique_id, instance_id, set_name, vm_id, os_disk, generation, created_at, "
            "booted_at, custom_data_digest, settle) VALUES ('u-1', 0, 'web', 'vm', 'web_0_os_0', 1, 0, 0, '', 0)"
        )
        connection.execute(
            "INSERT INTO os_disks (unique_id, instance_id, name, image, made_by, generation, custom_data_digest) "
            "VALUES ('u-1', 0, 'web_0_os_0', 1, '', 1, '')"
        )
        connection.commit()
    with SimulatedFleet(path, pace=NoPace()) as fleet:
        [before] = await fleet.list_instances(SET)
        assert (before.provisioned, before.extensions) == (True, ())
        await fleet.swap_os_disk(swap(), NEW, NEXT_MODEL)
        [after] = await fleet.list_instances(SET)
        assert [one.name for one in after.extensions] == ["setup", "app"]
    assert version(path) == LAYOUT
    with SimulatedFleet(path, pace=NoPace()) as fleet:
        assert await fleet.list_instances(SET) == (after,)


def test_a_file_that_cannot_be_brought_up_to_date_is_refused_and_left_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "fleet.sqlite"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE machines (other TEXT)")
        connection.execute("INSERT INTO machines VALUES ('here')")
        connection.commit()
    with pytest.raises(UnfitFile, match="no fleet's file that this Instar can use"):
        SimulatedFleet(path)
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("SELECT * FROM machines").fetchall() == [("here",)]
        assert connection.execute("SELECT name FROM sqlite_master").fetchall() == [("machines",)]
    assert version(path) == 0


def test_a_new_file_says_which_layout_it_has(scene: Scene) -> None:
    assert version(scene.path) == LAYOUT
