# ruff: noqa: S603  # programs of our own
import json
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml  # type: ignore[import-untyped]  # its stubs are no dependency of ours
from cryptography import x509
from typer.testing import CliRunner

from instar.cli.app import app
from instar.compute.clock import utc_now
from instar.domain.sets.names import NAMESPACE, Attribute
from instar.serving.tls import TlsFiles, check_certificate
from instar.stack.guard import page_process

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
    publishing = {name for name, service in compose()["services"].items() if service.get("ports")}
    assert publishing == {"api", "page", "prometheus"}
    assert all(str(port).startswith("127.0.0.1:") for port in published)
    assert not any(service.get("network_mode") for service in compose()["services"].values())


def test_the_worker_can_be_scaled() -> None:
    worker = compose()["services"]["worker"]
    assert "container_name" not in worker
    assert "ports" not in worker


def test_whatever_runs_on_has_a_health_check() -> None:
    services = compose()["services"]
    jobs = {"postgresql-roles", "temporal-schema", "temporal-namespace"}
    assert {name for name, service in services.items() if "healthcheck" not in service} == jobs
    assert all(services[name]["restart"].startswith("on-failure") for name in jobs)


def test_images_are_pinned_and_not_the_deprecated_one() -> None:
    images = {service["image"] for service in compose()["services"].values()}
    assert all(":" in image and not image.endswith(":latest") for image in images)
    assert not any("auto-setup" in image for image in images)


def test_api_and_workers_share_keys_fleet_and_store() -> None:
    api, worker = (compose()["services"][name] for name in ("api", "worker"))
    assert api["volumes"] == worker["volumes"] == ["instar-data:/data"]
    differing = {"INSTAR_TLS__CERTIFICATE", "INSTAR_TLS__KEY", "INSTAR_METRICS__API"}
    of_worker = {"INSTAR_WORKER_PROBES", "INSTAR_METRICS__WORKER"}
    shared = {key: worker["environment"][key] for key in worker["environment"].keys() - of_worker}
    assert {key: api["environment"][key] for key in api["environment"].keys() - differing} == shared


def test_the_api_serves_https_with_certificates_that_are_made_before() -> None:
    services = compose()["services"]
    api, made = services["api"], services["certificates"]
    folder = made["command"][made["command"].index("certificates") + 1]
    assert api["environment"]["INSTAR_TLS__CERTIFICATE"] == f"{folder}/server.crt"
    assert api["environment"]["INSTAR_TLS__KEY"] == f"{folder}/server.key"
    assert api["depends_on"]["certificates"]["condition"] == "service_healthy"
    # It stays, and renews them.
    assert made["command"][-2:] == ["--every", "3600"]
    assert made["restart"] == "unless-stopped"
    assert made["volumes"] == api["volumes"]


def commands(text: str) -> list[list[str]]:
    """What a person is told to run in the API's container."""
    found = re.findall(r"docker compose exec api (instar [^`\n]+)", text)
    return [shlex.split(one)[1:] for one in found]


def test_what_a_person_is_told_to_run_in_the_container_makes_credentials_for_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    docs = " ".join((ROOT / "docs" / "operations.md").read_text().split())
    told = [*commands(COMPOSE.read_text()), *commands(docs)]
    assert len(told) == 3
    monkeypatch.setenv("INSTAR_DATA_DIR", str(tmp_path / "data"))  # /data, in the image
    (tmp_path / "data").mkdir()
    monkeypatch.chdir(tmp_path)
    for words in told:
        done = CliRunner().invoke(app, words)
        assert done.exit_code == 0, done.output
        if words[0] == "credentials":
            login = json.loads(done.output)
            assert (login["endpoint"], login["caFile"]) == ("https://localhost:8080", "ca.crt")
    assert not (tmp_path / ".data").exists()


def test_the_certificates_that_the_job_makes_are_those_that_the_api_can_serve_with(tmp_path: Path) -> None:
    services = compose()["services"]
    job = [word.replace("/data", str(tmp_path)) for word in services["certificates"]["command"]][:-2]
    healthy = [word.replace("/data", str(tmp_path)) for word in services["certificates"]["healthcheck"]["test"][1:]]
    healthy[0] = sys.executable
    assert subprocess.run(healthy, check=False, capture_output=True).returncode != 0
    assert job[0] == "instar"
    assert CliRunner().invoke(app, job[1:]).exit_code == 0
    assert subprocess.run(healthy, check=False).returncode == 0
    api = services["api"]["environment"]
    files = [Path(api[f"INSTAR_TLS__{name}"].replace("/data", str(tmp_path))) for name in ("CERTIFICATE", "KEY")]
    check_certificate(TlsFiles(certificate=files[0], key=files[1]), utc_now())
    found = x509.load_pem_x509_certificate(files[0].read_bytes())
    names = found.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert {"localhost", "api"} <= set(names.get_values_for_type(x509.DNSName))
    probe = " ".join(services["api"]["healthcheck"]["test"])
    assert "https://localhost:8080/readyz" in probe
    assert (tmp_path / probe.split('cafile="/data/')[1].split('"')[0]).exists()


def test_f9_a_worker_is_healthy_once_it_says_that_it_is_ready() -> None:
    worker = compose()["services"]["worker"]
    probes = worker["environment"]["INSTAR_WORKER_PROBES"]
    assert f"http://{probes}/readyz" in " ".join(worker["healthcheck"]["test"])
    assert worker["environment"]["TEMPORAL_ADDRESS"] == "temporal:7233"


def test_nobody_turns_tokens_off() -> None:
    for service in compose()["services"].values():
        assert not any(name.startswith("INSTAR_OIDC") for name in service.get("environment") or {})


def test_the_page_is_guarded_with_the_keys_of_the_api_and_its_link_is_made_where_it_runs() -> None:
    services = compose()["services"]
    page = services["page"]
    assert page["volumes"] == services["api"]["volumes"]
    assert "ports" not in services["temporal-ui"]
    assert "ports" not in services["temporal"]
    given = [word for word in page["command"] if word.startswith("--")]
    arguments = page_process.arguments([re.sub(r"\$\{\w+:-(\w+)\}", r"\1", word) for word in given])
    assert (arguments.host, arguments.port, arguments.of) == ("0.0.0.0", 8233, "http://temporal-ui:8080")  # noqa: S104
    assert page["ports"] == ["127.0.0.1:${TEMPORAL_UI_PORT:-8233}:8233"]
    assert "--published-port=${TEMPORAL_UI_PORT:-8233}" in given


def test_every_search_attribute_is_registered() -> None:
    script = (ROOT / "deploy" / "temporal-namespace.sh").read_text()
    for name in Attribute:
        assert f"--name {name}" in script
    assert compose()["services"]["temporal-namespace"]["environment"]["TEMPORAL_NAMESPACE"] == NAMESPACE


@pytest.mark.parametrize("script", sorted((ROOT / "deploy").glob("*.sh")), ids=lambda path: path.name)
def test_scripts_are_shell(script: Path) -> None:
    assert subprocess.run(["/bin/sh", "-n", str(script)], check=False).returncode == 0
