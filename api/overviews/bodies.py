"""An upgrade and a set at a glance, as they are shown."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from api.overviews.needs_person import needs_person
from api.shapes.answers import decision_body, error_body, provisioning_state, target_body, wait_body, wished_body
from api.shapes.wishes import wish_properties
from api.wire.moments import moment
from instar.domain.images.images import ImageReference
from instar.domain.records.operations import Operation
from instar.domain.records.set_state import standing_of
from instar.domain.records.upgrades import ROLLING_KINDS, Decision, UpgradeRecord, UpgradeStart
from instar.domain.sets.names import os_upgrade_workflow_id
from instar.domain.sets.scale_sets import ScaleSetModel
from instar.domain.steering.wishes import Wishes
from instar.store.sets.overviews import Overview
from instar.store.waits import Wait

Json = dict[str, Any]

SET_TYPE = "Instar/scaleSets"
UPGRADE_TYPE = "Microsoft.Compute/virtualMachineScaleSets/instar/upgrades"


@dataclass(frozen=True, slots=True)
class Glance:
    """What the compute tells of the machines of a set."""

    versions: Mapping[str, int]
    """How many machines are on which."""
    health: Mapping[str, int | bool] | None = None
    """How many are how; None where that was not asked, or is not known yet."""


def set_body(overview: Overview, glance: Glance | None, now: datetime) -> Json:
    """A set in a list; `glance`: None where it was not asked for, or is not known."""
    stored, wishes = overview.stored, overview.wishes
    model = ScaleSetModel.from_arm(stored.document, stored.generation)
    standing = standing_of(overview.upgrade, overview.decided, wishes, overview.status.held, deleting=stored.deleting)
    automatic = model.upgrade_policy.automatic.enable_automatic_os_upgrade
    properties: Json = {
        "subscriptionId": stored.subscription_id,
        "resourceGroup": stored.resource_group,
        "provisioningState": provisioning_state(stored, list(overview.running), overview.last_put),
        "image": image_body(model.image),
        "capacity": model.capacity,
        "automatic": automatic,
        "state": standing.state.value,
        "reason": standing.reason,
    }
    properties |= _told(glance) | _wished(wishes) | _not_handed_over(overview.not_taken)
    if overview.status.held:
        properties["recordsBehind"] = overview.status.held
    if overview.status.last_look_at:
        properties["lastLook"] = {"at": moment(overview.status.last_look_at), "outcome": overview.status.last_look}
    if automatic and overview.status.next_look_at:
        properties["nextLookAt"] = moment(overview.status.next_look_at)
    if overview.status.quarantine.excluded:
        properties["quarantined"] = list(overview.status.quarantine.excluded)
    if overview.upgrade:
        properties["upgrade"] = upgrade_properties(overview.upgrade, overview.decided, overview.wait)
    if needed := needs_person(properties, now):
        properties["needsPerson"] = needed
    return {
        "id": stored.identity.resource_id,
        "name": stored.identity.name,
        "type": SET_TYPE,
        "location": stored.identity.location,
        "properties": properties,
    }


def _told(glance: Glance | None) -> Json:
    if glance is None:
        return {}
    told: Json = {"versions": dict(sorted(glance.versions.items()))}
    return told | ({"health": dict(glance.health)} if glance.health is not None else {})


def _wished(wishes: Wishes) -> Json:
    """What operators keep upgrades back with, while it lasts."""
    told: Json = {"paused": wish_properties(wishes.pause)} if wishes.pause else {}
    if wishes.holds:
        told["holds"] = [{"name": hold.name, "scope": hold.scope, **wish_properties(hold)} for hold in wishes.holds]
    if gate := wishes.open_gate:
        told["approval"] = {"gate": gate.value, "since": moment(wishes.asked[gate])}
    return told


def _not_handed_over(one: Operation | None) -> Json:
    """What could not be given to the set's workflow yet, and why (F6)."""
    if one is None or one.waits_since is None:
        return {}
    return {
        "handOver": {"operation": one.id, "kind": one.kind.value, **wait_body(Wait(one.waits_for, one.waits_since))}
    }


def upgrade_body(
    record: UpgradeRecord, decided: Decision | None, wait: Wait | None, start: UpgradeStart | None = None
) -> Json:
    """An upgrade, or another operation on the machines of a set, as one of its history."""
    by_workflow = record.kind in ROLLING_KINDS
    workflow = {"workflowId": os_upgrade_workflow_id(record.scale_set, record.number)} if by_workflow else {}
    return {
        "id": f"{record.scale_set.resource_id}/instar/upgrades/{record.number}",
        "name": str(record.number),
        "type": UPGRADE_TYPE,
        "properties": upgrade_properties(record, decided, wait) | wished_body(start) | workflow,
    }


def upgrade_properties(record: UpgradeRecord, decided: Decision | None, wait: Wait | None) -> Json:
    """What it is, who began it, how far it is; `decided`: the newest decision in it."""
    counts = record.counts
    properties: Json = {
        "number": record.number,
        "kind": record.kind.value,
        "startedBy": record.started_by.value,
        "target": target_body(record.target),
        "targetVersion": record.target.version,
        "generation": record.generation,
        "status": record.status.value,
        "startTime": moment(record.started_at),
        "progress": {
            "successfulInstanceCount": counts.successful,
            "failedInstanceCount": counts.failed,
            "inProgressInstanceCount": counts.in_progress,
            "pendingInstanceCount": counts.pending,
            "rolledBackInstanceCount": counts.rolled_back,
            "needsPersonInstanceCount": counts.rollback_failed,
            "skippedInstanceCount": counts.skipped,
        },
    }
    if record.ended_at:
        properties["endTime"] = moment(record.ended_at)
    if decided:
        properties |= {"batch": decided.batch, "lastDecision": decision_body(decided)}
    if record.error:
        properties["error"] = error_body(record.error)
    return properties | wait_body(wait)


def image_body(image: ImageReference) -> Json:
    """The image that a model names, as it names it."""
    return image.model_dump(by_alias=True, exclude_defaults=True)


def counted(versions: list[str]) -> dict[str, int]:
    """How many machines are on which version.

    >>> counted(["1.0", "2.0", "1.0"])
    {'1.0': 2, '2.0': 1}
    """
    return dict(Counter(versions))
