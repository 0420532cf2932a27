"""The local authority: what clients are told of once and for ten years."""

import os
import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from typer.testing import CliRunner

from instar.cli.app import app
from instar.errors import Trouble
from instar.stack import certificates
from instar.stack.certificates import AUTHORITY_GOOD_FOR, GOOD_FOR, RENEWED_BEFORE, Certificates, local_certificates

runner = CliRunner()
NOW = datetime.now(UTC)


def made(directory: Path, *names: str, now: datetime = NOW) -> Certificates:
    return local_certificates(directory, names or ("localhost", "127.0.0.1", "::1"), lambda: now)


def trusted(files: Certificates, name: str, authority: bytes = b"") -> bool:
    """Whether a client that knows the authority takes the server for that name: a handshake without a socket."""
    context = ssl.create_default_context(cadata=(authority or files.authority.read_bytes()).decode())
    serving = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    serving.load_cert_chain(files.certificate, files.key)
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = context.wrap_bio(to_client, to_server, server_hostname=name)
    server = serving.wrap_bio(to_server, to_client, server_side=True)
    for _ in range(4):
        for side in (client, server):
            try:
                side.do_handshake()
            except ssl.SSLWantReadError:
                continue
            except ssl.SSLCertVerificationError:
                return False
    return True


def test_a_certificate_is_good_for_its_names_and_no_other(tmp_path: Path) -> None:
    files = made(tmp_path / "tls")
    assert all(trusted(files, name) for name in ("localhost", "127.0.0.1", "::1"))
    assert not any(trusted(files, name) for name in ("farm.example", "127.0.0.2", "api.localhost"))


