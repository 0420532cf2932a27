"""`instar audit` from a store: which set, what was done and which upgrade it began, within 80 columns; all as JSON."""

import json
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from typer.testing import CliRunner

from instar.cli.app import app
from instar.connection.settings import Settings
from instar.store.audit import Entry
from instar.store.database.sealing import Sealer
from instar.store.store import Store
from tests.store.samples import NOW, identity, upgrade

runner = CliRunner()
NAME = "web-of-a-team-that-likes-long-names-" + "x" * 28
ENTRY = Entry(
    NOW - timedelta(seconds=1),
    "ac810aff-e489-47b1-92ce-e7f6b14d153c",
    "owner of the data directory",
    "Microsoft.Compute/virtualMachineScaleSets/instar/action",
    f"{identity(NAME).resource_id}/instar/upgrade",
    202,
    "op-7",
    reason="because " * 100,
)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    settings = Settings(data_dir=tmp_path)
    with closing(Store.open(settings.store_url, Sealer.from_file(settings.keys))) as store:
        store.upgrades.write(upgrade(7))
        store.audit.add(ENTRY)
        store.audit.add(replace(ENTRY, status=403, request_id="", reason=""))
    return tmp_path


@pytest.mark.parametrize("columns", [80, 200])
def test_the_set_and_what_was_done_are_there_on_any_screen(data: Path, columns: int) -> None:
    done = runner.invoke(app, ["audit", "--data-dir", str(data)], env={"COLUMNS": str(columns)})
    assert done.exit_code == 0
    lines = done.output.splitlines()
    assert all(len(line) <= columns for line in lines)
    begin, end = lines[0].index("ON WHAT"), lines[0].index("WHAT WAS DONE")
    names = "".join(line[begin:end].strip() for line in lines)
    assert names.count(NAME) == 2
    assert "refused 403" in done.output
    assert "upgrade #7" in done.output
    assert 0 < done.output.count("because") < 25


def test_programs_get_everything(data: Path) -> None:
    done = runner.invoke(app, ["audit", "--data-dir", str(data), "--output", "json"])
    refused, accepted = json.loads(done.output)
    assert accepted["why"] == "because " * 100
    assert accepted["resource"].endswith(f"{NAME}/instar/upgrade")
    assert (accepted["operation"], accepted["principal"]) == ("op-7", ENTRY.principal)
    assert refused["status"] == "403"


def test_nothing_is_said_to_be_nothing(data: Path) -> None:
    done = runner.invoke(app, ["audit", "--data-dir", str(data), "--resource", "zzz\x1b"])
    assert (done.exit_code, done.output) == (0, "nothing is written down of a path that holds 'zzz\\x1b'\n")
