"""A mirror of disk images on loopback, over TLS or not, and publishers' keys made for a test."""

import http.server
import ipaddress
import json
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from pysequoia import Cert, SignatureMode, Tsk, sign
from pysequoia.packet import PacketPile

Answer = Callable[["Answers"], None]


class Mirror(http.server.ThreadingHTTPServer):
    """Serves bytes, or whatever a function does with the connection, by path; notes who asked for what."""

    daemon_threads = True

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        self.files: dict[str, bytes | Answer] = {}
        self.asked: list[str] = []
        self.ranges: list[str] = []
        self.sent = 0
        self.scheme = "https" if tls else "http"
        super().__init__(("127.0.0.1", 0), Answers)
        if tls:
            self.socket = tls.wrap_socket(self.socket, server_side=True)

    def url(self, host: str = "localhost") -> str:
        return f"{self.scheme}://{host}:{self.server_port}/"

    def handle_error(self, *_: Any) -> None:
        """A client that hangs up is what many tests are about."""


class Answers(http.server.BaseHTTPRequestHandler):
    server: Mirror
    timeout = 20

    def do_GET(self) -> None:  # the base class's spelling
        self.server.asked.append(self.path)
        found = self.server.files.get(self.path.lstrip("/"))
        if found is None:
            self.answer(404, b"")
        elif callable(found):
            found(self)
        elif begins := self.headers.get("Range"):
            self.server.ranges.append(begins)
            self.answer(206, found[int(begins.removeprefix("bytes=").rstrip("-")) :])
        else:
            self.answer(200, found)

    def answer(self, status: int, content: bytes, *headers: tuple[str, str], length: int | None = None) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(content) if length is None else length))
        for name, value in headers:
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)

    def without_length(self) -> None:
        self.send_response(200)
        self.end_headers()

    def send(self, content: bytes) -> None:
        self.wfile.write(content)
        self.wfile.flush()
        self.server.sent += len(content)

    def log_message(self, *_: Any) -> None:
        pass


@contextmanager
def mirror(tls: ssl.SSLContext | None = None) -> Iterator[Mirror]:
    served = Mirror(tls)
    thread = threading.Thread(target=served.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield served
    finally:
        served.shutdown()
        served.server_close()
        thread.join()


def certified(folder: Path) -> tuple[ssl.SSLContext, Path]:
    """A server's TLS for localhost and 127.0.0.1, and the file of the authority that it is trusted by."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)  # certificates are compared with the clock of the machine
    names = x509.SubjectAlternativeName([x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), 1, now - timedelta(days=1), now + timedelta(days=1))
        .add_extension(names, critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    authority, pem = folder / "authority.pem", folder / "server.pem"
    authority.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    pem.write_bytes(private + authority.read_bytes())
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem)
    return context, authority


class Signer:
    """A publisher's key."""

    def __init__(self, validity_seconds: int | None = None) -> None:
        self.key = Tsk.generate("Publisher <publisher@example.invalid>", validity_seconds=validity_seconds)
        self.public = self.key.extract_certificate()

    @property
    def fingerprint(self) -> str:
        return self.public.fingerprint.upper()

    def signed(self, document: Any) -> bytes:
        text = document if isinstance(document, bytes) else json.dumps(document, indent=1).encode()
        return sign(self.key.signer(), text + b"\n", mode=SignatureMode.CLEAR)

    def revoked(self) -> Cert:
        """The key with its own revocation in it."""
        revocation = self.public.revoke(self.key.certifier())
        primary, *others = PacketPile.from_bytes(bytes(self.public))
        return Cert.from_packets([primary, *PacketPile.from_bytes(bytes(revocation)), *others])
