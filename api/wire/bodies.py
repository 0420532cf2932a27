"""JSON bodies, read so that no content whatever can do harm later: size, depth, numbers and characters are checked.

Python reads more than JSON is: `NaN`, numbers that become infinite, lone surrogates that cannot be written again. A
null character cannot be kept by every database.
"""

import json
from typing import Annotated, Any

from fastapi import Depends, Request

from api.wire.errors import ArmError, bad_content

DEPTH_AT_MOST = 64
"""Objects in objects; the deepest ARM model needs about ten."""

INTEGER_AT_MOST = 2**63
"""What every database and client can hold."""


async def json_object(request: Request) -> dict[str, Any]:
    """The body, a JSON object. Raises ArmError 400 InvalidRequestContent, or 413."""
    return read_object(await raw_body(request))


def read_object(raw: bytes | str, *, strict: bool = True) -> dict[str, Any]:
    """A JSON object; not `strict`, its strings may hold line breaks. Raises ArmError 400 InvalidRequestContent."""
    try:
        document = json.loads(raw, strict=strict, parse_constant=_no_constant, parse_float=_finite, parse_int=_bounded)
    except RecursionError:
        raise bad_content(f"The request content is nested deeper than {DEPTH_AT_MOST} levels.") from None
    except ValueError as error:
        sentence = str(error) if isinstance(error, json.JSONDecodeError | _BadNumberError) else "it is no UTF-8 text"
        raise bad_content(f"The request content was invalid and could not be deserialized: {sentence}.") from None
    if not isinstance(document, dict):
        raise bad_content("The request content must be a JSON object.")
    _check(document, DEPTH_AT_MOST)
    return document


async def optional_json_object(request: Request) -> dict[str, Any]:
    """The same, where an empty body means an empty object."""
    return await json_object(request) if await raw_body(request) else {}


JsonBody = Annotated[dict[str, Any], Depends(json_object)]
OptionalJsonBody = Annotated[dict[str, Any], Depends(optional_json_object)]


def described(example: dict[str, Any]) -> dict[str, Any]:
    """For the interactive docs: a route that takes a JSON object, and what one looks like."""
    return {"requestBody": {"content": {"application/json": {"schema": {"type": "object"}, "example": example}}}}


class _BadNumberError(ValueError):
    """A number that JSON or we cannot have."""


def _no_constant(word: str) -> float:
    raise _BadNumberError(f"{word} is no JSON value")


def _finite(text: str) -> float:
    number = float(text)
    if number in (float("inf"), float("-inf")):
        raise _BadNumberError("a number is out of range")
    return number


def _bounded(text: str) -> int:
    # The length first: turning a long text into a number takes quadratic time.
    if len(text) > len(str(INTEGER_AT_MOST)) or abs(int(text)) >= INTEGER_AT_MOST:
        raise _BadNumberError("a number is out of range")
    return int(text)


def _check(value: Any, depth: int) -> None:
    if depth == 0:
        raise bad_content(f"The request content is nested deeper than {DEPTH_AT_MOST} levels.")
    if isinstance(value, str):
        _check_text(value)
    elif isinstance(value, dict):
        for key, inner in value.items():
            _check_text(key)
            _check(inner, depth - 1)
    elif isinstance(value, list):
        for item in value:
            _check(item, depth - 1)


def _check_text(text: str) -> None:
    if "\x00" in text or any("\ud800" <= character <= "\udfff" for character in text):
        raise bad_content("The request content has a character that no text can have (U+0000 or a lone surrogate).")


async def raw_body(request: Request) -> bytes:
    """The bytes of the body. Raises ArmError 413."""
    at_most: int = request.app.state.services.settings.quotas.body_bytes
    message = (
        f"The request content is larger than {at_most} bytes. Send less at once, or let the operator of the API raise "
        "its setting INSTAR_QUOTAS__BODY_BYTES."
    )
    too_large = ArmError(413, "RequestContentTooLarge", message)
    if not hasattr(request.state, "body"):
        parts, size = [], 0
        async for part in request.stream():
            size += len(part)
            if size > at_most:
                raise too_large
            parts.append(part)
        request.state.body = b"".join(parts)
    body: bytes = request.state.body
    return body
