"""What travels between an upgrade and the activities that ask other people's systems: no URL, no secret (F5)."""

import hashlib
from collections.abc import Mapping
from datetime import timedelta
from typing import Any, Self

from pydantic import Field

from instar.domain.machines.instance_ids import InstanceIds
from instar.domain.message import Message
from instar.domain.records.progress import Outcome, Progress
from instar.domain.sets.scale_sets import ScaleSetIdentity
from instar.domain.steering.outside.answers import JudgeAnswer
from instar.domain.steering.outside.hooks import Hook
from instar.domain.steering.outside.judges import Judge


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
    """Of a closing hook: what became of the machine, as the records call it; "" of one that is upgraded and healthy."""

    def of_machine(self, instance_id: str, why: str) -> Self:
        """The same, about one machine."""
        return self.model_copy(update={"instance_id": instance_id, "why": why})

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


class CallHooks(Message):
    """Call these hooks, one after the other, for each of these machines."""

    hooks: tuple[Hook, ...]
    """All of one point."""
    asking: Asking
    ids: InstanceIds
    why: dict[str, InstanceIds] = Field(default_factory=dict)
    """Of closing hooks: what became of machines, as in `Asking`."""
    at_most: timedelta | None = None
    """For all of it, where nothing depends on the answers any more; whoever has its turn later is asked once."""


class HooksAnswered(Message):
    """What the hooks have answered; each machine that is called stands in one of the rest, or had no answer yet."""

    called: InstanceIds = InstanceIds()
    """Those for which a call was made, or was about to be."""
    go_on: InstanceIds = InstanceIds()
    """Yes, from every hook, or from those that matter."""
    skipped: dict[str, InstanceIds] = Field(default_factory=dict)
    """By the sentence of the hook that did not say yes."""
    proceeded: dict[str, InstanceIds] = Field(default_factory=dict)
    """The same, where it goes on all the same; these are in `go_on` too."""
    stops: str = ""
    """Why the upgrade is to stop: the sentence of a hook."""

    @property
    def answered(self) -> InstanceIds:
        """Those for which nothing more is to be asked."""
        return together(self.skipped) | self.go_on


def together(ids: Mapping[str, InstanceIds]) -> InstanceIds:
    """All of them.

    >>> together({"busy": InstanceIds(ranges="1"), "gone": InstanceIds(ranges="2")}).ranges
    '1-2'
    """
    result = InstanceIds()
    for some in ids.values():
        result |= some
    return result


def what_became(ids: InstanceIds, progress: Progress) -> dict[str, InstanceIds]:
    """Of machines whose closing hooks are due: each outcome but the good one, with those that have it.

    >>> progress = Progress().moved(InstanceIds(ranges="0-1"), Outcome.UPGRADED)
    >>> found = what_became(InstanceIds(ranges="1-2"), progress.moved(InstanceIds(ranges="2-3"), Outcome.ROLLED_BACK))
    >>> {why: some.ranges for why, some in found.items()}
    {'rolledBack': '2'}
    """
    found = {outcome.value: ids & progress.of(outcome) for outcome in Outcome if outcome is not Outcome.UPGRADED}
    return {why: some for why, some in found.items() if some}


class AskJudges(Message):
    """Ask these judges. `occasion`: `beforeBatch` or `bake`."""

    judges: tuple[Judge, ...]
    asking: Asking
    occasion: str
    because: str = ""
    """Why all of them are waited for: what one of them has just said."""


class JudgesAnswered(Message):
    """What each judge says, in the order of the policy."""

    answers: tuple[JudgeAnswer, ...]
