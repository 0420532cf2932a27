"""A libvirt that is reached over the network, as one on another host is: by TLS, with certificates of both sides."""

import ipaddress
import socket
from datetime import timedelta
from pathlib import Path
from typing import Self

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from instar.compute.clock import utc_now
from instar.demo.private_libvirt import PrivateLibvirt

HOST = "127.0.0.1"


class RemoteLibvirt(PrivateLibvirt):
    """Its URI names a host, and no socket of this one."""

    def __init__(self, folder: Path) -> None:
        with socket.create_server((HOST, 0)) as trial:
            self.port = int(trial.getsockname()[1])
        self.pki = folder / "pki"
        """What both sides need, as libvirt's clients call it: `pkipath`."""

        files = {"ca_file": "cacert.pem", "cert_file": "clientcert.pem", "key_file": "clientkey.pem"}
        super().__init__(
            folder,
            listening=(
                *("listen_tls = 1", f'listen_addr = "{HOST}"', f'tls_port = "{self.port}"', 'auth_tls = "none"'),
                *(f'{setting} = "{self.pki / name}"' for setting, name in files.items()),
            ),
        )

    def __enter__(self) -> Self:
        self.pki.mkdir(mode=0o700, parents=True)
        make_certificates(self.pki)
        super().__enter__()
        return self

    @property
    def uri(self) -> str:
        return f"qemu+tls://{HOST}:{self.port}/session?pkipath={self.pki}"


def make_certificates(pki: Path) -> None:
    """An authority and a certificate of its, for both sides. libvirt 9 wants a usage in it that only RSA has."""
    issuing, key = (rsa.generate_private_key(65537, 2048) for _ in range(2))
    usage = x509.KeyUsage(*(one in {0, 2, 5} for one in range(9)))
    authority = (
        _begun("an authority", "an authority", issuing.public_key())
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(usage, critical=True)
        .sign(issuing, hashes.SHA256())
    )
    certificate = (
        _begun(HOST, "an authority", key.public_key())
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(
            x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]), critical=False
        )
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address(HOST))]), critical=False)
        .sign(issuing, hashes.SHA256())
    )
    (pki / "cacert.pem").write_bytes(authority.public_bytes(Encoding.PEM))
    (pki / "clientcert.pem").write_bytes(certificate.public_bytes(Encoding.PEM))
    (pki / "clientkey.pem").write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))


def _begun(subject: str, issuer: str, key: rsa.RSAPublicKey) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, subject)]))
        .issuer_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, issuer)]))
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(utc_now() - timedelta(hours=1))
        .not_valid_after(utc_now() + timedelta(days=1))
    )
