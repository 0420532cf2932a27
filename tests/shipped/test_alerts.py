"""The alert rules: they parse, do what their tests say, name what there is, and each says what to do."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml  # type: ignore[import-untyped]  # its stubs are no dependency of ours

from tests.support.promql import known, names_in, promtool

ROOT = Path(__file__).parents[2]
RULES = ROOT / "deploy" / "prometheus" / "instar.rules.yml"
TESTS = RULES.with_suffix(".test.yml")
PAGE = (ROOT / "docs" / "monitoring.md").read_text(encoding="utf-8")

ALERTS: dict[str, dict[str, Any]] = {
    rule["alert"]: rule for group in yaml.safe_load(RULES.read_text())["groups"] for rule in group["rules"]
}
TESTED: list[dict[str, Any]] = [
    one for test in yaml.safe_load(TESTS.read_text())["tests"] for one in test["alert_rule_test"]
]


def test_the_rules_are_what_prometheus_takes() -> None:
    assert f"SUCCESS: {len(ALERTS)} rules found" in promtool("check", "rules", RULES)


def test_the_prometheus_of_compose_finds_both_by_the_names_of_their_jobs() -> None:
    configuration = RULES.with_name("prometheus.yml")
    promtool("check", "config", configuration)
    jobs = {
        one["job_name"]: one["dns_sd_configs"][0] for one in yaml.safe_load(configuration.read_text())["scrape_configs"]
    }
    services = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]
    shown = {
        "instar-worker": services["worker"]["environment"]["INSTAR_METRICS__WORKER"],
        "instar-api": services["api"]["environment"]["INSTAR_METRICS__API"],
    }
    assert {job: f"0.0.0.0:{found['port']}" for job, found in jobs.items()} == shown
    assert {job: found["names"] for job, found in jobs.items()} == {"instar-worker": ["worker"], "instar-api": ["api"]}
    named = {word for rule in ALERTS.values() for word in re.findall(r'job="([^"]+)"', rule["expr"])}
    assert named == set(jobs)


def test_the_rules_do_what_their_tests_say() -> None:
    assert "SUCCESS" in promtool("test", "rules", TESTS)


@pytest.mark.parametrize("name", ALERTS)
def test_each_alert_is_seen_to_come_and_to_be_silent_or_nothing_is_scraped(name: str) -> None:
    said = [bool(one.get("exp_alerts")) for one in TESTED if one["alertname"] == name]
    assert True in said
    assert False in said


@pytest.mark.parametrize("name", ALERTS)
def test_each_alert_names_metrics_that_there_are(name: str) -> None:
    found = names_in(ALERTS[name]["expr"])
    assert found
    assert found <= known()


@pytest.mark.parametrize("name", ALERTS)
def test_each_alert_says_what_to_do_with_a_command(name: str) -> None:
    assert ALERTS[name]["annotations"]["runbook"] == f"docs/monitoring.md#{name.lower()}"
    assert ALERTS[name]["labels"]["severity"] in ("critical", "warning")
    section = re.search(rf"^### {name}\n(.*?)(?=^##|\Z)", PAGE, re.MULTILINE | re.DOTALL)
    assert section, f"docs/monitoring.md has no heading {name}"
    assert re.search(r"^(instar|systemctl|curl|docker|temporal|journalctl) ", section[1], re.MULTILINE), "no command"


def test_no_alert_is_in_the_docs_that_is_none() -> None:
    assert set(re.findall(r"^### (Instar\w+)$", PAGE, re.MULTILINE)) == set(ALERTS)
