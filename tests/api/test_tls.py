"""Certificates of one's own, looked at before anything is opened."""

import signal
import sys
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
    load_pem_private_key,
)

from api import __main__ as api_process
from instar.compute.clock import utc_now
from instar.serving.tls import TlsError, TlsFiles, check_certificate
from instar.stack.certificates import GOOD_FOR, local_certificates


@pytest.fixture
def own(tmp_path: Path) -> TlsFiles:
    files = local_certificates(tmp_path / "own", ("farm.example",))
    return TlsFiles(certificate=files.certificate, key=files.key)


def test_a_good_pair_is_taken(own: TlsFiles) -> None:
    check_certificate(own, utc_now())


def refused(settings: TlsFiles, words: str, ahead: timedelta = timedelta()) -> str:
    with pytest.raises(TlsError, match=words) as caught:
        check_certificate(settings, utc_now() + ahead)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_a_certificate_that_is_over_or_not_good_yet_is_told(own: TlsFiles) -> None:
    refused(own, "and not now", GOOD_FOR + timedelta(seconds=1))
    refused(own, "and not now", timedelta(hours=-2))
    check_certificate(own, utc_now() + GOOD_FOR - timedelta(minutes=1))


@pytest.mark.parametrize("which", ["certificate", "key"])
def test_a_file_that_is_missing_or_holds_something_else_is_named(own: TlsFiles, which: str) -> None:
    path: Path = getattr(own, which)
    path.write_bytes(b"secret nonsense")
    told = refused(own, "in PEM form")
    assert str(path) in told
    assert "secret nonsense" not in told
    path.unlink()
    assert str(path) in refused(own, "No such file")


def test_a_key_of_another_certificate_is_told(own: TlsFiles, tmp_path: Path) -> None:
    other = local_certificates(tmp_path / "other", ("farm.example",))
    refused(TlsFiles(certificate=own.certificate, key=other.key), "is not the one of the certificate")


def test_a_key_with_a_password_is_told_and_nobody_is_asked_for_it(own: TlsFiles) -> None:
    key = load_pem_private_key(own.key.read_bytes(), password=None)
    own.key.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"x")))
    refused(own, "has a password")


def test_the_api_says_so_and_does_not_start(
    own: TlsFiles, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    own.certificate.unlink()
    monkeypatch.setenv("INSTAR_TLS__CERTIFICATE", str(own.certificate))
    monkeypatch.setenv("INSTAR_TLS__KEY", str(own.key))
    monkeypatch.setattr(sys, "argv", ["api", "--port", "0"])
    monkeypatch.setattr(signal, "signal", lambda *_: None)
    with pytest.raises(SystemExit) as ended:
        api_process.main()
    assert ended.value.code == f"api: cannot read {own.certificate}: No such file or directory"
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "example.org", "", "127.0.0.1.example.org"])  # noqa: S104
def test_no_other_address_than_loopback_is_served_in_clear(monkeypatch: pytest.MonkeyPatch, host: str) -> None:
    monkeypatch.setattr(sys, "argv", ["api", "--host", host, "--port", "0"])
    with pytest.raises(SystemExit) as ended:
        api_process.main()
    assert "is not a loopback address" in str(ended.value.code)
