"""The certificate and key that the API serves https with, looked at before anything is opened.

The TLS library would say of most mistakes that they are one, and not which; a key with a password would make it ask the
terminal.
"""

from datetime import datetime
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from instar.connection.setting_groups import TlsSettings


class TlsError(Exception):
    """They cannot be served with. Its text never holds the key."""


def check_certificate(settings: TlsSettings, now: datetime) -> None:
    """Raises TlsError for files that are missing, no PEM, over, not good yet, or not of the same pair."""
    if settings.certificate is None or settings.key is None:
        return
    try:
        found = x509.load_pem_x509_certificate(_read(settings.certificate))
    except ValueError:
        raise TlsError(f"{settings.certificate} holds no certificate in PEM form") from None
    try:
        key = load_pem_private_key(_read(settings.key), password=None)
    except TypeError:
        raise TlsError(f"the key {settings.key} has a password: it must have none") from None
    except ValueError:
        raise TlsError(f"{settings.key} holds no private key in PEM form") from None
    if key.public_key() != found.public_key():
        raise TlsError(f"the key {settings.key} is not the one of the certificate {settings.certificate}")
    if not found.not_valid_before_utc <= now < found.not_valid_after_utc:
        raise TlsError(
            f"the certificate {settings.certificate} is good from {found.not_valid_before_utc:%Y-%m-%d %H:%M} to "
            f"{found.not_valid_after_utc:%Y-%m-%d %H:%M} UTC, and not now"
        )


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise TlsError(f"cannot read {path}: {error.strerror}") from None
