"""Certificates of our own authorities under a clock that is moved."""

import ssl
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID
from typer.testing import CliRunner

from instar.cli.app import app
from instar.stack import renewal as renewals
from instar.stack.certificates import GOOD_FOR, RENEWED_BEFORE, local_certificates
from instar.stack.renewal import LOOK_EVERY, Renewal, Renewed
from instar.stack.up import renewed_folders

START = datetime(2026, 1, 1, tzinfo=UTC)


class Moved:
    """A clock that stands where it was put."""

    def __init__(self) -> None:
        self.now = START

    def __call__(self) -> datetime:
        return self.now


def end_of(folder: Path) -> datetime:
    return x509.load_pem_x509_certificate((folder / "server.crt").read_bytes()).not_valid_after_utc


def test_nothing_is_over_in_twelve_years_though_it_is_looked_at_but_once_a_day(tmp_path: Path) -> None:
    clock, said = Moved(), list[str]()
    folders = renewed_folders(tmp_path, tls=True)
    assert [folder.directory.name for folder in folders] == ["temporal", "tls"]
    for folder in folders:
        local_certificates(folder.directory, folder.names, clock, for_clients=folder.for_clients)
    renewal = Renewal(folders, said.append, clock)
    for _ in range(12 * 365):
        clock.now += timedelta(days=1)
        renewal.look()
        for folder in folders:
            assert end_of(folder.directory) - clock.now > RENEWED_BEFORE - timedelta(days=1)
    # 825 days each, renewed 30 days before; the authority's end shortens one of them.
    assert 2 * 5 <= len(said) <= 2 * 6
    assert all("was renewed; nothing is to be done" in line for line in said)
    shown = x509.load_pem_x509_certificate((tmp_path / "temporal" / "server.crt").read_bytes())
    usages = shown.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    assert ExtendedKeyUsageOID.CLIENT_AUTH in usages


@pytest.mark.parametrize("jump", [LOOK_EVERY, timedelta(days=800), -timedelta(days=30)])
def test_a_clock_that_jumped_is_noticed_at_once_in_either_direction(tmp_path: Path, jump: timedelta) -> None:
    clock, said = Moved(), list[str]()
    local_certificates(tmp_path, clock=clock)
    renewal = Renewal([Renewed(tmp_path)], said.append, clock)
    clock.now += LOOK_EVERY - timedelta(seconds=1)
    renewal.look()
    clock.now = START + jump
    renewal.look()
    # Set back before its beginning, it would be refused by every client.
    assert len(said) == (0 if jump == LOOK_EVERY else 1)
    found = x509.load_pem_x509_certificate((tmp_path / "server.crt").read_bytes())
    assert found.not_valid_before_utc <= clock.now < found.not_valid_after_utc


def test_what_cannot_be_renewed_is_told_once_and_tried_again(tmp_path: Path) -> None:
    clock, said = Moved(), list[str]()
    folder = tmp_path / "tls"
    local_certificates(folder, clock=clock)
    renewal = Renewal([Renewed(folder)], said.append, clock)
    # A file where the folder was: nobody can write there, root neither.
    folder.rename(tmp_path / "aside")
    folder.write_text("")
    for _ in range(3):
        clock.now += timedelta(days=400)
        renewal.look()
    assert len(said) == 1
    assert "cannot write the certificates in" in said[0]
    assert "tried again every 1 h" in said[0]
    folder.unlink()
    (tmp_path / "aside").rename(folder)
    clock.now += LOOK_EVERY
    renewal.look()
    assert "was renewed" in said[1]


def test_the_command_stays_and_renews(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clock, folder = Moved(), tmp_path / "tls"
    pauses = 0

    def pause(seconds: float) -> None:
        nonlocal pauses
        assert seconds == 60
        pauses += 1
        clock.now += timedelta(days=100)
        if pauses == 9:
            raise KeyboardInterrupt

    def kept(renewal: Renewal, every: timedelta, _pause: Callable[[float], None] = pause) -> None:
        renewal._clock = clock  # the command has the machine's own
        renewal._looked = START
        renewals.keep_renewed(renewal, every, pause)

    monkeypatch.setattr("instar.cli.credentials_cli.keep_renewed", kept)
    local_certificates(folder, ("api",), clock)
    before = end_of(folder)
    done = CliRunner().invoke(app, ["certificates", str(folder), "--name", "api", "--every", "3600"])
    assert pauses == 9
    assert done.exit_code != 0  # it was interrupted
    assert end_of(folder) > before
    assert end_of(folder) >= START + timedelta(days=800) + GOOD_FOR - timedelta(days=825)


def test_a_reader_never_sees_half_a_file(tmp_path: Path) -> None:
    made = local_certificates(tmp_path)
    inode = made.certificate.stat().st_ino
    local_certificates(tmp_path, clock=lambda: datetime.now(UTC) + GOOD_FOR)
    assert made.certificate.stat().st_ino != inode
    assert sorted(path.name for path in tmp_path.iterdir()) == ["ca.crt", "ca.key", "server.crt", "server.key"]
    assert made.key.stat().st_mode & 0o777 == 0o600
    assert made.certificate.stat().st_mode & 0o777 == 0o644
    ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(made.certificate, made.key)
