"""Where a set stands with its automatic upgrades, and lifting a version's quarantine by hand: Instar's additions."""

import asyncio
import uuid
from typing import Any

from fastapi import APIRouter
from fastapi.responses import Response

from api.services.dependencies import SCALE_SET, Services, ServicesDep
from api.services.scale_set_lookup import StoredDep
from api.shapes.answers import wait_body
from api.shapes.wishes import wish_properties
from api.wire.errors import invalid
from api.wire.moments import moment
from instar.domain.images.images import version_key
from instar.domain.messages.scale_set import LiftQuarantine
from instar.domain.records.quarantine import Quarantine
from instar.domain.records.scale_set_status import ScaleSetStatus
from instar.domain.sets.scale_sets import ScaleSetModel
from instar.store.sets.stored_scale_set import StoredScaleSet

router = APIRouter(tags=["automatic upgrades"])

AUTOMATIC = SCALE_SET + "/instar/automaticOSUpgrades"
TYPE = "Microsoft.Compute/virtualMachineScaleSets/instar"

Json = dict[str, Any]


@router.get(AUTOMATIC, response_model=None)
async def automatic_upgrades(services: ServicesDep, stored: StoredDep) -> Json:
    """How automatic upgrades stand: on or off, the deadline of the first, the last look, the next one, the quarantine.

    And why the set is held, where it is (F7), and what it waits for (F10).

    Read from what the set's workflow wrote down: with Temporal down it is what was true last (A4).
    """
    status = await asyncio.to_thread(services.store.statuses.get, stored.identity.unique_id) or ScaleSetStatus()
    model = ScaleSetModel.from_arm(stored.document, stored.generation)
    properties: Json = {"enabled": model.upgrade_policy.automatic.enable_automatic_os_upgrade}
    if status.held:
        properties["held"] = status.held
    properties |= await _wished(services, stored)
    if status.first_trigger_at:
        properties["firstTriggerAt"] = moment(status.first_trigger_at)
    if status.last_look_at:
        properties["lastLook"] = {"at": moment(status.last_look_at), "outcome": status.last_look}
    if status.next_look_at and properties["enabled"]:
        properties["nextLookAt"] = moment(status.next_look_at)
    properties |= wait_body(await asyncio.to_thread(services.store.waits.of_set, stored.identity.unique_id))
    properties["quarantine"] = _quarantine(status.quarantine)
    return {
        "id": f"{stored.identity.resource_id}/instar/automaticOSUpgrades",
        "name": "automaticOSUpgrades",
        "type": TYPE,
        "properties": properties,
    }


@router.post(AUTOMATIC + "/quarantine/{version}/lift", status_code=204, response_model=None)
async def lift_quarantine(services: ServicesDep, stored: StoredDep, version: str) -> Response:
    """Let the set take that version by itself again (T5), with the instances that it did not suit.

    204 once it is done, 404 if the version is not quarantined there. A body is ignored.
    """
    try:
        version_key(version)
    except ValueError:
        raise invalid(f"'{version}' is no image version: it must be numbers joined by dots.", "version") from None
    await services.gateway.send(stored.identity, LiftQuarantine(operation_id=str(uuid.uuid4()), version=version))
    return Response(status_code=204)


async def _wished(services: Services, stored: StoredScaleSet) -> Json:
    """What operators keep upgrades back with (C1, C2, G3); none of the members where nothing does."""
    identity, now = stored.identity, services.clock()
    latest = await asyncio.to_thread(services.store.upgrades.latest, identity.unique_id)
    number = 0 if latest is None or latest.status.ended else latest.number
    binding = services.store.wishes.binding
    wishes = await asyncio.to_thread(binding, identity.unique_id, identity.resource_id, now, number)
    members: Json = {"paused": wish_properties(wishes.pause)} if wishes.pause else {}
    if wishes.holds:
        members["holds"] = [{"name": hold.name, "scope": hold.scope, **wish_properties(hold)} for hold in wishes.holds]
    if open_gate := wishes.open_gate:
        members["approval"] = {"gate": open_gate.value, "since": moment(wishes.asked[open_gate])}
    return members


def _quarantine(quarantine: Quarantine) -> list[Json]:
    """The newest version first. Without a reason: only those instances are not offered it again."""
    versions = [one.version for one in quarantine.versions]
    versions += [entry.version for entry in quarantine.left_behind if quarantine.of(entry.version) is None]
    return [_entry(quarantine, version) for version in sorted(versions, key=version_key, reverse=True)]


def _entry(quarantine: Quarantine, version: str) -> Json:
    entry, behind = quarantine.of(version), quarantine.behind(version)
    body: Json = {"version": version, "wholeSet": entry is not None}
    if entry:
        body |= {"since": moment(entry.since), "upgrade": entry.number, "reason": entry.reason}
    if behind:
        body["instances"] = behind.ranges
    return body
