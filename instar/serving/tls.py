"""The certificate and key that a server shows: looked at before anything is opened, taken anew when they are renewed.

The TLS library would say of most mistakes that they are one, and not which; a key with a password would make it ask the
terminal. A renewed certificate counts from the next handshake on; connections that are there go on.
"""

import asyncio
import logging
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.serialization import load_pem_private_key

_log = logging.getLogger(__name__)

LOOK_SECONDS = 60.0
"""How soon a renewed certificate is shown."""

TOLD_BEFORE = timedelta(days=14)
"""What renews a certificate has done it long before: whoever should have is told, once a day."""

TOLD_EVERY = timedelta(days=1)


class TlsError(Exception):
    """They cannot be served with. Its text never holds the key."""


@dataclass(frozen=True, slots=True)
class TlsFiles:
    """PEM files: the certificate with its chain, its key, and whose certificates clients must show, if they must."""

    certificate: Path
    key: Path
    authority: Path | None = None

    def content(self) -> tuple[bytes, ...]:
        """What is in them. Raises TlsError."""
        return tuple(_read(path) for path in (self.certificate, self.key, self.authority) if path)


def check_certificate(files: TlsFiles, now: datetime) -> datetime:
    """When it is over. Raises TlsError for files that are missing, no PEM, over, not good yet, or of two pairs."""
    try:
        found = x509.load_pem_x509_certificate(_read(files.certificate))
    except ValueError:
        raise TlsError(f"{files.certificate} holds no certificate in PEM form") from None
    try:
        key = load_pem_private_key(_read(files.key), password=None)
    except TypeError:
        raise TlsError(f"the key {files.key} has a password: it must have none") from None
    except ValueError:
        raise TlsError(f"{files.key} holds no private key in PEM form") from None
    if key.public_key() != found.public_key():
        raise TlsError(f"the key {files.key} is not the one of the certificate {files.certificate}")
    if not found.not_valid_before_utc <= now < found.not_valid_after_utc:
        raise TlsError(
            f"the certificate {files.certificate} is good from {found.not_valid_before_utc:%Y-%m-%d %H:%M} to "
            f"{found.not_valid_after_utc:%Y-%m-%d %H:%M} UTC, and not now: renew it, or set the clock right"
        )
    return found.not_valid_after_utc


class FreshTls:
    """A server's TLS that takes over what its files say, without a restart.

    Files that cannot be served with (half written, over, of two pairs) change nothing: the server goes on with what it
    has, and says so once.
    """

    def __init__(self, context: ssl.SSLContext, files: TlsFiles, clock: Callable[[], datetime]) -> None:
        """Of a context that was made of these files. Raises TlsError where they are gone already."""
        self._context = context
        self._files = files
        self._clock = clock
        self._taken = files.content()
        self._until = _end_of(self._taken[0])
        self._said: str | None = None
        self._told: datetime | None = None

    async def keep(self, seconds: float = LOOK_SECONDS) -> None:
        """Look again and again, until cancelled."""
        while True:
            await asyncio.sleep(seconds)
            self.look()

    def look(self) -> None:
        """Take over what was renewed; tell of what was not, in time."""
        now = self._clock()
        try:
            content = self._files.content()
            if content != self._taken:
                self._until = check_certificate(self._files, now)
                self._take()
                self._taken, self._said = content, None
                _log.warning(
                    "the certificate %s was renewed: good until %s", self._files.certificate, _day(self._until)
                )
        except (TlsError, ssl.SSLError, OSError) as error:
            if self._said != str(error):
                self._said = str(error)
                _log.warning("the certificate was not renewed, and the one before is still shown: %s", error)
        self._tell(now)

    def _take(self) -> None:
        # First into a context that nobody uses: half a change must not be left in the one that is served with.
        for context in (ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), self._context):
            context.load_cert_chain(self._files.certificate, self._files.key)
            if self._files.authority:
                context.load_verify_locations(self._files.authority)

    def _tell(self, now: datetime) -> None:
        if now < self._until - TOLD_BEFORE or (self._told and abs(now - self._told) < TOLD_EVERY):
            return
        self._told = now
        over = "has been over since" if now >= self._until else "is over on"
        _log.warning(
            "the certificate that is shown %s %s: renew %s and %s, no restart is needed",
            *(over, _day(self._until), self._files.certificate, self._files.key),
        )


def _end_of(certificate: bytes) -> datetime:
    try:
        return x509.load_pem_x509_certificate(certificate).not_valid_after_utc
    except ValueError:
        raise TlsError("the file of the certificate holds none in PEM form") from None


def _day(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M} UTC"


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise TlsError(f"cannot read {path}: {error.strerror}") from None
