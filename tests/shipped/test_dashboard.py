"""The dashboard: every expression parses, names what there is, and all that there is of ours is on it."""

import json
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest
import yaml  # type: ignore[import-untyped]  # its stubs are no dependency of ours

from instar.connection.telemetry.state import ABOUT
from tests.support.promql import known, names_in, promtool

ROOT = Path(__file__).parents[2]
DASHBOARD: dict[str, Any] = json.loads((ROOT / "deploy" / "grafana" / "instar.json").read_text(encoding="utf-8"))
PANELS: list[dict[str, Any]] = DASHBOARD["panels"]
SHOWN = [panel for panel in PANELS if panel["type"] != "row"]
EXPRESSIONS = [target["expr"] for panel in SHOWN for target in panel["targets"]]

COLUMNS = 24
"""Of Grafana's grid."""


def test_every_expression_is_one_of_prometheus(tmp_path: Path) -> None:
    rules = [
        {"record": f"panel:{number}", "expr": expression.replace("$__rate_interval", "5m")}
        for number, expression in enumerate(EXPRESSIONS)
    ]
    file = tmp_path / "rules.yml"
    file.write_text(yaml.safe_dump({"groups": [{"name": "dashboard", "rules": rules}]}))
    assert f"SUCCESS: {len(EXPRESSIONS)} rules found" in promtool("check", "rules", file)


def test_an_expression_that_is_none_would_be_found(tmp_path: Path) -> None:
    file = tmp_path / "rules.yml"
    file.write_text(
        yaml.safe_dump({"groups": [{"name": "x", "rules": [{"record": "x", "expr": "max by (instar_holds"}]}]})
    )
    with pytest.raises(AssertionError, match="parse"):
        promtool("check", "rules", file)


@pytest.mark.parametrize("expression", EXPRESSIONS)
def test_every_expression_names_metrics_that_there_are(expression: str) -> None:
    found = names_in(expression)
    assert found
    assert found <= known()


def test_every_metric_of_ours_is_on_it() -> None:
    shown = {name for expression in EXPRESSIONS for name in names_in(expression)}
    ours = {name for name in known() if name.startswith("instar_") and not name.endswith(("_sum", "_count"))}
    assert ours - shown == set()


def test_the_state_which_every_process_shows_is_never_summed_over_processes() -> None:
    for expression in EXPRESSIONS:
        for name in names_in(expression) & set(ABOUT):
            before = expression.partition(name)[0]
            assert "max" in before or "min" in before, expression


def test_every_panel_has_a_place_of_its_own_and_says_what_it_shows() -> None:
    assert len({panel["id"] for panel in PANELS}) == len(PANELS)
    for panel in SHOWN:
        assert panel["title"]
        assert panel["description"].endswith(".")
        assert panel["datasource"]["uid"] == "${datasource}"
        assert panel["gridPos"]["x"] + panel["gridPos"]["w"] <= COLUMNS
    for one, other in combinations(PANELS, 2):
        assert not _overlap(one["gridPos"], other["gridPos"]), (one["title"], other["title"])


def test_it_names_the_variable_by_which_its_prometheus_is_chosen() -> None:
    [variable] = DASHBOARD["templating"]["list"]
    assert (variable["name"], variable["type"], variable["query"]) == ("datasource", "datasource", "prometheus")
    assert (DASHBOARD["uid"], DASHBOARD["title"]) == ("instar", "Instar")


def _overlap(one: dict[str, int], other: dict[str, int]) -> bool:
    return (
        one["x"] < other["x"] + other["w"]
        and other["x"] < one["x"] + one["w"]
        and one["y"] < other["y"] + other["h"]
        and other["y"] < one["y"] + one["h"]
    )
