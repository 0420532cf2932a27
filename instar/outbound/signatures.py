"""Signing as Standard Webhooks says (https://www.standardwebhooks.com): HMAC-SHA256 over id, time and body.

The receiver verifies with the public library of that name; the same id on a retry lets it know what it has heard.
"""

import base64
import binascii
import hashlib
import hmac
from dataclasses import dataclass, field
from datetime import datetime
from typing import Self

PREFIX = "whsec_"
KEY_BYTES = range(24, 65)
"""Of a key, as the specification asks."""

WANTED = (
    f"a secret is {PREFIX} and {KEY_BYTES.start} to {KEY_BYTES.stop - 1} random bytes in base64, as of "
    "`openssl rand -base64 32`"
)


@dataclass(frozen=True, slots=True)
class Secret:
    """What both sides know. Its repr shows nothing of it."""

    key: bytes = field(repr=False)

    @classmethod
    def of(cls, text: str) -> Self:
        """Raises ValueError, which repeats nothing of the text."""
        body = text.removeprefix(PREFIX)
        try:
            key = base64.b64decode(body, validate=True)
        except (binascii.Error, ValueError):
            raise ValueError(WANTED) from None
        if not text.startswith(PREFIX) or len(key) not in KEY_BYTES:
            raise ValueError(WANTED)
        return cls(key)

    def headers(self, message_id: str, body: bytes, now: datetime) -> dict[str, str]:
        """The three headers of a message that is sent now. The id may hold no dot."""
        seconds = str(int(now.timestamp()))
        signed = b".".join((message_id.encode(), seconds.encode(), body))
        signature = base64.b64encode(hmac.new(self.key, signed, hashlib.sha256).digest()).decode("ascii")
        return {"webhook-id": message_id, "webhook-timestamp": seconds, "webhook-signature": f"v1,{signature}"}
