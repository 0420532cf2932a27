"""What can be done with instances, and what an instance is protected from."""

from enum import StrEnum

from instar.domain.machines.instances import PowerAction
from instar.domain.message import Message


class ActionKind(StrEnum):
    """Each is the name of its ARM route, but PROTECT: a PUT of the instance."""

    MANUAL_UPGRADE = "manualupgrade"
    REIMAGE = "reimage"
    START = "start"
    POWER_OFF = "powerOff"
    DEALLOCATE = "deallocate"
    RESTART = "restart"
    DELETE = "deleteInstances"
    PROTECT = "updateInstance"

    @property
    def numbered(self) -> bool:
        """Whether it acts on machines as an upgrade does: by number, alone, written down (F2, P15)."""
        return self not in (ActionKind.DELETE, ActionKind.PROTECT)

    @property
    def power(self) -> PowerAction | None:
        """What it does to the power of a machine. Here a deallocated machine is a stopped one."""
        return _POWERS.get(self)


_POWERS = {
    ActionKind.START: PowerAction.START,
    ActionKind.POWER_OFF: PowerAction.STOP,
    ActionKind.DEALLOCATE: PowerAction.STOP,
    ActionKind.RESTART: PowerAction.RESTART,
}


class Protection(Message):
    """`protectionPolicy` of an instance (docs/rules.md B6): from actions implies from scale-in."""

    from_actions: bool = False
    from_scale_in: bool = False
