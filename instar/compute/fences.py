"""The newest attempt that a machine has seen, and which attempts it still takes (docs/rules.md F2, F7)."""

from dataclasses import dataclass

from instar.compute.errors import Overtaken, Superseded
from instar.compute.provider import Effect

KEYS_KEPT = 5
"""Operations of one number that a machine remembers: each is given again only after a restore from a backup."""


@dataclass(frozen=True, slots=True)
class Seen:
    """What a machine remembers. `keys`: what was drawn for the operations that had this number, the newest last."""

    operation: int = 0
    step: int = 0
    attempt: int = 0
    keys: tuple[str, ...] = ("",)

    @property
    def key(self) -> str:
        """What was drawn for the newest operation."""
        return self.keys[-1]

    @property
    def fence(self) -> tuple[int, int, int]:
        """Operation, step, attempt."""
        return (self.operation, self.step, self.attempt)


def admitted(seen: Seen, effect: Effect) -> Seen:
    """What the machine remembers once it has taken that attempt. Raises Superseded, Overtaken.

    A number that was given again to another operation counts as newer: the records were put back from a backup, and
    whatever had the number before runs no more. An operation of release 0.1 drew nothing, and is older than one that
    did.

    >>> from instar.compute.provider import Fence, Step
    >>> from instar.domain.sets.scale_sets import ScaleSetIdentity
    >>> web = ScaleSetIdentity(resource_id="/web", name="web", unique_id="u", location="here")
    >>> seen = admitted(Seen(), Effect(web, Fence(2, Step.RESTORE, 1), "0", drawn="a"))
    >>> admitted(seen, Effect(web, Fence(2, Step.SWAP, 1), "0", drawn="b")).keys
    ('a', 'b')
    """
    asks = (effect.fence.operation, int(effect.fence.step), effect.fence.attempt)
    if asks[0] > seen.operation:
        return Seen(*asks, keys=(effect.drawn,))
    if asks[0] < seen.operation:
        raise Overtaken(_sentence(effect, f"operation {asks[0]} is older than {seen.operation}, which was seen"))
    if effect.drawn == seen.key:
        if asks < seen.fence:
            raise Superseded(_sentence(effect, f"attempt {asks} is older than {seen.fence}, which was seen"))
        return Seen(*asks, keys=seen.keys)
    if not effect.drawn or effect.drawn in seen.keys:
        raise Overtaken(_sentence(effect, f"another operation with the number {asks[0]} was seen since"))
    return Seen(*asks, keys=(*seen.keys, effect.drawn)[-KEYS_KEPT:])


def _sentence(effect: Effect, why: str) -> str:
    return f"instance {effect.instance_id}: {why}"
