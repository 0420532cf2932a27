"""Settings that would let somebody in who should not be."""

from datetime import timedelta

import pytest
from pydantic import ValidationError

from instar.connection.remarks.problems import first_problem
from instar.connection.setting_groups import OidcSettings, PageSettings, TlsSettings
from instar.connection.settings import Settings
from instar.outbound.allowed import Allowed


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


@pytest.mark.parametrize(
    ("given", "networks"),
    [
        ("10.20.0.0/16", "10.20.0.0/16"),
        (" 10.20.0.0/16 , fd12:3456::/64 ", "10.20.0.0/16 fd12:3456::/64"),
        ('["10.20.0.0/16", "fd12:3456::/64"]', "10.20.0.0/16 fd12:3456::/64"),
        ("10.20.0.7", "10.20.0.7/32"),
        ("::ffff:10.20.0.0/112,10.20.0.0/16", "10.20.0.0/16"),
        ("0.0.0.0/0,::/0", "0.0.0.0/0 ::/0"),
    ],
)
def test_networks_that_may_be_probed_are_a_list_or_json(
    given: str, networks: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("INSTAR_PROBES__NETWORKS", given)
    assert " ".join(map(str, Settings().probes.networks or ())) == networks


def test_without_a_word_the_networks_are_the_computes_own(monkeypatch: pytest.MonkeyPatch) -> None:
    assert Settings().probes.networks is None
    monkeypatch.setenv("INSTAR_PROBES__NETWORKS", "  ")
    assert Settings().probes.networks is None


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("hunter2", "entry 1 is no network"),
        ("10.0.0.0/8,", "entry 2 is no network"),
        ("10.0.0.5/24", "entry 1 is no network: one is like 10.20.0.0/16 or fd12:3456::/64, without bits set behind"),
        ("10.0.0.0/33", "entry 1 is no network"),
        ("10.0.0.0 10.1.0.0", "entry 1 is no network"),
        ("localhost", "entry 1 is no network"),
        ("[]", "an empty list allows no probe"),
        ("[1]", "networks are listed as"),
        ('[["10.0.0.0/8"]]', "networks are listed as"),
        ('{"a": 1}', "networks are listed as"),
        ('"10.0.0.0/8"', "networks are listed as"),
        ("[10.0.0.0/8]", "it begins like JSON and is none"),
    ],
)
def test_networks_that_are_none_are_refused_in_one_sentence(
    given: str, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("INSTAR_PROBES__NETWORKS", given)
    with pytest.raises(ValidationError) as error:
        Settings()
    assert first_problem(error.value).startswith(f"INSTAR_PROBES__NETWORKS: {said}")
    assert given not in first_problem(error.value)


@pytest.mark.parametrize("given", ["prometheus.lan, 127.0.0.1", '["prometheus.lan", "127.0.0.1"]'])
def test_g4_what_may_be_called_besides_is_a_list_or_json(given: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert Settings().hooks.allow == Allowed()
    monkeypatch.setenv("INSTAR_HOOKS__ALLOW", given)
    assert Settings().hooks.allow == Allowed.of(["prometheus.lan", "127.0.0.1"])


@pytest.mark.parametrize(
    ("name", "given", "said"),
    [
        ("ALLOW", "https://hunter2", "entry 1 is no host name"),
        ("ALLOW", "a,,b", "entry 2 is no host name"),
        ("ALLOW", "[1]", "they are listed as"),
        ("ALLOW", "[a]", "it begins like JSON and is none"),
        ("CA_FILE", "/nowhere/hunter2.pem", "must be a file of certificates"),
        ("CA_FILE", __file__, "must be a file of certificates"),
        ("TEMPORAL_PAGE", "hunter2", "must be a URL"),
    ],
)
def test_settings_of_calls_that_mean_nothing_are_refused_in_one_sentence(
    name: str, given: str, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(f"INSTAR_HOOKS__{name}", given)
    with pytest.raises(ValidationError) as error:
        Settings()
    assert first_problem(error.value).startswith(f"INSTAR_HOOKS__{name}: {said}")
    assert "hunter2" not in first_problem(error.value)


def test_trusted_proxies_are_networks_by_commas_or_as_json(monkeypatch: pytest.MonkeyPatch) -> None:
    assert Settings().trusted_proxies == ()
    for text in ("10.0.0.0/8, 192.0.2.7", '["10.0.0.0/8", "192.0.2.7"]'):
        monkeypatch.setenv("INSTAR_TRUSTED_PROXIES", text)
        assert list(map(str, Settings().trusted_proxies)) == ["10.0.0.0/8", "192.0.2.7/32"]
    monkeypatch.setenv("INSTAR_TRUSTED_PROXIES", "")
    assert Settings().trusted_proxies == ()


@pytest.mark.parametrize("text", ["nonsense", "10.0.0.0/33", "10.0.0.1/8", "*", "::g", "[", "{}", "1,,2"])
def test_a_trusted_proxy_that_is_no_network_is_one_sentence(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setenv("INSTAR_TRUSTED_PROXIES", text)
    with pytest.raises(ValidationError) as caught:
        Settings()
    said = first_problem(caught.value)
    assert said.startswith("INSTAR_TRUSTED_PROXIES: ")
    assert "\n" not in said


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ("", ""),
        ("files.example.com", "files.example.com:443/"),
        (
            " Files.example.com:8443/a , raw.githubusercontent.com/team/ ",
            "files.example.com:8443/a/ raw.githubusercontent.com:443/team/",
        ),
        ('["localhost"]', "localhost:443/"),
    ],
)
def test_hosts_of_template_links_are_a_list_or_json(given: str, shown: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("INSTAR_TEMPLATE_LINKS__HOSTS", given)
    assert " ".join(f"{one.host}:{one.port}{one.path}" for one in Settings().template_links.hosts) == shown


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("https://files.example.com", "entry 1 is no host name"),
        ("a.example,", "entry 2 is no host name"),
        ("*.example.com", "entry 1 is no host name"),
        ("10.0.0.1", "entry 1 is no host name"),
        ("hunter2@a.example", "entry 1 is no host name"),
        ("-a.example", "entry 1 is no host name"),
        ("a.example:0", "entry 1 is no host name"),
        ("a.example:70000", "entry 1 is no host name"),
        ("a.example/../b", "entry 1 has a path with"),
        ("a.example/x?y", "entry 1 is no host name"),
        ("[1]", "hosts are listed as"),
        ('{"a": 1}', "hosts are listed as"),
        ("[a.example]", "it begins like JSON and is none"),
    ],
)
def test_hosts_that_are_none_are_refused_in_one_sentence(
    given: str, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("INSTAR_TEMPLATE_LINKS__HOSTS", given)
    with pytest.raises(ValidationError) as error:
        Settings()
    assert first_problem(error.value).startswith(f"INSTAR_TEMPLATE_LINKS__HOSTS: {said}")
    assert given not in first_problem(error.value)


@pytest.mark.parametrize("given", ["PT4M59S", "P31D", "0", "-PT8H", "soon"])
def test_a_session_of_the_page_lasts_for_a_time_that_can_be(given: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("INSTAR_PAGE__SESSION", given)
    with pytest.raises(ValidationError):
        Settings()
    for good, seconds in (("PT5M", 300), ("P30D", 2_592_000), ("3600", 3_600)):
        monkeypatch.setenv("INSTAR_PAGE__SESSION", good)
        assert Settings().page.session == timedelta(seconds=seconds)


def test_a_login_at_an_outside_issuer_is_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("INSTAR_PAGE__CLIENT_ID", "page")
    with pytest.raises(ValidationError, match="INSTAR_OIDC__ISSUER"):
        Settings()
    monkeypatch.setenv("INSTAR_OIDC__ISSUER", "https://login.example")
    monkeypatch.setenv("INSTAR_OIDC__AUDIENCE", "a")
    monkeypatch.setenv("INSTAR_PAGE__CLIENT_SECRET", "planted")
    assert "planted" not in repr(Settings())
    assert Settings().page.client_secret.get_secret_value() == "planted"
    monkeypatch.delenv("INSTAR_PAGE__CLIENT_ID")
    with pytest.raises(ValidationError, match="set both, or none") as told:
        Settings()
    assert "planted" not in first_problem(told.value)


@pytest.mark.parametrize("scopes", ["", "profile", "openid\u00e9", 'openid "x"', "open id"])
def test_what_is_asked_of_an_issuer_is_a_list_with_openid(scopes: str) -> None:
    with pytest.raises(ValidationError, match="openid is one of them"):
        PageSettings(scopes=scopes)
    assert PageSettings(scopes=" openid   api://x/.default ").scopes == "openid api://x/.default"
