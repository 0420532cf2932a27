"""Settings that would let somebody in who should not be."""

from datetime import timedelta

import pytest
from pydantic import ValidationError

from instar.connection.settings import OidcSettings, Settings, TlsSettings


@pytest.mark.parametrize(
    "issuer", ["https://login.example/realms/x", "http://127.0.0.1:8081/x", "http://localhost", "http://[::1]:1/"]
)
def test_an_issuer_is_reached_by_https_or_on_this_machine(issuer: str) -> None:
    assert OidcSettings(issuer=issuer, audience="a").issuer == issuer


@pytest.mark.parametrize(
    "issuer",
    [
        "http://login.example",
        "http://127.0.0.1.evil.example",
        "http://localhost.evil.example/",
        "http://localhost@evil.example/",
        "https://",
        "ftp://localhost",
        "login.example",
        "https://[",
    ],
)
def test_an_issuer_whose_keys_anybody_could_replace_on_their_way_is_refused(issuer: str) -> None:
    with pytest.raises(ValidationError):
        OidcSettings(issuer=issuer, audience="a")


def test_an_issuer_needs_an_audience_and_somebody_must_be_believed() -> None:
    with pytest.raises(ValidationError, match="set the audience"):
        OidcSettings(issuer="https://login.example")
    with pytest.raises(ValidationError, match="nobody could get in"):
        OidcSettings(own_issuer=False)
    assert not OidcSettings(issuer="https://login.example", audience="a", own_issuer=False).own_issuer


def test_a_certificate_and_its_key_go_together() -> None:
    for one in ({"certificate": "a.crt"}, {"key": "a.key"}):
        with pytest.raises(ValidationError, match="go together"):
            TlsSettings.model_validate(one)


@pytest.mark.parametrize("kept", ["-P1D", "P1000Y", "soon"])
def test_the_audit_log_is_kept_for_a_time_that_can_be(kept: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("INSTAR_AUDIT_KEPT", kept)
    with pytest.raises(ValidationError):
        Settings()
    monkeypatch.setenv("INSTAR_AUDIT_KEPT", "P30D")
    assert Settings().audit_kept == timedelta(days=30)


@pytest.mark.parametrize(("given", "seconds"), [("6", 6), ("0.5", 0.5), ("PT6S", 6), ("0:00:06", 6)])
def test_t6_a_delay_is_given_in_seconds_or_as_iso_8601(
    given: str, seconds: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("INSTAR_DELAYS__HEALTH_WAIT", given)
    assert Settings().delays.health_wait == timedelta(seconds=seconds)
    monkeypatch.setenv("INSTAR_SWEEP", "5")
    assert Settings().sweep == timedelta(seconds=5)
