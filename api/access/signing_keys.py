"""The keys with which Instar's own issuer signs tokens: made at first start, private to the user, kept across restarts.

Kept, because clients cache a token for its whole life (docs/rules.md K8).
"""

import hashlib
import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)
from jwt.algorithms import RSAAlgorithm

from instar.private_files import draft_beside

ALGORITHM = "RS256"

KEY_BITS = 2048
OF_OTHERS = 0o077
"""What nobody but the user may do with the file."""


class SigningKeyError(Exception):
    """The key file cannot be used. Its text never holds the key."""


@dataclass(frozen=True)
class SigningKey:
    """One RSA key and its id, which is derived from it."""

    private: RSAPrivateKey
    key_id: str

    @classmethod
    def from_file(cls, path: Path) -> "SigningKey":
        """The key of a PEM file; a file that is not there is made, whole or not at all. Raises SigningKeyError."""
        try:
            if not path.exists():
                _make(path)
            if path.stat().st_mode & OF_OTHERS:
                raise SigningKeyError(
                    f"the signing key {path} cannot be used: others may read it, and so be anybody. If none has, "
                    "`chmod 600` it; else remove it: a new one is made, and every token of before is good no more"
                )
            key = load_pem_private_key(path.read_bytes(), password=None)
        except (OSError, ValueError, TypeError) as error:
            reason = error.strerror if isinstance(error, OSError) else "it holds no private key in PEM form"
            raise SigningKeyError(f"the signing key {path} cannot be used: {reason}") from None
        if not isinstance(key, RSAPrivateKey):
            raise SigningKeyError(f"the signing key {path} cannot be used: it is no RSA key")
        return cls(key, _thumbprint(key))

    @property
    def public_jwk(self) -> dict[str, Any]:
        """The public half, as a JSON Web Key."""
        key = json.loads(RSAAlgorithm.to_jwk(self.private.public_key()))
        return {**key, "kid": self.key_id, "use": "sig", "alg": ALGORITHM, "key_ops": ["verify"]}

    def sign(self, claims: dict[str, Any]) -> str:
        """A token."""
        return jwt.encode(claims, self.private, algorithm=ALGORITHM, headers={"kid": self.key_id})


def _thumbprint(key: RSAPrivateKey) -> str:
    public = key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return hashlib.sha256(public).hexdigest()[:32]


def _make(path: Path) -> None:
    pem = generate_private_key(public_exponent=65537, key_size=KEY_BITS).private_bytes(
        Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()
    )
    draft = draft_beside(path, pem)
    try:
        os.link(draft, path)
    except FileExistsError:
        return  # another process was faster: its key counts
    finally:
        draft.unlink(missing_ok=True)
