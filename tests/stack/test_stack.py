import json
from itertools import pairwise
from pathlib import Path

import pytest

from instar.demo.demo import DELAYS, demo_env
from instar.domain.sets.names import Attribute
from instar.stack.guard.server import InnerPorts, server_command
from instar.stack.stack import Ports, temporals_page

PORTS = InnerPorts(temporal=2, ui=3, http=4, metrics=5)


def test_the_server_listens_on_the_loopback_only_and_keeps_its_data() -> None:
    command = server_command("temporal", Path("/somewhere"), PORTS)
    for option in ("--ip", "--ui-ip"):
        assert command[command.index(option) + 1] == "127.0.0.1"
    assert command[command.index("--db-filename") + 1] == "/somewhere/temporal.db"


def test_what_the_server_has_told_outlives_a_power_cut() -> None:
    pragmas = [
        after for word, after in pairwise(server_command("temporal", Path("/x"), PORTS)) if word == "--sqlite-pragma"
    ]
    assert pragmas == ["journal_mode=wal"], "`synchronous` is FULL where nothing is said of it"


def test_the_server_is_told_every_search_attribute() -> None:
    command = server_command("temporal", Path("/somewhere"), PORTS)
    assert [f"{name}=Keyword" for name in Attribute] == [
        after for word, after in pairwise(command) if word == "--search-attribute"
    ]


def test_free_ports_of_a_stack_all_differ() -> None:
    chosen = Ports.chosen(0, 0, 0)
    inner = chosen.inner
    assert len({chosen.api, chosen.temporal, chosen.ui, inner.temporal, inner.ui, inner.http, inner.metrics}) == 7


def test_t6_the_demo_shortens_delays_by_settings_and_takes_none_of_the_persons_own(
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    monkeypatch.setenv("INSTAR_DATABASE_URL", "postgresql://precious")
    monkeypatch.setenv("HOME", "/home/person")
    env = demo_env(tmp_path)
    assert "INSTAR_DATABASE_URL" not in env
    assert env["HOME"] == "/home/person"
    assert env["INSTAR_DELAYS__FIRST_TRIGGER"] == "PT5S"
    assert {name for name in env if name.startswith("INSTAR_DELAYS__")} == {
        f"INSTAR_DELAYS__{name.upper()}" for name in DELAYS.model_fields_set
    }


def test_the_page_links_to_temporals_page_unless_the_environment_says_where_that_is(tmp_path: Path) -> None:
    url = "http://instar-0123456789ab.localhost:8233"
    (tmp_path / "page.json").write_text(json.dumps({"key": "00", "url": url}))
    assert temporals_page({"PATH": "/bin"}, tmp_path) == {"INSTAR_HOOKS__TEMPORAL_PAGE": url}
    assert temporals_page({"INSTAR_HOOKS__TEMPORAL_PAGE": "https://temporal.example.com"}, tmp_path) == {}
    assert temporals_page({"INSTAR_HOOKS": "{}"}, tmp_path) == {}
