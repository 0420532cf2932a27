"""Reading what somebody wishes of an upgrade, or of a rollback, that is to begin (docs/rules.md C4, R2)."""

import asyncio
import re
from collections.abc import Mapping
from typing import Any

from api.access.reasons import reason_of
from api.services.dependencies import Services
from api.steering.asked import only, who
from api.wire.errors import invalid, not_allowed
from instar.domain.decisions.starts import FAILED
from instar.domain.images.images import is_exact
from instar.domain.machines.instance_ids import InstanceIds
from instar.domain.steering.start_wishes import Limit, StartWishes
from instar.store.sets.stored_scale_set import StoredScaleSet

Json = dict[str, Any]

MEMBERS = ("version", "instances", "rollback", "override", "reason")
EXAMPLE: Json = {"version": "18.04.202401161", "instances": ["0", "3"], "rollback": "auto", "reason": "try it on two"}

BACK_MEMBERS = ("instances", "toVersion", "override", "reason")
BACK_EXAMPLE: Json = {"instances": ["0"], "reason": "error rate of 2.0.0"}

OF_LAST_RUN = "failed"
"""In place of a list of instances: those that the last upgrade left behind."""

INSTANCES_AT_MOST = 10_000
VERSION_AT_MOST = 100
"""Characters."""

_ID = re.compile(r"0|[1-9][0-9]{0,8}")
_ROLLBACK = {"auto": True, "none": False}

_NO_LIMIT_OF_A_START: Mapping[Limit, str] = {}
_NO_LIMIT_OF_A_ROLLBACK = {
    Limit.QUARANTINE: "whoever names a version ('toVersion') goes back to it, quarantined or not",
    Limit.HOLD: "no hold keeps a rollback back",
}
"""What there is no use in waiving, and why."""


async def wishes_of(services: Services, stored: StoredScaleSet, body: Json) -> StartWishes:
    """What is wished, with `failed` as the instances that it means now.

    Raises ArmError 400 for what cannot be meant, 409 where the last upgrade left nobody behind.
    """
    only(body, MEMBERS)
    override = _override(body, _NO_LIMIT_OF_A_START)
    wishes = StartWishes(
        version=_version(body, "version", "the newest"),
        rolls_back=_rolls_back(body),
        override=override,
        reason=reason_of(body, needed=bool(override)),
        by=who(services),
    )
    given = body.get("instances")
    what_else = f", or '{OF_LAST_RUN}': those that the last upgrade left behind"
    ids = await _left_behind(services, stored) if given == OF_LAST_RUN else _instances(given, what_else)
    return wishes.model_copy(update={"instances": ids})


def wishes_back(services: Services, body: Json) -> StartWishes:
    """What is wished of a rollback. Raises ArmError 400 for what cannot be meant."""
    only(body, BACK_MEMBERS)
    override = _override(body, _NO_LIMIT_OF_A_ROLLBACK)
    return StartWishes(
        goes_back=True,
        version=_version(body, "toVersion", "what each instance had before"),
        instances=_instances(body.get("instances")),
        override=override,
        reason=reason_of(body, needed=bool(override)),
        by=who(services),
    )


def _version(body: Json, member: str, by_default: str) -> str:
    given = body.get(member)
    if given is None:
        return ""
    if not isinstance(given, str) or len(given) > VERSION_AT_MOST or not is_exact(given):
        message = f"'{member}' must be one exact version, numbers joined by dots; leave it out for {by_default}."
        raise invalid(message, member)
    return given


def _rolls_back(body: Json) -> bool:
    given = body.get("rollback")
    if given is None:
        return True
    if not isinstance(given, str) or given not in _ROLLBACK:
        raise invalid("'rollback' must be 'auto' (as the platform does) or 'none'.", "rollback")
    return _ROLLBACK[given]


def _override(body: Json, senseless: Mapping[Limit, str]) -> tuple[Limit, ...]:
    given = body.get("override")
    known = [limit.value for limit in Limit if limit not in senseless]
    if given is None:
        return ()
    for limit, why in senseless.items():
        if isinstance(given, list) and limit.value in given:
            raise invalid(f"'{limit.value}' is nothing to waive here: {why}. Known: {', '.join(known)}.", "override")
    if not isinstance(given, list) or not all(isinstance(one, str) and one in known for one in given):
        raise invalid(f"'override' must be a list that names the limits to waive: {', '.join(known)}.", "override")
    return tuple(limit for limit in Limit if limit.value in given)


def _instances(given: Any, what_else: str = "") -> InstanceIds:
    if given is None:
        return InstanceIds()
    if (
        not isinstance(given, list)
        or not 0 < len(given) <= INSTANCES_AT_MOST
        or not all(isinstance(one, str) and _ID.fullmatch(one) for one in given)
    ):
        raise invalid(
            f'\'instances\' must be a list of 1 to {INSTANCES_AT_MOST} ids as text, like ["0", "3"]{what_else}. '
            "Leave it out for all.",
            "instances",
        )
    return InstanceIds.of(given)


async def _left_behind(services: Services, stored: StoredScaleSet) -> InstanceIds:
    identity, upgrades = stored.identity, services.store.upgrades
    latest = await asyncio.to_thread(upgrades.latest, identity.unique_id)
    if latest is None:
        raise not_allowed(f"No upgrade of the scale set '{identity.name}' has run: it left no instance behind.")
    if not latest.status.ended:
        raise not_allowed(
            f"Upgrade {latest.number} of the scale set '{identity.name}' runs: whom it leaves behind is known at "
            "its end."
        )
    rows = await asyncio.to_thread(upgrades.instances, identity.unique_id, latest.number)
    there = {one.instance_id for one in await services.provider.list_instances(identity)}
    ids = InstanceIds.of(one for one, row in rows.items() if row.outcome in FAILED and one in there)
    if not ids:
        raise not_allowed(
            f"Upgrade {latest.number} of the scale set '{identity.name}', the last one, left no instance behind that "
            "is still there."
        )
    return ids
