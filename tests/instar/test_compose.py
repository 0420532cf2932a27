# ruff: noqa: S603  # programs of our own
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml  # type: ignore[import-untyped]  # its stubs are no dependency of ours

from domain.names import NAMESPACE, Attribute

ROOT = Path(__file__).parents[2]
COMPOSE = ROOT / "docker-compose.yml"


def compose() -> dict[str, Any]:
    document: dict[str, Any] = yaml.safe_load(COMPOSE.read_text())
    return document


def schema_check(file: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.compose-spec", str(file)],
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_file_obeys_the_compose_schema(tmp_path: Path) -> None:
    checked = schema_check(COMPOSE)
    assert checked.returncode == 0, checked.stdout
    wrong = tmp_path / "docker-compose.yml"
    wrong.write_text(COMPOSE.read_text().replace("retries: 30", "retires: 30"))
    assert schema_check(wrong).returncode != 0


def test_ports_are_published_on_the_loopback_only() -> None:
    published = [port for service in compose()["services"].values() for port in service.get("ports", ())]
    assert len(published) == 3
    assert all(str(port).startswith("127.0.0.1:") for port in published)
    assert not any(service.get("network_mode") for service in compose()["services"].values())


def test_the_worker_can_be_scaled() -> None:
    worker = compose()["services"]["worker"]
    assert "container_name" not in worker
    assert "ports" not in worker


def test_whatever_runs_on_has_a_health_check() -> None:
    services = compose()["services"]
    jobs = {"temporal-schema", "temporal-namespace", "certificates"}
    assert {name for name, service in services.items() if "healthcheck" not in service} == jobs
    assert all(services[name]["restart"].startswith("on-failure") for name in jobs)


def test_images_are_pinned_and_not_the_deprecated_one() -> None:
    images = {service["image"] for service in compose()["services"].values()}
    assert all(":" in image and not image.endswith(":latest") for image in images)
    assert not any("auto-setup" in image for image in images)


def test_api_and_workers_share_keys_fleet_and_store() -> None:
    api, worker = (compose()["services"][name] for name in ("api", "worker"))
    assert api["volumes"] == worker["volumes"] == ["instar-data:/data"]
    differing = {"INSTAR_TLS__CERTIFICATE", "INSTAR_TLS__KEY"}
    assert {key: api["environment"][key] for key in api["environment"].keys() - differing} == worker["environment"]


def test_the_api_serves_https_with_certificates_that_are_made_before() -> None:
    services = compose()["services"]
    api, made = services["api"], services["certificates"]
    folder = made["command"][made["command"].index("certificates") + 1]
    assert api["environment"]["INSTAR_TLS__CERTIFICATE"] == f"{folder}/server.crt"
    assert api["environment"]["INSTAR_TLS__KEY"] == f"{folder}/server.key"
    assert api["depends_on"]["certificates"]["condition"] == "service_completed_successfully"
    assert made["volumes"] == api["volumes"]


def test_every_search_attribute_is_registered() -> None:
    script = (ROOT / "deploy" / "temporal-namespace.sh").read_text()
    for name in Attribute:
        assert f"--name {name}" in script
    assert compose()["services"]["temporal-namespace"]["environment"]["TEMPORAL_NAMESPACE"] == NAMESPACE


@pytest.mark.parametrize("script", sorted((ROOT / "deploy").glob("*.sh")), ids=lambda path: path.name)
def test_scripts_are_shell(script: Path) -> None:
    assert subprocess.run(["/bin/sh", "-n", str(script)], check=False).returncode == 0
