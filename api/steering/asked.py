"""Reading what an operator asks for: nothing unknown, an end that lies ahead, the upgrade that is meant."""

import asyncio
import re
from collections.abc import Collection
from datetime import UTC, datetime
from typing import Any

from pydantic import AwareDatetime, TypeAdapter, ValidationError

from api.services.dependencies import Services
from api.wire.errors import invalid, not_allowed
from instar.domain.access import is_within
from instar.store.sets.stored_scale_set import StoredScaleSet

Json = dict[str, Any]

_MOMENT = TypeAdapter(AwareDatetime)
_NUMBERS = range(1, 1_000_000_000)
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,79}")


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


def number_of(body: Json, name: str) -> int:
    """The number of an upgrade; 0 where it is left out. Raises ArmError 400."""
    given = body.get(name)
    if given is None:
        return 0
    if isinstance(given, bool) or not isinstance(given, int) or given not in _NUMBERS:
        raise invalid(f"'{name}' must be the number of an upgrade, from 1; leave it out for whichever runs.", name)
    return given


async def refuse_another(services: Services, stored: StoredScaleSet, number: int) -> None:
    """Raises ArmError 409 where the upgrade that is meant is known not to be under way any more; 0: any is meant."""
    latest = await asyncio.to_thread(services.store.upgrades.latest, stored.identity.unique_id)
    if not number or latest is None or latest.number < number:  # not written down yet: the set knows
        return
    name = stored.identity.name
    if latest.number > number:
        raise not_allowed(
            f"Upgrade {number} of the scale set '{name}' is not under way any more: upgrade {latest.number} has begun "
            "since. Nothing was done."
        )
    if latest.status.ended:
        raise not_allowed(f"Upgrade {number} of the scale set '{name}' has ended: {latest.status}. Nothing was done.")


def check_name(name: str, parameter: str) -> None:
    """Raises ArmError 400 for what is no name of a hold, a limit, or rings."""
    if not _NAME.fullmatch(name):
        raise invalid("A name here has 1 to 80 letters, digits, dots, dashes and underscores.", parameter)


def may_see(services: Services, scope: str) -> bool:
    """Whether what is at that scope concerns something that the caller may read, or is where the caller may read."""
    return any(is_within(scope, one.scope) or is_within(one.scope, scope) for one in services.caller.grants)
