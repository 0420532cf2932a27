"""Why somebody wishes something, in their own words: read once, and noted in the audit log."""

from typing import Any

from fastapi import Request

from api.wire.errors import invalid
from instar.domain.steering.wishes import REASON_AT_MOST


def reason_of(body: dict[str, Any], *, needed: bool = False) -> str:
    """The `reason`; "" where none is given and none needed. Raises ArmError 400."""
    given = body.get("reason")
    reason = given.strip() if isinstance(given, str) else given
    if reason is None and not needed:
        return ""
    if not isinstance(reason, str) or len(reason) > REASON_AT_MOST or (needed and not reason):
        least = 1 if needed else 0
        raise invalid(f"'reason' must say why, in {least} to {REASON_AT_MOST} characters.", "reason")
    return reason


def noted(request: Request, reason: str) -> str:
    """The reason, which the audit log notes too."""
    request.state.reason = reason
    return reason
