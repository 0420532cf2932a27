import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from instar.cli.app import app
from instar.client.api_token import FILE, Login
from instar.client.credentials import opened, owner

runner = CliRunner()


def run(*words: str, data_dir: Path, status: int = 0) -> str:
    told = runner.invoke(app, [*words, "--data-dir", str(data_dir)])
    assert told.exit_code == status, told.output
    return told.output


def created(data_dir: Path, *options: str) -> dict[str, Any]:
    made: dict[str, Any] = json.loads(run("credentials", "create", "night", *options, data_dir=data_dir))
    return made


def listed(data_dir: Path) -> list[dict[str, str]]:
    rows: list[dict[str, str]] = json.loads(run("credentials", "list", "--output", "json", data_dir=data_dir))
    return rows


def test_credentials_are_made_listed_and_revoked(tmp_path: Path) -> None:
    made = created(tmp_path, "--role", "contributor", "--scope", "/subscriptions/S/resourceGroups/g/")
    assert list(made) == ["endpoint", "tenantId", "clientId", "clientSecret", "subscriptionId", "caFile"]
    assert made["subscriptionId"] == "S"
    assert made["endpoint"] == "http://127.0.0.1:8080"
    [row] = listed(tmp_path)
    assert row == {
        "name": "night",
        "principal": made["clientId"],
        "role": "Contributor",
        "scope": "/subscriptions/S/resourceGroups/g",
        "state": "good",
    }
    assert made["clientSecret"] not in run("credentials", "list", data_dir=tmp_path)
    assert "was revoked before" not in run("credentials", "revoke", made["clientId"], data_dir=tmp_path)
    assert "revoked" in run("credentials", "list", data_dir=tmp_path)
    assert "was revoked before" in run("credentials", "revoke", made["clientId"], data_dir=tmp_path)


def test_a_client_is_revoked_by_its_name_too_if_only_one_has_it(tmp_path: Path) -> None:
    first, second = created(tmp_path), created(tmp_path)
    told = run("credentials", "revoke", "night", data_dir=tmp_path, status=1)
    assert first["clientId"] in told
    assert second["clientId"] in told
    run("credentials", "revoke", second["clientId"], data_dir=tmp_path)
    assert first["clientId"] in run("credentials", "revoke", "night", data_dir=tmp_path)
    assert {row["state"].split()[0] for row in listed(tmp_path)} == {"revoked"}
    assert "there is no client 'day'" in run("credentials", "revoke", "day", data_dir=tmp_path, status=1)


def test_the_output_says_where_the_api_is_as_told_or_as_up_left_it(tmp_path: Path) -> None:
    told = created(tmp_path, "--endpoint", "https://farm.example/", "--ca-file", "/etc/farm/ca.crt")
    assert (told["endpoint"], told["caFile"]) == ("https://farm.example", "/etc/farm/ca.crt")
    owner(tmp_path, "https://localhost:1", "/the/ca.crt")
    left = created(tmp_path)
    assert (left["endpoint"], left["caFile"]) == ("https://localhost:1", "/the/ca.crt")
    # The authority of one server is none for another.
    assert created(tmp_path, "--endpoint", "https://farm.example")["caFile"] == ""


def test_roles_are_given_to_and_taken_from_principals_of_another_issuer(tmp_path: Path) -> None:
    told = run("credentials", "grant", "group:operators", "--role", "owner", data_dir=tmp_path)
    assert told == "group:operators is Owner at /\n"
    assert "another issuer's" in run("credentials", "list", data_dir=tmp_path)
    run("credentials", "ungrant", "group:operators", "--role", "Owner", data_dir=tmp_path)
    told = run("credentials", "ungrant", "group:operators", "--role", "Owner", data_dir=tmp_path, status=1)
    assert "is no Owner" in told


def test_a_client_is_given_another_role_and_without_any_is_still_listed(tmp_path: Path) -> None:
    made = created(tmp_path)
    run("credentials", "grant", made["clientId"], "--role", "Contributor", data_dir=tmp_path)
    assert {row["role"] for row in listed(tmp_path)} == {"Reader", "Contributor"}
    for role in ("Reader", "Contributor"):
        run("credentials", "ungrant", made["clientId"], "--role", role, data_dir=tmp_path)
    [row] = listed(tmp_path)
    assert (row["principal"], row["role"], row["state"]) == (made["clientId"], "", "good")


@pytest.mark.parametrize("principal", ["operators", "user:ada", "group:", "group: ", "subject:a\nb", ":x", ""])
def test_what_can_be_nobody_is_given_no_role(tmp_path: Path, principal: str) -> None:
    told = run("credentials", "grant", principal, "--role", "Owner", data_dir=tmp_path, status=2)
    assert "is no principal" in told
    assert listed(tmp_path) == []


