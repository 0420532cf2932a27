"""How large batches may be by a wave plan, and who is the canary (docs/rules.md W1).

B1 and B2 stay the upper limit: a wave only makes a batch smaller.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from instar.domain.shares import share
from instar.domain.steering.rollout_policy import RolloutPolicy


@dataclass(frozen=True, slots=True)
class Turn:
    """What a rollout policy says of the next batch."""

    canaries: tuple[str, ...] = ()
    """The named instances that it is of; empty: of whoever comes next."""
    at_most: int | None = None
    """How many instances; None: the policy says nothing of that."""
    name: str = ""
    """For a sentence: which wave it is."""


def size_of_batch(waves: Sequence[int | str], number: int, machines: int) -> int | None:
    """Instances in the wave of that number, counted from 1, of a set of so many machines; None: there are no waves.

    The last wave repeats. A percentage is rounded as B1 rounds it: down, and never to none. 100 machines:

    >>> [size_of_batch([1, "5%", "20%"], number, 100) for number in (1, 2, 3, 4)]
    [1, 5, 20, 20]

    30 machines, of which 5 % are 1.5:

    >>> [size_of_batch([1, "5%", "20%"], number, 30) for number in (1, 2, 3)]
    [1, 1, 6]
    >>> size_of_batch([], 1, 100)
    """
    if not waves:
        return None
    wave = waves[min(number, len(waves)) - 1]
    return wave if isinstance(wave, int) else share(machines, int(wave.removesuffix("%")))


def canaries_due(
    policy: RolloutPolicy | None, *, begun: int, canary_batches: int, due: Iterable[str]
) -> tuple[str, ...]:
    """Those of the instances that wait whose turn as canaries it is.

    >>> policy = RolloutPolicy(canary={"instances": ("7", "99")})
    >>> [canaries_due(policy, begun=1, canary_batches=n, due=("0", "7")) for n in (1, 0)]
    [('7',), ()]
    """
    # Asked again before the batch began, the answer is the same: then one canary batch more is counted than begun.
    if policy is None or policy.canary is None or canary_batches < begun:
        return ()
    named = policy.canary.instances
    return tuple(instance_id for instance_id in due if instance_id in named)


def turn_of(
    policy: RolloutPolicy | None, *, begun: int, canary_batches: int, due: Sequence[str], machines: int
) -> Turn:
    """Whose turn it is, after `begun` batches of which the first `canary_batches` were of named canaries.

    `due` are the instances that still wait, `machines` is how many the set has. Canaries that are in several zones, or
    that B1 and B2 do not let out together, are several batches; the waves begin after the last of them. One that was
    not there or not due when its turn was is an instance like any other.

    >>> policy = RolloutPolicy(waves=(2, "20%"), canary={"instances": ("7", "99")})
    >>> turn_of(policy, begun=0, canary_batches=0, due=("0", "1", "7"), machines=50).canaries
    ('7',)
    >>> turn_of(policy, begun=1, canary_batches=1, due=("0", "1"), machines=50)
    Turn(canaries=(), at_most=2, name='wave 1')
    >>> turn_of(policy, begun=2, canary_batches=1, due=("0", "1"), machines=50)
    Turn(canaries=(), at_most=10, name='wave 2')
    """
    if policy is None:
        return Turn()
    if canaries := canaries_due(policy, begun=begun, canary_batches=canary_batches, due=due):
        return Turn(canaries=canaries, name="canary")
    number = begun - min(canary_batches, begun) + 1
    at_most = size_of_batch(policy.waves, number, machines)
    return Turn() if at_most is None else Turn(at_most=at_most, name=f"wave {number}")
