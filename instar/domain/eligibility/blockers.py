"""A reason why not: what every check of a model or of a start answers with."""

from dataclasses import dataclass

BAD_REQUEST = "BadRequest"
INVALID_PARAMETER = "InvalidParameter"
PROPERTY_CHANGE_NOT_ALLOWED = "PropertyChangeNotAllowed"
OPERATION_NOT_ALLOWED = "OperationNotAllowed"

IMAGE = "virtualMachineProfile.storageProfile.imageReference"
DATA_DISKS = "virtualMachineProfile.storageProfile.dataDisks"
EXTENSIONS = "virtualMachineProfile.extensionProfile.extensions"
HEALTH_PROBE = "virtualMachineProfile.networkProfile.healthProbe"
OS_PROFILE = "virtualMachineProfile.osProfile"


@dataclass(frozen=True, slots=True)
class Blocker:
    """One reason why not. `code` is the ARM error code, `target` the property at fault ("" where none is)."""

    code: str
    message: str
    target: str = ""
