"""Everything that would keep an upgrade from beginning now, or has it wait, not the first alone (docs/rules.md C3)."""

from dataclasses import dataclass

from instar.domain.decisions.simulation import Simulation
from instar.domain.decisions.starts import Asked
from instar.domain.steering.next_step import may_not_begin
from instar.domain.steering.start_wishes import Limit, StartWishes
from instar.domain.steering.wishes import Wishes


@dataclass(frozen=True, slots=True)
class Obstacle:
    """One reason. `override` names the limit that an owner may waive, "" where none helps."""

    what: str
    reason: str
    override: str = ""
    stops: bool = True
    """False: it would begin, and wait for this before its first batch."""


@dataclass(frozen=True, slots=True)
class Standing:
    """What is written down of a set."""

    wishes: Wishes = Wishes()  # noqa: RUF009  # frozen
    running: int = 0
    """The number of the upgrade that runs, 0 where none does (P15)."""
    held: str = ""
    """Why nothing is done to its machines (F7)."""


def obstacles(
    standing: Standing, wished: StartWishes, blockers: tuple[str, ...], asked: Asked, simulation: Simulation
) -> tuple[Obstacle, ...]:
    """All of them: what stops it first, then what it would wait for.

    `blockers`: why the set cannot be upgraded at all (B6); `asked`: the version, of which a rollback asks nothing;
    `simulation`: what would come of it.
    """
    found = [Obstacle("eligibility", reason) for reason in blockers]
    if standing.running:
        found.append(Obstacle("upgrade", f"upgrade {standing.running} runs: one at a time"))
    if standing.held:
        found.append(Obstacle("records", standing.held))
    unpaused = standing.wishes.model_copy(update={"pause": None})
    if park := may_not_begin(unpaused, wished.override, goes_back=wished.goes_back):
        found.append(Obstacle("hold", park.reason, Limit.HOLD))
    if park := may_not_begin(standing.wishes.model_copy(update={"holds": ()})):
        found.append(Obstacle("pause", park.reason))
    if asked.quarantined:
        found.append(Obstacle("quarantine", asked.refusal, Limit.QUARANTINE))
    if simulation.stop and not simulation.batches:
        is_window = simulation.left
        found.append(
            Obstacle("window", simulation.stop, Limit.WINDOW, stops=False)
            if is_window
            else Obstacle("unhealthySet", simulation.stop, Limit.UNHEALTHY_SET)
        )
    for first in simulation.batches[:1]:
        if first.gate:
            found.append(Obstacle("approval", "waits for an approval before its first batch", stops=False))
        if first.waits:
            found.append(Obstacle("window", first.waits, Limit.WINDOW, stops=False))
    return tuple(found)
