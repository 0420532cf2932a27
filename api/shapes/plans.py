"""What an upgrade would do, as it is shown (docs/rules.md C3, C6)."""

from datetime import timedelta
from typing import Any

from isodate import duration_isoformat

from api.wire.moments import moment
from instar.domain.decisions.pace import Pace
from instar.domain.decisions.simulation import PlannedBatch, Simulation

Json = dict[str, Any]


def span(length: timedelta) -> str:
    """A duration as ISO 8601 writes it, in whole seconds.

    >>> span(timedelta(minutes=3, seconds=20.4)), span(timedelta(0))
    ('PT3M20S', 'PT0S')
    """
    seconds = timedelta(seconds=round(length.total_seconds()))
    return str(duration_isoformat(seconds)) if seconds else "PT0S"


def batches_body(simulation: Simulation) -> list[Json]:
    """Its batches, in their order."""
    return [_batch(one) for one in simulation.batches]


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
