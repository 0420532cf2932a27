"""What is said of settings that are wrong, and of variables that are none."""

import re

import pytest
from pydantic import ValidationError
from typer.testing import CliRunner

from instar.cli.app import app
from instar.connection.computes import CannotCompute, libvirt_settings
from instar.connection.remarks.names import names, unread
from instar.connection.remarks.problems import first_problem
from instar.connection.settings import Settings

A_TIME = "must be a time: seconds, like 300, or ISO 8601, like PT5M"
NONSENSE = [
    ("COMPUTE", "docker", "must be 'simulated' or 'libvirt'"),
    ("AUDIT_ENTRIES", "many", "must be a whole number"),
    ("AUDIT_ENTRIES", "1.5", "must be a whole number"),
    ("AUDIT_ENTRIES", "9" * 5000, "must be a whole number of fewer digits"),
    ("AUDIT_ENTRIES", "1", "must be 1000 or more"),
    ("AUDIT_ENTRIES", "1000000001", "must be 1000000000 or less"),
    ("DELAYS__HEALTH_WAIT", "soon", A_TIME),
    ("DELAYS__HEALTH_WAIT", "1e400", A_TIME),
    ("DELAYS__HEALTH_WAIT", "-1", "must be more than 0 seconds"),
    ("DELAYS__HELTH_WAIT", "1", "there is no such setting; is INSTAR_DELAYS__HEALTH_WAIT meant?"),
    ("DELAYS__WEATHER", "1", "there is no such setting"),
    ("TLS", "on", "is a group of settings: give each by itself, as INSTAR_TLS__…, or all as a JSON object"),
    ("LIBVIRT", "on", "is a group of settings: give each by itself, as INSTAR_LIBVIRT__…, or all as a JSON object"),
    ("OIDC__OWN_ISSUER", "ja", "must be true or false"),
    ("DATA_DIR", "", "must be a path; leave it out for what is so by default"),
    ("SEAL_KEY_FILE", "", "must be a path; leave it out for what is so by default"),
    ("DATA_DIR", "~no-such-user/x", "must be a path, and ~ at its beginning the home of a user that there is"),
    ("PUBLIC_URL", "instar.example.com", "must be a URL, as in https://instar.example.com"),
    ("PUBLIC_URL", "https://", "must be a URL, as in https://instar.example.com"),
    ("PUBLIC_URL", "http://[", "must be a URL, as in https://instar.example.com"),
]


@pytest.mark.parametrize(("name", "value", "said"), NONSENSE)
def test_t6_nonsense_is_one_sentence_that_says_what_may_be_there(
    name: str, value: str, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(f"INSTAR_{name}", value)
    with pytest.raises(ValidationError) as refused:
        Settings()
    assert first_problem(refused.value) == f"INSTAR_{name}: {said}"


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        ("network", "eth0", "must be network:NAME, bridge:DEVICE or user"),
        ("virt_type", "xen", "must be 'kvm', 'qemu' or 'test'"),
        ("guest_port", "0", "must be 1 or more"),
        ("call_seconds", "x", "must be a number"),
        ("poool", "x", "there is no such setting; is INSTAR_LIBVIRT__POOL meant?"),
    ],
)
def test_t6_nonsense_about_a_hypervisor_is_said_in_the_same_way(field: str, value: str, said: str) -> None:
    with pytest.raises(CannotCompute, match=re.escape(f"INSTAR_LIBVIRT__{field.upper()}: {said}")):
        libvirt_settings(Settings(libvirt={field: value}))


@pytest.mark.parametrize("name", ["images publish C W s 1.0.0 --file x", "up", "credentials list", "backup x"])
def test_t6_no_command_answers_nonsense_with_a_traceback(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("INSTAR_COMPUTE", "docker")
    told = CliRunner().invoke(app, name.split())
    assert told.exit_code == 1
    assert told.output == "instar: the settings are wrong: INSTAR_COMPUTE: must be 'simulated' or 'libvirt'\n"


def test_t6_a_variable_that_nothing_reads_is_told_with_the_nearest_name() -> None:
    environment = dict.fromkeys(
        ["INSTAR_HELTH", "INSTAR_DATA_DRI", "INSTAR_HELTH_WAIT", "instar_weather", "PATH", "INSTAR_TEST_SEED"], "x"
    )
    assert unread(environment) == [
        "INSTAR_DATA_DRI is no setting and nothing reads it; is INSTAR_DATA_DIR meant?",
        "INSTAR_HELTH is no setting and nothing reads it; is INSTAR_DELAYS__HEALTH_WAIT meant?",
        "INSTAR_HELTH_WAIT is no setting and nothing reads it; is INSTAR_DELAYS__HEALTH_WAIT meant?",
        "instar_weather is no setting and nothing reads it",
    ]


def test_t6_what_is_read_is_not_told() -> None:
    known = {"INSTAR_DATA_DIR", "INSTAR_DELAYS__SWEEP_UNUSED", "INSTAR_LIBVIRT__URI", "INSTAR_TLS__KEY", "INSTAR_TLS"}
    assert known - set(names()) == {"INSTAR_DELAYS__SWEEP_UNUSED"}
    assert unread({**dict.fromkeys(names(), "x"), "instar_data_dir": "x", "INSTAR_LIBVIRT__SIZES__TINY": "{}"}) == []


def test_t6_every_command_begins_with_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("INSTAR_HELTH", "x")
    told = CliRunner().invoke(app, ["status", "web", "--data-dir", "nowhere"])
    assert told.stderr.startswith("instar: warning: INSTAR_HELTH is no setting and nothing reads it")
