"""All that goes through Temporal is sealed: inputs, results, heartbeats, failures, summaries (docs/rules.md F5).

AES-256-GCM with keys derived from the ring that seals secrets in the store, one for this purpose alone. A payload says
which key opens it. Payloads that are not sealed, of releases up to 0.1, are read as they are.
"""

import os
from collections.abc import Sequence
from functools import lru_cache

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from google.protobuf.message import DecodeError
from temporalio.api.common.v1 import Payload
from temporalio.converter import PayloadCodec

from instar.connection.settings import Settings
from instar.store.database.key_file import Key, KeyFile
from instar.store.errors import SealingError

ENCODING = b"binary/encrypted"
CIPHER = b"AES256-GCM"
KEY_ID = "encryption-key-id"

_PURPOSE = b"instar: payloads in Temporal, AES-256-GCM"
_NONCE_BYTES = 12
_RINGS_KEPT = 64


class SealedPayloads(PayloadCodec):
    """Seals with the first key of the ring as it is at that moment, opens with any."""

    def __init__(self, keys: KeyFile) -> None:
        self._keys = keys
        self._cipher = lru_cache(maxsize=_RINGS_KEPT)(_cipher)

    async def encode(self, payloads: Sequence[Payload]) -> list[Payload]:
        """Seal each; what is sealed already is sealed once more. A payload grows by some 130 bytes."""
        key = self._keys.ring().keys[0]
        return [self._sealed(payload, key) for payload in payloads]

    async def decode(self, payloads: Sequence[Payload]) -> list[Payload]:
        """Open each that is sealed. Raises SealingError if no key of the ring does, or if it was tampered with."""
        return [self._opened(payload) if is_sealed(payload) else payload for payload in payloads]

    def _sealed(self, payload: Payload, key: Key) -> Payload:
        key_id = key.fingerprint.encode()
        nonce = os.urandom(_NONCE_BYTES)
        data = self._cipher(key).encrypt(nonce, payload.SerializeToString(), _bound(key_id))
        return Payload(
            metadata={"encoding": ENCODING, "encryption-cipher": CIPHER, KEY_ID: key_id},
            data=nonce + data,
        )

    def _opened(self, payload: Payload) -> Payload:
        key_id = payload.metadata[KEY_ID]
        name = key_id.decode("ascii", errors="replace")[:16]
        key = next((key for key in self._keys.ring().keys if key.fingerprint.encode() == key_id), None)
        if key is None:
            raise SealingError(
                f"no key of {self._keys.path} opens this payload of Temporal: it was sealed with key {name!r} "
                "(`instar keys list` shows those that are there); put that key back into the file, on a line of its own"
            )
        try:
            nonce, data = payload.data[:_NONCE_BYTES], payload.data[_NONCE_BYTES:]
            return Payload.FromString(self._cipher(key).decrypt(nonce, data, _bound(key_id)))
        except (InvalidTag, ValueError, DecodeError):
            raise SealingError(f"a payload of Temporal was changed after it was sealed (key {name!r})") from None


def sealed_payloads(settings: Settings) -> SealedPayloads:
    """With the ring of these settings. Raises SealingError, as KeyFile."""
    return SealedPayloads(KeyFile(settings.keys))


def is_sealed(payload: Payload) -> bool:
    """Whether we have sealed it."""
    return payload.metadata.get("encoding") == ENCODING


def _cipher(key: Key) -> AESGCM:
    return AESGCM(key.derived(_PURPOSE))


def _bound(key_id: bytes) -> bytes:
    """What is said of a payload in clear, and may not be changed."""
    return b"\0".join((ENCODING, CIPHER, key_id))
