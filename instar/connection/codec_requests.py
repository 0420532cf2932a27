"""What Temporal's page and command line ask a codec server: `POST …/decode` and `…/encode` with `Payloads` as JSON.

Nothing here knows of HTTP servers or of who may ask: whoever serves it sees to that first.
"""

import json
from collections.abc import Awaitable, Callable, Sequence
from enum import StrEnum

from google.protobuf.json_format import MessageToJson, ParseDict, ParseError
from temporalio.api.common.v1 import Payload, Payloads
from temporalio.converter import PayloadCodec

from instar.store.errors import SealingError

BODY_AT_MOST = 4 * 1024 * 1024
"""Bytes. A payload in Temporal is 2 MiB at the most, and base64 makes a third more of it."""

_LIKE = 'it is like {"payloads": [{"metadata": {"encoding": "…"}, "data": "…"}]}, metadata and data in base64'


class Verb(StrEnum):
    """The last part of the path."""

    DECODE = "decode"
    ENCODE = "encode"


class CodecRefusal(Exception):
    """The request cannot be done; the text says why. `status` is HTTP's."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


async def answer(codec: PayloadCodec, verb: Verb, body: bytes) -> str:
    """The payloads opened or sealed, in their order, as JSON; what is not sealed is decoded to itself.

    Raises CodecRefusal: 400 for a body that is none of these or that no key opens, 413 for one above BODY_AT_MOST.
    """
    if len(body) > BODY_AT_MOST:
        raise CodecRefusal(413, f"The body is above {BODY_AT_MOST // 1024 // 1024} MiB: send fewer payloads at once.")
    given = _read(body)
    done: Callable[[Sequence[Payload]], Awaitable[list[Payload]]]
    done = codec.decode if verb is Verb.DECODE else codec.encode
    try:
        return MessageToJson(Payloads(payloads=await done(given.payloads)), indent=None)
    except SealingError as error:
        raise CodecRefusal(400, str(error)) from None


def _read(body: bytes) -> Payloads:
    try:
        given = json.loads(body)
    except (ValueError, RecursionError):
        raise CodecRefusal(400, f"The body is no JSON: {_LIKE}.") from None
    # `{}` is what a query without arguments is.
    if not isinstance(given, dict) or not isinstance(given.get("payloads", []), list):
        raise CodecRefusal(400, f"The body holds no payloads: {_LIKE}.")
    try:
        # Members that a newer Temporal may send along are not ours to refuse.
        return ParseDict(given, Payloads(), ignore_unknown_fields=True)
    except (ParseError, ValueError, RecursionError):
        raise CodecRefusal(400, f"The payloads cannot be read: {_LIKE}.") from None
