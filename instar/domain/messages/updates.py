"""What may be asked of a scale set's workflow, by the name of the update that takes it, and as text to be kept."""

from typing import Any

from pydantic import TypeAdapter

from instar.domain.message import Message
from instar.domain.messages.instance_actions import InstanceAction
from instar.domain.messages.reconciliation import Reconcile
from instar.domain.messages.scale_set import ApplyModel, CancelUpgrade, DeleteScaleSet, LiftQuarantine, StartUpgrade

Update = StartUpgrade | CancelUpgrade | ApplyModel | InstanceAction | DeleteScaleSet | LiftQuarantine | Reconcile

UPDATES: dict[type[Message], str] = {
    StartUpgrade: "start_upgrade",
    CancelUpgrade: "cancel_upgrade",
    ApplyModel: "apply_model",
    InstanceAction: "act_on_instances",
    DeleteScaleSet: "delete_scale_set",
    LiftQuarantine: "lift_quarantine",
    Reconcile: "reconcile",
}
"""A test compares them with those that the workflow has."""

_BY_NAME: dict[str, TypeAdapter[Any]] = {name: TypeAdapter(kind) for kind, name in UPDATES.items()}
_SEPARATOR = " "


def kept(message: Update) -> str:
    """The message as text.

    >>> read(kept(StartUpgrade(operation_id="one")))
    StartUpgrade(operation_id='one', wishes=None)
    """
    return f"{UPDATES[type(message)]}{_SEPARATOR}{message.model_dump_json()}"


def read(text: str) -> Update:
    """The message again. Raises ValueError for what is none."""
    name, _, body = text.partition(_SEPARATOR)
    if name not in _BY_NAME:
        raise ValueError(f"'{name[:40]}' is nothing that a scale set can be asked")
    message: Update = _BY_NAME[name].validate_json(body)
    return message
