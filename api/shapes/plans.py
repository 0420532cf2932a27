"""What an upgrade would do, as it is shown (docs/rules.md C3, C6)."""

from datetime import timedelta
from typing import Any

from isodate import duration_isoformat

from api.wire.moments import moment
from instar.domain.decisions.obstacles import Obstacle
from instar.domain.decisions.pace import Pace
from instar.domain.decisions.simulation import PlannedBatch, Simulation, Situation
from instar.domain.machines.instances import Look
from instar.domain.records.progress import Outcome

Json = dict[str, Any]


def span(length: timedelta) -> str:
    """A duration as ISO 8601 writes it, in whole seconds.

    >>> span(timedelta(minutes=3, seconds=20.4)), span(timedelta(0))
    ('PT3M20S', 'PT0S')
    """
    seconds = timedelta(seconds=round(length.total_seconds()))
    return str(duration_isoformat(seconds)) if seconds else "PT0S"


def _batches(simulation: Simulation) -> list[Json]:
    return [_batch(one) for one in simulation.batches]


def outlook_body(simulation: Simulation, look: Look, against: tuple[Obstacle, ...], situation: Situation) -> Json:
    """What would come of it, and what is against it."""
    progress, batches = simulation.progress, simulation.batches
    due = sum(len(one.ids) for one in batches) + len(simulation.left)
    body: Json = {
        "wouldBegin": not any(one.stops for one in against),
        "obstacles": [
            {"what": one.what, "reason": one.reason, "stops": one.stops}
            | ({"override": one.override} if one.override else {})
            for one in against
        ],
        "instances": {"all": len(look.views), "due": due, "current": len(progress.of(Outcome.CURRENT))},
        "leftOut": [{"instances": ids.ranges, "reason": reason} for reason, ids in progress.left_out.items()],
        "batches": _batches(simulation),
    }
    if simulation.left:
        body["further"] = {"instances": len(simulation.left), "batches": simulation.more}
    if simulation.stop:
        body["stop"] = simulation.stop
    if simulation.ends:
        ends = simulation.ends + simulation.more * (batches[-1].takes + batches[-1].bake)
        body |= {"ends": moment(ends), "takes": span(ends - situation.now)}
    return body


def pace_body(pace: Pace) -> Json:
    """How long a batch takes, and what that was learnt from."""
    return {"batch": span(pace.batch), "longest": span(pace.longest), "by": pace.by.value}


def _batch(one: PlannedBatch) -> Json:
    body: Json = {
        "batch": one.number,
        "size": len(one.ids),
        "instances": one.ids.ranges,
        "begins": moment(one.begins),
        "takes": span(one.takes),
        "bake": span(one.bake),
        "reason": one.reason,
    }
    if one.wave:
        body["wave"] = one.wave
    if one.gate:
        body["gate"] = one.gate.value
    if one.waits:
        body["waits"] = one.waits
    return body