def test_what_is_secret_is_private_to_the_user(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        files = made(tmp_path / "tls")
    finally:
        os.umask(before)
    assert {path.stat().st_mode & 0o777 for path in (files.key, files.authority_key)} == {0o600}
    assert {path.stat().st_mode & 0o777 for path in (files.certificate, files.authority)} == {0o644}
    assert (tmp_path / "tls").stat().st_mode & 0o777 == 0o700


def test_a_good_one_is_left_alone(tmp_path: Path) -> None:
    files = made(tmp_path)
    before = [path.read_bytes() for path in sorted(tmp_path.iterdir())]
    made(tmp_path, now=NOW + GOOD_FOR - RENEWED_BEFORE - timedelta(seconds=2))
    assert [path.read_bytes() for path in sorted(tmp_path.iterdir())] == before
    assert files == made(tmp_path)


def test_one_that_is_soon_over_is_made_anew_by_the_same_authority(tmp_path: Path) -> None:
    files = made(tmp_path, now=NOW - GOOD_FOR + RENEWED_BEFORE)
    told, old = files.authority.read_bytes(), files.certificate.read_bytes()
    made(tmp_path)
    assert files.authority.read_bytes() == told
    assert files.certificate.read_bytes() != old
    assert trusted(files, "localhost", told)


def test_one_that_is_over_as_well(tmp_path: Path) -> None:
    files = made(tmp_path, now=NOW - GOOD_FOR - timedelta(days=1))
    told = files.authority.read_bytes()
    assert not trusted(files, "localhost")
    made(tmp_path)
    assert files.authority.read_bytes() == told
    assert trusted(files, "localhost")


def test_an_authority_that_is_soon_over_is_replaced_and_until_then_outlives_what_it_signs(tmp_path: Path) -> None:
    files = made(tmp_path, now=NOW - AUTHORITY_GOOD_FOR + RENEWED_BEFORE + timedelta(days=10))
    told = files.authority.read_bytes()
    made(tmp_path)
    assert files.authority.read_bytes() == told
    ends = [
        x509.load_pem_x509_certificate(path.read_bytes()).not_valid_after_utc
        for path in (files.certificate, files.authority)
    ]
    assert ends[0] <= ends[1]
    made(tmp_path, now=NOW + timedelta(days=10))
    assert files.authority.read_bytes() != told


def test_fewer_names_are_another_certificate_and_more_names_another_authority(tmp_path: Path) -> None:
    files = made(tmp_path, "localhost", "fleet.example")
    told = files.authority.read_bytes()
    made(tmp_path, "fleet.example")
    assert files.authority.read_bytes() == told
    assert trusted(files, "fleet.example")
    assert not trusted(files, "localhost")
    made(tmp_path, "fleet.example", "10.0.0.1")
    assert files.authority.read_bytes() != told
    assert trusted(files, "10.0.0.1")


def test_the_authority_signs_servers_for_its_names_alone(tmp_path: Path) -> None:
    files = made(tmp_path)
    authority = x509.load_pem_x509_certificate(files.authority.read_bytes())
    basic = authority.extensions.get_extension_for_class(x509.BasicConstraints)
    assert (basic.critical, basic.value.ca, basic.value.path_length) == (True, True, 0)
    assert authority.extensions.get_extension_for_class(x509.NameConstraints).critical
    usage = authority.extensions.get_extension_for_class(x509.KeyUsage).value
    assert (usage.key_cert_sign, usage.digital_signature) == (True, False)
    found = x509.load_pem_x509_certificate(files.certificate.read_bytes())
    assert not found.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    assert found.serial_number != authority.serial_number


@pytest.mark.parametrize(("name", "taken"), [("localhost", True), ("bank.example", False)])
def test_what_a_stolen_authority_key_signs_for_other_names_is_not_taken(
    tmp_path: Path, name: str, *, taken: bool
) -> None:
    files, stolen = made(tmp_path / "tls"), made(tmp_path / "stolen", name)
    authority = x509.load_pem_x509_certificate(files.authority.read_bytes())
    key = load_pem_private_key(files.authority_key.read_bytes(), password=None)
    assert isinstance(key, EllipticCurvePrivateKey)
    certificates._new_certificate(
        stolen, certificates._Signer(authority, key), [x509.DNSName(name)], NOW, for_clients=False
    )
    assert trusted(stolen, name, files.authority.read_bytes()) is taken


@pytest.mark.parametrize("name", ["ca.crt", "ca.key", "server.crt", "server.key"])
@pytest.mark.parametrize("content", [None, b"", b"nonsense"])
def test_a_broken_file_is_mended(tmp_path: Path, name: str, content: bytes | None) -> None:
    files = made(tmp_path)
    if content is None:
        (tmp_path / name).unlink()
    else:
        (tmp_path / name).write_bytes(content)
    made(tmp_path)
    assert trusted(files, "localhost")


def test_a_key_that_is_not_the_certificates_is_replaced(tmp_path: Path) -> None:
    files, other = made(tmp_path / "one"), made(tmp_path / "two")
    files.key.write_bytes(other.key.read_bytes())
    made(tmp_path / "one")
    assert trusted(files, "localhost")
    files.certificate.write_bytes(other.certificate.read_bytes())
    files.key.write_bytes(other.key.read_bytes())
    made(tmp_path / "one")
    assert trusted(files, "localhost")


def test_an_authority_key_that_is_not_the_authoritys_signs_nothing(tmp_path: Path) -> None:
    files, other = made(tmp_path / "one"), made(tmp_path / "two")
    files.authority_key.write_bytes(other.authority_key.read_bytes())
    files.certificate.unlink()
    made(tmp_path / "one")
    assert trusted(files, "localhost")


def test_a_file_that_others_could_read_is_private_once_it_is_written_anew(tmp_path: Path) -> None:
    files = made(tmp_path)
    files.key.chmod(0o644)
    files.certificate.unlink()
    made(tmp_path)
    assert files.key.stat().st_mode & 0o777 == 0o600


def test_no_two_authorities_have_one_name(tmp_path: Path) -> None:
    names = {
        x509.load_pem_x509_certificate(made(tmp_path / one).authority.read_bytes()).subject.rfc4514_string()
        for one in ("a", "b")
    }
    assert len(names) == 2


def test_certificates_can_be_made_by_hand(tmp_path: Path) -> None:
    told = runner.invoke(app, ["certificates", str(tmp_path / "tls"), "--name", "fleet.example", "--name", "10.0.0.1"])
    assert told.exit_code == 0
    assert (tmp_path / "tls" / "ca.crt").exists()
    (tmp_path / "file").write_text("")
    told = runner.invoke(app, ["certificates", str(tmp_path / "file")])
    assert told.exit_code == 1
    assert "cannot write" in told.output


@pytest.mark.parametrize("name", ["", "a b", "*.example", "https://x", "café.example", "a..b", "10.0.0.0/8"])
def test_what_is_no_name_of_a_server_is_told(tmp_path: Path, name: str) -> None:
    told = runner.invoke(app, ["certificates", str(tmp_path / "tls"), "--name", name])
    assert told.exit_code == 2
    assert "neither an address nor a host name" in told.output
    assert not (tmp_path / "tls").exists()
    with pytest.raises(Trouble):
        local_certificates(tmp_path / "tls", (name,))
