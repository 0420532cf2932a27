"""What operators wished, as it is shown."""

from typing import Any

from api.wire.moments import moment
from instar.domain.steering.wishes import Approval, Hold, Pause
from instar.store.sets.stored_scale_set import StoredScaleSet

Json = dict[str, Any]


def pause_body(stored: StoredScaleSet, pause: Pause) -> Json:
    """The pause of a set."""
    return {
        "id": f"{stored.identity.resource_id}/instar/pause",
        "name": "pause",
        "type": "Microsoft.Compute/virtualMachineScaleSets/instar",
        "properties": wish_properties(pause),
    }


def hold_body(hold: Hold) -> Json:
    """A hold."""
    return {
        "id": f"/instar/holds/{hold.name}",
        "name": hold.name,
        "type": "Instar/holds",
        "properties": {"scope": hold.scope, **wish_properties(hold)},
    }


def approval_body(approval: Approval) -> Json:
    """What was said at a gate."""
    return {
        "gate": approval.gate.value,
        "approved": approval.approved,
        "by": approval.by,
        "at": moment(approval.at),
        "reason": approval.reason,
    }


def wish_properties(wish: Pause | Hold) -> Json:
    """Who, since when, why, until when; and the sentence that says so (P17)."""
    properties = {"reason": wish.reason, "by": wish.by, "since": moment(wish.since)}
    if wish.until:
        properties["until"] = moment(wish.until)
    return {**properties, "sentence": wish.sentence}
