"""Reading what an operator asks for: nothing unknown, an end that lies ahead."""

from collections.abc import Collection
from datetime import UTC, datetime
from typing import Any

from pydantic import AwareDatetime, TypeAdapter, ValidationError

from api.services.dependencies import Services
from api.wire.errors import invalid

Json = dict[str, Any]

_MOMENT = TypeAdapter(AwareDatetime)


def only(body: Json, known: Collection[str]) -> None:
    """Raises ArmError 400 for a member that is not known: a misspelt `until` must not become a wish without end."""
    for name in body:
        if name not in known:
            raise invalid(f"'{name[:60]}' is not known here; known are {', '.join(known)}.", name[:60])


def until_of(body: Json, now: datetime) -> datetime | None:
    """The `until`; None: without end. Raises ArmError 400 for what is no moment, or is over."""
    given = body.get("until")
    if given is None:
        return None
    try:
        until = _MOMENT.validate_strings(given) if isinstance(given, str) else None
    except ValidationError:
        until = None
    if until is None:
        raise invalid("'until' must be a moment with its offset, as 2026-12-01T06:00:00Z.", "until")
    if until <= now:
        raise invalid(f"'until' has passed: it is {now.isoformat(timespec='seconds')} now.", "until")
    return until.astimezone(UTC)


def who(services: Services) -> str:
    """Whose wish it is, as readers are told."""
    return services.caller.principal.name or services.caller.principal.subject


def flag_of(body: Json, name: str) -> bool:
    """True or false; false where it is left out. Raises ArmError 400."""
    given = body.get(name, False)
    if not isinstance(given, bool):
        raise invalid(f"'{name}' must be true or false.", name)
    return given
