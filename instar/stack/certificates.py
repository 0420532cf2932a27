"""A local certificate authority and a certificate of its, for TLS on one machine, private to the user.

The authority is made once and stays, so that clients that were told of it need not be told again: a certificate that is
soon over, or for other names, is replaced by another one of the same authority. So that a stolen authority key is of
little use, what it signs counts for the names alone that it was made for; other names are a new authority.
"""

import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from instar.compute.clock import Clock, utc_now
from instar.errors import Nonsense, Trouble
from instar.private_files import draft_beside

GOOD_FOR = timedelta(days=825)
"""As long as every client accepts a certificate of a local authority."""

AUTHORITY_GOOD_FOR = timedelta(days=3650)
RENEWED_BEFORE = timedelta(days=30)
LOCAL_NAMES = ("localhost", "127.0.0.1", "::1")


@dataclass(frozen=True, slots=True)
class Certificates:
    """Where they are: PEM files."""

    authority: Path
    authority_key: Path
    certificate: Path
    key: Path


@dataclass(frozen=True, slots=True)
class _Signer:
    """An authority that can sign."""

    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey


def local_certificates(
    directory: Path, names: Sequence[str] = LOCAL_NAMES, clock: Clock = utc_now, *, for_clients: bool = False
) -> Certificates:
    """Those of a directory; made where they are missing, soon over, or for other names. Raises Trouble.

    `for_clients`: whoever has the key may show the certificate as a client, too (mutual TLS).
    """
    files = Certificates(*(directory / name for name in ("ca.crt", "ca.key", "server.crt", "server.key")))
    now = clock()
    try:
        wanted = _names(names)
        directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        if not _are_good(files, wanted, now):
            signer = _authority(files, wanted, now) or _new_authority(files, wanted, now)
            _new_certificate(files, signer, wanted, now, for_clients=for_clients)
    except OSError as error:
        raise Trouble(f"cannot write the certificates in {directory}: {error.strerror}") from None
    return files


def _are_good(files: Certificates, names: list[x509.GeneralName], now: datetime) -> bool:
    """Whether clients that know the authority can use the certificate for a while yet."""
    try:
        authority, found = (
            x509.load_pem_x509_certificate(path.read_bytes()) for path in (files.authority, files.certificate)
        )
        key = load_pem_private_key(files.key.read_bytes(), password=None)
        held = found.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        found.verify_directly_issued_by(authority)
    except (FileNotFoundError, ValueError, TypeError, InvalidSignature, x509.ExtensionNotFound):
        return False
    return (
        max(found.not_valid_before_utc, authority.not_valid_before_utc) <= now
        and found.not_valid_after_utc - now > RENEWED_BEFORE
        and set(held) == set(names)
        and key.public_key() == found.public_key()
    )


def _authority(files: Certificates, names: list[x509.GeneralName], now: datetime) -> _Signer | None:
    """The authority that is there, if it can sign for those names for as long as a certificate is good."""
    try:
        certificate = x509.load_pem_x509_certificate(files.authority.read_bytes())
        key = load_pem_private_key(files.authority_key.read_bytes(), password=None)
        allowed = certificate.extensions.get_extension_for_class(x509.NameConstraints).value.permitted_subtrees
    except (FileNotFoundError, ValueError, TypeError, x509.ExtensionNotFound):
        return None
    if not isinstance(key, ec.EllipticCurvePrivateKey) or key.public_key() != certificate.public_key():
        return None
    begun = certificate.not_valid_before_utc <= now  # else the clock was wrong when it was made
    good = (
        begun and certificate.not_valid_after_utc - now > RENEWED_BEFORE and set(_subtrees(names)) <= set(allowed or ())
    )
    return _Signer(certificate, key) if good else None


def _names(names: Sequence[str]) -> list[x509.GeneralName]:
    """Raises Trouble for what no certificate can be for."""
    result: list[x509.GeneralName] = []
    for name in names:
        try:
            result.append(x509.IPAddress(ipaddress.ip_address(name)))
        except ValueError:
            result.append(_host(name))
    return result


def _host(name: str) -> x509.DNSName:
    labels = name.split(".")
    if not all(label and label.isascii() and label.replace("-", "").isalnum() for label in labels):
        raise Nonsense(f"{name!r} is neither an address nor a host name")
    return x509.DNSName(name.lower())


def _subtrees(names: list[x509.GeneralName]) -> list[x509.GeneralName]:
    """The same names as name constraints have them: an address is a network of one."""
    return [
        x509.IPAddress(ipaddress.ip_network(name.value)) if isinstance(name, x509.IPAddress) else name for name in names
    ]


def _new_authority(files: Certificates, names: list[x509.GeneralName], now: datetime) -> _Signer:
    key = ec.generate_private_key(ec.SECP256R1())
    # No two of them share a name: a client that was told of both could take one for the other.
    name = _common_name(f"Instar local authority {x509.random_serial_number():x}"[:64])
    certificate = (
        _begun(name, name, key.public_key(), now, AUTHORITY_GOOD_FOR)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(signs_certificates=True), critical=True)
        .add_extension(x509.NameConstraints(_subtrees(names), excluded_subtrees=None), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )
    _write(files.authority_key, _pem(key), 0o600)
    _write(files.authority, certificate.public_bytes(Encoding.PEM), 0o644)
    return _Signer(certificate, key)


def _new_certificate(
    files: Certificates, signer: _Signer, names: list[x509.GeneralName], now: datetime, *, for_clients: bool
) -> None:
    usages = [ExtendedKeyUsageOID.SERVER_AUTH] + ([ExtendedKeyUsageOID.CLIENT_AUTH] if for_clients else [])
    key = ec.generate_private_key(ec.SECP256R1())
    good_for = min(GOOD_FOR, signer.certificate.not_valid_after_utc - now)
    certificate = (
        _begun(_common_name(str(names[0].value)[:64]), signer.certificate.subject, key.public_key(), now, good_for)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(signs_certificates=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage(usages), critical=False)
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.key.public_key()), critical=False)
        .sign(signer.key, hashes.SHA256())
    )
    _write(files.key, _pem(key), 0o600)
    _write(files.certificate, certificate.public_bytes(Encoding.PEM), 0o644)


def _pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def _begun(
    subject: x509.Name, issuer: x509.Name, public_key: ec.EllipticCurvePublicKey, now: datetime, good_for: timedelta
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(public_key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))  # for clients whose clock is behind
        .not_valid_after(now + good_for)
    )


def _common_name(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])


def _usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _write(path: Path, content: bytes, mode: int) -> None:
    # Whole or not at all: whoever shows it reads it while it is renewed.
    draft = draft_beside(path, content)
    draft.chmod(mode)
    draft.replace(path)