SET = "/subscriptions/S/resourceGroups/g/providers/Microsoft.Compute/virtualMachineScaleSets/web"


@pytest.mark.parametrize("scope", ["/", "/subscriptions/S", "/Subscriptions/S/resourcegroups/my_group.1", SET])
def test_a_scope_is_everything_a_subscription_a_group_or_a_resource(tmp_path: Path, scope: str) -> None:
    created(tmp_path, "--scope", scope)
    assert [row["scope"] for row in listed(tmp_path)] == [scope]


@pytest.mark.parametrize(
    ("options", "word"),
    [
        (("--role", "King"), "King"),
        (("--role", ""), "no role"),
        (("--scope", "web"), "no scope"),
        (("--scope", ""), "no scope"),
        (("--scope", "subscriptions/S"), "no scope"),
        (("--scope", "/elsewhere/x"), "no scope"),
        (("--scope", "/subscriptions"), "no scope"),
        (("--scope", "/subscriptions/a b"), "no scope"),
        (("--scope", "/subscriptions/S\n"), "no scope"),
        (("--scope", "/subscriptions/S/groups/g"), "no scope"),
        (("--scope", "/subscriptions/S/resourceGroups"), "no scope"),
        (("--scope", "/subscriptions/S/resourceGroups/g*"), "no scope"),
        (("--scope", "/subscriptions/S/resourceGroups/g/providers/Microsoft.Compute"), "no scope"),
        (("--scope", SET.rpartition("/")[0]), "no scope"),
        (("--scope", f"{SET}\t"), "no scope"),
        (("--output", "yaml"), "no output"),
        (("--endpoint", "localhost:8080"), "no URL"),
        (("--endpoint", "ftp://localhost"), "no URL"),
        (("--endpoint", "https://"), "no URL"),
        (("--endpoint", "https://["), "no URL"),
    ],
)
def test_nonsense_is_told_in_one_line_and_makes_nothing(tmp_path: Path, options: tuple[str, ...], word: str) -> None:
    told = run("credentials", "create", "night", *options, data_dir=tmp_path, status=2)
    assert word in told
    assert told.count("\n") == 1
    assert listed(tmp_path) == []


@pytest.mark.parametrize("name", ["", " ", "a\nb", "x" * 101])
def test_a_name_is_one_that_can_be_shown(tmp_path: Path, name: str) -> None:
    assert "need a name" in run("credentials", "create", name, data_dir=tmp_path, status=2)
    assert listed(tmp_path) == []


@pytest.mark.parametrize(
    "words", [("credentials", "list", "--output", "x"), ("audit", "--output", "x"), ("credentials", "grant", "x")]
)
def test_nonsense_for_the_other_commands_has_status_2_as_well(tmp_path: Path, words: tuple[str, ...]) -> None:
    run(*words, data_dir=tmp_path, status=2)


@pytest.mark.parametrize(
    "words",
    [
        ("credentials", "list"),
        ("credentials", "create", "x"),
        ("credentials", "revoke", "x"),
        ("credentials", "grant", "group:x", "--role", "Owner"),
        ("audit",),
    ],
)
def test_a_misspelt_data_directory_is_told_and_not_made(tmp_path: Path, words: tuple[str, ...]) -> None:
    assert "no data directory" in run(*words, data_dir=tmp_path / "misspelt", status=1)
    assert not (tmp_path / "misspelt").exists()


def test_without_a_data_directory_it_is_that_of_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("INSTAR_DATA_DIR", str(tmp_path))
    assert runner.invoke(app, ["credentials", "create", "night"]).exit_code == 0
    assert len(listed(tmp_path)) == 1
    monkeypatch.setenv("INSTAR_OIDC__ISSUER", "http://elsewhere")
    told = runner.invoke(app, ["credentials", "list"])
    assert (told.exit_code, told.output.count("\n")) == (1, 1)
    assert "INSTAR_OIDC: the issuer must be an https URL" in told.output


def test_names_are_shown_as_they_are(tmp_path: Path) -> None:
    run("credentials", "create", "[red]x[/] [/y] :smile:", data_dir=tmp_path)
    assert "[red]x[/] [/y] :smile:" in run("credentials", "list", data_dir=tmp_path)


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


def test_whoever_has_a_copy_of_a_lost_owners_file_is_let_in_no_more(tmp_path: Path) -> None:
    lost = owner(tmp_path, "https://localhost:1", "ca")
    (tmp_path / FILE).unlink()
    now = owner(tmp_path, "https://localhost:1", "ca")
    with opened(tmp_path) as store:
        assert store.credentials.authenticated(lost.clientId, lost.clientSecret) is None
        assert store.credentials.authenticated(now.clientId, now.clientSecret) is not None


def test_the_audit_log_is_empty_at_first(tmp_path: Path) -> None:
    assert json.loads(run("audit", "--output", "json", data_dir=tmp_path)) == []
