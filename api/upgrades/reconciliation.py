"""Taking over from the machines what records of long ago do not know: Instar's addition (docs/rules.md F7)."""

import asyncio
import uuid
from typing import Any

from fastapi import APIRouter

from api.services.dependencies import SCALE_SET, Services, ServicesDep
from api.services.scale_set_lookup import StoredDep
from api.wire.bodies import OptionalJsonBody, described
from api.wire.errors import ArmError, invalid, scale_set_not_found
from instar.domain.decisions.reconciliation import Adoption, adoption
from instar.domain.machines.instance_ids import InstanceIds
from instar.domain.messages.reconciliation import Reconcile
from instar.domain.sets.scale_sets import ScaleSetModel
from instar.store.errors import Conflict, Missing
from instar.store.sets.stored_scale_set import StoredScaleSet

router = APIRouter(tags=["automatic upgrades"])

Json = dict[str, Any]

TRIES = 5
"""How often the fleet is looked at anew because the model was changed meanwhile."""


@router.post(SCALE_SET + "/instar/reconcile", response_model=None, openapi_extra=described({"dryRun": True}))
async def reconcile(services: ServicesDep, stored: StoredDep, body: OptionalJsonBody) -> Json:
    """Let the records of a set take over what its machines have seen since the records were backed up.

    `dryRun` is true unless the body says otherwise: then nothing is changed, and the answer says what would be taken
    over. No machine is changed or deleted either way; the set is held no more afterwards. Repeated, it changes nothing.
    """
    dry_run = body.get("dryRun", True)
    if not isinstance(dry_run, bool):
        raise invalid("'dryRun' must be true or false.", "dryRun")
    if dry_run:
        return _told(await _survey(services, stored), dry_run=True)
    found, adopted = await _adopted(services, stored)
    model = ScaleSetModel.from_arm(adopted.document, adopted.generation)
    await services.gateway.send(
        adopted.identity,
        Reconcile(
            operation_id=str(uuid.uuid4()),
            last_number=found.last_number,
            generation=adopted.generation,
            machine_generation=adopted.machine_generation,
            mode=model.upgrade_policy.mode,
            automatic=model.upgrade_policy.automatic.enable_automatic_os_upgrade,
            collect=found.collect,
        ),
    )
    await asyncio.to_thread(services.store.reconciliations.finish, adopted.identity.unique_id, found)
    return _told(found, dry_run=False)


async def _survey(services: Services, stored: StoredScaleSet) -> Adoption:
    instances = await services.provider.list_instances(stored.identity)
    numbers = {instance.last_operation for instance in instances}
    known = await asyncio.to_thread(services.store.fleet_marks.known, stored.identity.unique_id, numbers)
    if known is None:
        raise scale_set_not_found(stored.identity.name, stored.resource_group)
    capacity = ScaleSetModel.from_arm(stored.document, stored.generation).capacity
    return adoption(known, capacity, instances, stored.identity.name)


async def _adopted(services: Services, stored: StoredScaleSet) -> tuple[Adoption, StoredScaleSet]:
    """What was taken over, and the set as it is stored then. Raises ArmError 409 for a set in deletion."""
    unique_id = stored.identity.unique_id
    for _ in range(TRIES):
        found = await _survey(services, stored)
        try:
            return found, await asyncio.to_thread(
                services.store.reconciliations.adopt, unique_id, found, services.clock()
            )
        except Missing:
            break
        except Conflict as conflict:
            newest = await asyncio.to_thread(services.store.scale_sets.by_unique_id, unique_id)
            if newest is None:
                break
            if newest.deleting:
                raise ArmError(409, "Conflict", f"{conflict}.") from None
            stored = newest
    else:
        raise ArmError(409, "Conflict", "The model of the scale set is being changed all the while. Try again later.")
    raise scale_set_not_found(stored.identity.name, stored.resource_group)


def _told(found: Adoption, *, dry_run: bool) -> Json:
    """The answer: what the records learn, and from whom."""
    return {
        "dryRun": dry_run,
        "reason": found.reason,
        "changes": found.changes,
        "machines": len(found.instances),
        "unknownInstances": found.unknown_instances.ranges,
        "versions": _each(found.versions, "version"),
        "unknownOperations": _each(found.unknown_operations, "number"),
        "unknownGenerations": _each(found.unknown_models, "generation"),
        "numbersFrom": found.last_number + 1,
        "idsFrom": found.ids_up_to + 1,
        "generation": {"found": found.found_generation, "then": found.generation},
        "capacity": {"found": found.found_capacity, "then": found.capacity},
        "disksToCollect": [{"number": disks.number, "key": disks.key} for disks in found.collect],
    }


def _each(found: dict[Any, InstanceIds], name: str) -> list[Json]:
    return [{name: key, "instances": ids.ranges} for key, ids in found.items()]
