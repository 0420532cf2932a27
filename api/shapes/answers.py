"""From the domain's words to ARM's bodies (docs/rules.md K4)."""

from typing import Any

from api.shapes.set_defaults import with_defaults
from api.shapes.upgrade_policies import echoed, policy_body
from api.wire.api_versions import NEWEST, PAST_UPGRADE, ROLLING_UPGRADE, SCALE_SET, shaped
from api.wire.moments import moment
from instar.domain.images.images import ImageReference
from instar.domain.records.operations import Operation, OperationKind, OperationStatus
from instar.domain.records.upgrades import Decision, UpgradeError, UpgradeRecord, UpgradeStart
from instar.domain.records.way_back import GoingBack
from instar.store.database.secret_places import without_secrets
from instar.store.sets.stored_scale_set import StoredScaleSet
from instar.store.waits import Wait

Json = dict[str, Any]

SCALE_SET_TYPE = "Microsoft.Compute/virtualMachineScaleSets"
ROLLING_UPGRADE_TYPE = "Microsoft.Compute/virtualMachineScaleSets/rollingUpgrades"


def scale_set_body(stored: StoredScaleSet, provisioning_state: str, api_version: str = NEWEST) -> Json:
    """A scale set as its owner gets it: its document, Azure's defaults, what the service knows besides, no secret."""
    document = without_secrets(with_defaults(stored.document))
    properties = document.get("properties") or {}
    body = {
        **document,
        "name": stored.identity.name,
        "id": stored.identity.resource_id,
        "type": SCALE_SET_TYPE,
        "location": stored.identity.location,
        "etag": quoted_etag(stored),
        "properties": {
            **properties,
            "upgradePolicy": echoed(properties.get("upgradePolicy") or {}),
            "provisioningState": provisioning_state,
            "uniqueId": stored.identity.unique_id,
            "timeCreated": moment(stored.created_at),
        },
    }
    return shaped(body, SCALE_SET, api_version)


def quoted_etag(stored: StoredScaleSet) -> str:
    """The entity tag as the header and the body carry it."""
    return f'"{str(stored.etag).strip(chr(34))}"'


def provisioning_state(stored: StoredScaleSet, running: list[Operation], last_put: Operation | None) -> str:
    """Creating, Updating or Deleting while an operation runs; else what became of the newest PUT (docs/rules.md K3)."""
    kinds = {operation.kind for operation in running}
    if stored.deleting or OperationKind.DELETE in kinds:
        return "Deleting"
    if OperationKind.PUT in kinds and stored.generation == 1:
        return "Creating"
    if kinds or last_put is None:
        return "Updating" if kinds else "Succeeded"
    return last_put.status.value


def operation_body(operation: Operation) -> Json:
    """The status of a long-running operation (docs/rules.md K3)."""
    body: Json = {
        "name": operation.id,
        "status": operation.status.value,
        "startTime": moment(operation.started_at),
    }
    if operation.waits_for and operation.waits_since:
        body["properties"] = wait_body(Wait(operation.waits_for, operation.waits_since))
    if operation.ended_at:
        body["endTime"] = moment(operation.ended_at)
    if operation.status in (OperationStatus.FAILED, OperationStatus.CANCELED):
        body["error"] = {
            "code": operation.error_code or "OperationFailed",
            "message": operation.error_message or "The operation did not succeed.",
        }
    return body


def wait_body(wait: Wait | None) -> Json:
    """What is tried again for long, as members of properties (F10); none of them where nothing is."""
    return {"waitsFor": wait.reason, "waitsSince": moment(wait.since)} if wait else {}


