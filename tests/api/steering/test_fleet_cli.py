"""`instar limits …` and `instar rings …` against the application itself (docs/rules.md W4, W5)."""

import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from api.access.own_issuer import TENANT
from instar.cli import found
from instar.cli.app import app
from instar.client.api_client import ApiClient
from instar.client.api_token import FILE, Login
from instar.domain.access import Grant, Role
from tests.api.conftest import SCALE_SET, SUBSCRIPTION, Api
from tests.api.steering.test_limits import two_upgrades
from tests.api.steering.test_rings import DB, WISH, seen_by_its_keeper
from tests.api.webhooks.test_webhooks_cli import Bridge

Run = Callable[..., Any]


@pytest.fixture
async def run(api: Api, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    client, secret = api.store.credentials.create("me", Grant(Role.OWNER, "/"), api.clock())
    login = Login("http://api.test:8000", TENANT, client.client_id, secret, SUBSCRIPTION)
    (tmp_path / FILE).write_text(login.text())
    bridge = Bridge(api, asyncio.get_running_loop())
    monkeypatch.setattr(found, "ApiClient", lambda login: ApiClient(login, bridge))

    async def ran(*words: str, given: str | None = None) -> Any:
        return await asyncio.to_thread(CliRunner().invoke, app, [*words, "--data-dir", str(tmp_path)], given)

    return ran


async def test_w4_a_limit_is_set_listed_shown_changed_and_deleted(api: Api, run: Run) -> None:
    assert (await run("limits", "list")).output == "nothing is limited\n"
    made = await run("limits", "set", "all", "--upgrades-at-once", "1", "--reason", "slowly")
    assert made.output == "all is made\nall on /: upgrades 0 of 1, machines out 0 of any number\n"
    await two_upgrades(api)
    shown = " ".join((await run("limits", "show", "all")).output.split())
    assert "upgrades 1 of 1, machines out 5 of any number" in shown
    assert "waits for its turn: 1 of 1 upgrades run (limit 'all')" in shown
    assert " web " in shown
    listed = json.loads((await run("limits", "list", "--output", "json")).output)
    assert [one["name"] for one in listed] == ["all"]
    changed = await run("limits", "set", "all", "--machines-out-at-once", "9", "--output", "json")
    assert "upgradesAtOnce" not in json.loads(changed.output)["properties"], "replaced as a whole"
    assert (await run("limits", "delete", "all")).output == "all is deleted\n"
    assert (await run("limits", "delete", "all")).output == "there is no limit all\n"


async def test_w4_nonsense_is_told_and_nothing_is_limited(api: Api, run: Run) -> None:
    for words in (
        ("limits", "set", "all"),
        ("limits", "set", "all", "--upgrades-at-once", "0"),
        ("limits", "set", "all", "--upgrades-at-once", "1", "--scope", "web"),
        ("limits", "show", "none"),
    ):
        result = await run(*words)
        assert result.exit_code != 0, words
        assert "Traceback" not in result.output
    assert api.store.turns.limits.all() == []


async def test_w5_rings_are_set_listed_shown_given_back_and_deleted(api: Api, run: Run, tmp_path: Path) -> None:
    assert (await run("rings", "list")).output == "there are no rings\n"
    made = await run("rings", "set", "fleet", given=json.dumps(WISH["rings"]))
    assert made.output == "fleet is made: 2 rings\n"
    assert (await run("rings", "show", "fleet")).output == "no version was looked at yet: look again in a minute\n"
    await api.create()
    await api.create(DB)
    seen_by_its_keeper(api)
    shown = (await run("rings", "show", "fleet")).output
    assert "waits for ring 1 of 'fleet': 1 of 1 sets have completed, 1 bakes until 2026-03-01 14:00Z" in shown
    assert "bakes" in shown
    assert "1 bakes until" in (await run("rings", "list")).output
    printed = await run("rings", "show", "fleet", "--output", "json")
    (tmp_path / "rings.json").write_text(printed.output)
    again = await run("rings", "set", "more", "--file", str(tmp_path / "rings.json"), "--output", "json")
    assert json.loads(again.output)["properties"]["rings"] == WISH["rings"]
    assert (await run("rings", "delete", "fleet")).output == "fleet is deleted\n"
    assert (await run("rings", "delete", "fleet")).output == "there are no rings fleet\n"


@pytest.mark.parametrize("given", ["", "{", "7", "[]", '{"rings": 7}', json.dumps([{"sets": [SCALE_SET], "bake": 1}])])
async def test_w5_nonsense_is_told_and_nothing_is_stored(api: Api, run: Run, given: str) -> None:
    result = await run("rings", "set", "fleet", given=given)
    assert result.exit_code != 0
    assert result.output.startswith("instar: ")
    assert api.store.rings.documents.all() == []


async def test_w5_a_file_that_is_not_there_is_told(run: Run, tmp_path: Path) -> None:
    result = await run("rings", "set", "fleet", "--file", str(tmp_path / "none"))
    assert result.exit_code != 0
    assert "cannot be read" in result.output
