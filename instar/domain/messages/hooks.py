"""What travels between an upgrade and the activities that ask other people's systems: no URL, no secret (F5)."""

import hashlib
from typing import Any

from instar.domain.message import Message
from instar.domain.sets.scale_sets import ScaleSetIdentity
from instar.domain.steering.hooks import Hook
from instar.domain.steering.judges import Judge


class Asking(Message):
    """What is said to a hook or a judge of the upgrade that asks."""

    scale_set: ScaleSetIdentity
    number: int
    """Of the upgrade."""
    kind: str
    target_version: str
    batch: int = 0
    """The one that is about to begin or under way; 0 before the first."""
    instance_id: str = ""
    """The machine that a hook is about; "" for judges."""
    why: str = ""
    """Of a closing hook: what became of the machine."""

    @property
    def document(self) -> dict[str, Any]:
        """As it is sent."""
        scale_set = self.scale_set
        body: dict[str, Any] = {
            "scaleSet": {"id": scale_set.resource_id, "name": scale_set.name, "location": scale_set.location},
            "upgrade": {"number": self.number, "kind": self.kind, "targetVersion": self.target_version},
            "batch": self.batch,
        }
        if self.instance_id:
            body["instance"] = {"id": self.instance_id}
        return body | ({"why": self.why} if self.why else {})


def call_id(asking: Asking, *which: object) -> str:
    """The id of one call: the same however often it is made (`webhook-id`). `which`: what tells it from others."""
    facts = (asking.scale_set.unique_id, asking.number, asking.batch, asking.instance_id, *which)
    return "call_" + hashlib.sha256("\n".join(map(str, facts)).encode()).hexdigest()[:32]


class CallHook(Message):
    """Call this hook for the machine that `asking` names."""

    hook: Hook
    asking: Asking


class AskJudge(Message):
    """Ask this judge. `occasion`: what for, and the how manieth look of a bake: each is a question of its own."""

    judge: Judge
    asking: Asking
    occasion: str