def latest_body(
    record: UpgradeRecord, api_version: str = NEWEST, wait: Wait | None = None, start: UpgradeStart | None = None
) -> Json:
    """`rollingUpgrades/latest` (A1), with what it waits for, and what was wished at its start (C4).

    Its id and name are those of its path: Azure sends none, and clients that are made from its description need them.
    """
    status: Json = {
        "code": record.status.value,
        "startTime": moment(record.started_at),
        "lastAction": record.last_action,
        "lastActionTime": moment(record.last_action_at or record.started_at),
    }
    properties: Json = (
        {
            "policy": {"maxSurge": False} | policy_body(record.policy),
            "runningStatus": status,
            "progress": _progress(record),
        }
        | wait_body(wait)
        | wished_body(start)
        | way_back_body(record)
    )
    if record.error:
        properties["error"] = error_body(record.error)
    body: Json = {
        "name": "latest",
        "id": f"{record.scale_set.resource_id}/rollingUpgrades/latest",
        "type": ROLLING_UPGRADE_TYPE,
        "location": record.scale_set.location,
        "properties": properties,
    }
    return shaped(body, ROLLING_UPGRADE, api_version)


def wished_body(start: UpgradeStart | None) -> Json:
    """What whoever started an upgrade wished (C4), as a member of properties; none of one that was not started so."""
    wishes = start.wishes if start else None
    if wishes is None:
        return {}
    wished: Json = {"by": wishes.by, "rollback": "auto" if wishes.rolls_back else "none"}
    if wishes.version:
        wished["version"] = wishes.version
    if wishes.instances:
        wished["instances"] = wishes.instances.ranges
    if wishes.override:
        wished["override"] = list(wishes.override)
    if wishes.reason:
        wished["reason"] = wishes.reason
    return {"wishes": wished}


def history_body(record: UpgradeRecord, api_version: str = NEWEST, start: UpgradeStart | None = None) -> Json:
    """One item of `osUpgradeHistory` (A2). Both names of its end: clients differ in which one they read."""
    status: Json = {"code": record.status.value, "startTime": moment(record.started_at)}
    if record.ended_at:
        status |= {"completedTime": moment(record.ended_at), "endTime": moment(record.ended_at)}
    rollback: Json = {
        "successfullyRolledbackInstanceCount": record.counts.rolled_back,
        "failedRolledbackInstanceCount": record.counts.rollback_failed,
    }
    if record.rollback_error:
        rollback["rollbackError"] = {"code": "RollbackFailed", "message": record.rollback_error}
    properties: Json = (
        {
            "runningStatus": status,
            "progress": _progress(record),
            "startedBy": record.started_by.value,
            "targetImageReference": target_body(record.target),
            "rollbackInfo": rollback,
        }
        | wished_body(start)
        | way_back_body(record)
    )
    if record.error:
        properties["error"] = error_body(record.error)
    body: Json = {"type": ROLLING_UPGRADE_TYPE, "location": record.scale_set.location, "properties": properties}
    return shaped(body, PAST_UPGRADE, api_version)


def way_back_body(record: UpgradeRecord) -> Json:
    """That it is a rollback, and who goes back to what: Instar's additions (R2); nothing of any other upgrade."""
    if record.way_back is None:
        return {}
    return {"kind": record.kind.value, "goesBackTo": [going_back_body(part) for part in record.way_back.parts]}


def going_back_body(part: GoingBack) -> Json:
    """Instances that go back to the same."""
    return {
        "version": part.image.version,
        "generation": part.generation,
        "instances": part.ids.ranges,
        "newlyMade": part.newly_made,
    }


def target_body(target: ImageReference) -> Json:
    """The exact version that an upgrade was to: of a platform image by its names, of a gallery image by its id."""
    if target.id:
        return {"id": target.version_id, "exactVersion": target.version}
    return target.model_dump(by_alias=True, exclude_defaults=True)


def error_body(error: UpgradeError) -> Json:
    """Why an upgrade did not complete, with its details if there are any."""
    body: Json = {"code": error.code, "message": error.message}
    if error.details:
        body["details"] = [detail.model_dump(exclude_defaults=True) for detail in error.details]
    return body


def decision_body(decision: Decision) -> Json:
    """One decision and its reason (P17)."""
    return {
        "sequence": decision.sequence,
        "time": moment(decision.at),
        "batch": decision.batch,
        "action": decision.action,
        "reason": decision.reason,
    }


def _progress(record: UpgradeRecord) -> Json:
    counts = record.counts
    return {
        "successfulInstanceCount": counts.successful,
        "failedInstanceCount": counts.failed,
        "inProgressInstanceCount": counts.in_progress,
        "pendingInstanceCount": counts.pending,
    }
