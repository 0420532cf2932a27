"""Long-running operations of the API: one row each, ended by whoever finishes the work (docs/rules.md K3)."""

from datetime import datetime
from enum import StrEnum

from pydantic import BaseModel, ConfigDict


class OperationStatus(StrEnum):
    """ARM's words: Canceled with one l."""

    IN_PROGRESS = "InProgress"
    SUCCEEDED = "Succeeded"
    FAILED = "Failed"
    CANCELED = "Canceled"


class OperationKind(StrEnum):
    """What an operation does, for the reader of a log."""

    PUT = "createOrUpdate"
    DELETE = "delete"
    DELETE_GROUP = "deleteResourceGroup"
    OS_UPGRADE = "osRollingUpgrade"
    CANCEL = "cancel"
    REPLICATION = "replication"
    """Of a gallery image version, whose id then stands in place of a set's."""
    MANUAL_UPGRADE = "manualupgrade"
    REIMAGE = "reimage"
    START = "start"
    POWER_OFF = "powerOff"
    DEALLOCATE = "deallocate"
    RESTART = "restart"
    DELETE_INSTANCES = "deleteInstances"
    UPDATE_INSTANCE = "updateInstance"


class Operation(BaseModel):
    """One long-running operation. `error_code` and `error_message` go with FAILED and CANCELED."""

    model_config = ConfigDict(frozen=True)

    id: str
    kind: OperationKind
    scale_set_unique_id: str
    subscription_id: str
    location: str
    status: OperationStatus
    started_at: datetime
    ended_at: datetime | None = None
    error_code: str = ""
    error_message: str = ""
    resource_id: str = ""
    """What it is about; "" only in operations of an Instar that did not write it down."""
    waits_for: str = ""
    """While it is tried again and again: why, as a sentence (F10)."""
    waits_since: datetime | None = None
