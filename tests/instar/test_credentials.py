import json
import ssl
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from typer.testing import CliRunner

from instar.api_token import FILE, Login
from instar.certificates import local_certificates
from instar.cli import app
from instar.credentials import opened, owner

runner = CliRunner()


def run(*words: str, data_dir: Path, status: int = 0) -> str:
    told = runner.invoke(app, [*words, "--data-dir", str(data_dir)])
    assert told.exit_code == status, told.output
    return told.output


def created(data_dir: Path, *options: str) -> dict[str, Any]:
    made: dict[str, Any] = json.loads(run("credentials", "create", "night", *options, data_dir=data_dir))
    return made


def test_credentials_are_made_listed_and_revoked(tmp_path: Path) -> None:
    made = created(tmp_path, "--role", "contributor", "--scope", "/subscriptions/S/resourceGroups/g/")
    assert set(made) == {"endpoint", "tenantId", "clientId", "clientSecret", "subscriptionId", "caFile"}
    assert made["subscriptionId"] == "S"
    [row] = json.loads(run("credentials", "list", "--output", "json", data_dir=tmp_path))
    assert row == {
        "name": "night",
        "principal": made["clientId"],
        "role": "Contributor",
        "scope": "/subscriptions/S/resourceGroups/g",
        "state": "good",
    }
    assert made["clientSecret"] not in run("credentials", "list", data_dir=tmp_path)
    run("credentials", "revoke", made["clientId"], data_dir=tmp_path)
    assert "revoked" in run("credentials", "list", data_dir=tmp_path)
    assert "no client" in run("credentials", "revoke", made["clientId"], data_dir=tmp_path, status=1)


def test_roles_are_given_to_and_taken_from_principals_of_another_issuer(tmp_path: Path) -> None:
    run("credentials", "grant", "operators", "--role", "Owner", data_dir=tmp_path)
    assert "another issuer's" in run("credentials", "list", data_dir=tmp_path)
    run("credentials", "ungrant", "operators", "--role", "Owner", data_dir=tmp_path)
    assert "no Owner" in run("credentials", "ungrant", "operators", "--role", "Owner", data_dir=tmp_path, status=1)


@pytest.mark.parametrize(
    ("options", "word"),
    [
        (("--role", "King"), "King"),
        (("--scope", "web"), "no scope"),
        (("--scope", "/elsewhere/x"), "no scope"),
        (("--scope", "/subscriptions"), "no scope"),
    ],
)
def test_nonsense_is_told_and_makes_nothing(tmp_path: Path, options: tuple[str, ...], word: str) -> None:
    assert word in run("credentials", "create", "night", *options, data_dir=tmp_path, status=1)
    assert json.loads(run("credentials", "list", "--output", "json", data_dir=tmp_path)) == []


def test_the_owner_of_a_data_directory_is_made_once_and_anew_when_revoked(tmp_path: Path) -> None:
    first = owner(tmp_path, "https://localhost:1", "ca")
    again = owner(tmp_path, "https://localhost:2", "")
    assert (again.clientId, again.clientSecret) == (first.clientId, first.clientSecret)
    assert Login.read(tmp_path / FILE) == again
    assert (tmp_path / FILE).stat().st_mode & 0o777 == 0o600
    assert first.clientSecret not in repr(first)
    run("credentials", "revoke", first.clientId, data_dir=tmp_path)
    assert owner(tmp_path, "https://localhost:2", "").clientId != first.clientId
    with opened(tmp_path) as store:
        assert len(store.credentials.all()) == 2


def test_the_audit_log_is_empty_at_first(tmp_path: Path) -> None:
    assert json.loads(run("audit", "--output", "json", data_dir=tmp_path)) == []


def test_a_certificate_is_good_for_its_names_and_made_once(tmp_path: Path) -> None:
    made = local_certificates(tmp_path / "tls")
    before = made.certificate.read_bytes()
    assert local_certificates(tmp_path / "tls").certificate.read_bytes() == before
    assert made.key.stat().st_mode & 0o777 == 0o600
    found = x509.load_pem_x509_certificate(before)
    names = found.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert set(names.get_values_for_type(x509.DNSName)) == {"localhost"}
    authority = x509.load_pem_x509_certificate(made.authority.read_bytes())
    found.verify_directly_issued_by(authority)
    assert authority.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    context = ssl.create_default_context(cafile=str(made.authority))
    context.load_cert_chain(made.certificate, made.key)
    local_certificates(tmp_path / "tls", ("fleet.example",))
    assert made.certificate.read_bytes() != before


def test_certificates_can_be_made_by_hand(tmp_path: Path) -> None:
    told = runner.invoke(app, ["certificates", str(tmp_path / "tls"), "--name", "fleet.example", "--name", "10.0.0.1"])
    assert told.exit_code == 0
    assert (tmp_path / "tls" / "ca.crt").exists()
    (tmp_path / "file").write_text("")
    told = runner.invoke(app, ["certificates", str(tmp_path / "file")])
    assert told.exit_code == 1
    assert "cannot write" in told.output
