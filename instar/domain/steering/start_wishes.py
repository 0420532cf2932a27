"""What a person wishes of an upgrade beyond its start (docs/rules.md C4, R2)."""

from enum import StrEnum
from typing import Annotated

from pydantic import Field

from instar.domain.legible import legible
from instar.domain.machines.instance_ids import InstanceIds
from instar.domain.message import Message

IDS_SHOWN = 100
"""Characters of a list of instances in a sentence."""


class Limit(StrEnum):
    """What an owner may waive for one upgrade, each by name (C4). Nothing else is waived by it."""

    UNHEALTHY_SET = "unhealthySet"
    """Too much of the set is sick to begin, or to go on (P2, P3): roll forward out of it."""
    QUARANTINE = "quarantine"
    HOLD = "hold"
    WINDOW = "window"


class StartWishes(Message):
    """As somebody asked for it; what is left out is as the platform does it."""

    goes_back: bool = False
    """A rollback (R2): each machine gets a disk back that was put aside, instead of one of a newer version."""
    version: str = ""
    """An exact version, also a lower one; "": the newest, and of a rollback the one that each machine was on before."""
    instances: InstanceIds = InstanceIds()
    """These alone; nobody named: all."""
    rolls_back: bool = True
    """Whether a machine that does not get healthy gets its previous disk back (P7)."""
    override: tuple[Limit, ...] = ()
    reason: str = ""
    by: str = ""
    """Who asked, as the audit log names them."""
    undoes: Annotated[str, Field(exclude_if=lambda value: value == "")] = ""
    """Of a rollback: the key of the upgrade whose machines alone get back what they had before it (C5)."""

    @property
    def waived(self) -> tuple[Limit, ...]:
        """The limits that are not to stop it: those named, and of a revert that the set is sick (C5).

        It touches nobody but whom the cancelled upgrade moved, and that upgrade may be what made them sick.

        >>> [limit.value for limit in StartWishes(undoes="key").waived]
        ['unhealthySet']
        """
        if self.undoes and Limit.UNHEALTHY_SET not in self.override:
            return (Limit.UNHEALTHY_SET, *self.override)
        return self.override

    def waives(self, limit: Limit) -> bool:
        """Whether that limit is not to stop it.

        >>> StartWishes(override=(Limit.WINDOW,)).waives(Limit.HOLD)
        False
        """
        return limit in self.waived

    def sentence(self, version: str) -> str:
        """Who wished what and why, for the first decision of the upgrade to that version (P17).

        >>> wishes = StartWishes(by="ann", override=(Limit.UNHEALTHY_SET, Limit.HOLD), reason="the new one mends it")
        >>> wishes.sentence("2.0.0")
        'to 2.0.0, asked for by ann, override unhealthySet, hold: the new one mends it'
        >>> StartWishes(by="ann", instances=InstanceIds(ranges="3-5"), rolls_back=False).sentence("2.0.0")
        'to 2.0.0, asked for by ann, instances 3-5 alone, no rollback'
        """
        parts = [f"to {version}", f"asked for by {legible(self.by)}"]
        if self.instances:
            parts.append(f"instances {self.instances.ranges[:IDS_SHOWN]} alone")
        if not self.rolls_back:
            parts.append("no rollback")
        if self.override:
            parts.append(f"override {', '.join(self.override)}")
        if self.undoes:
            parts.append(f"undoing the upgrade that was cancelled, for which {', '.join(self.waived)} is waived")
        return ", ".join(parts) + (f": {legible(self.reason)}" if self.reason else "")
