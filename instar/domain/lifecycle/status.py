"""Where a set stands with its automatic upgrades, as readers are told (docs/rules.md A4, T5)."""

from instar.domain.lifecycle.state import ScaleSetState
from instar.domain.records.scale_set_status import ScaleSetStatus


def status_of(state: ScaleSetState) -> ScaleSetStatus:
    """What a reader is told of that state."""
    automatic = state.automatic
    next_look_at = automatic.next_look_at if automatic.first_trigger_done else automatic.first_trigger_at
    return ScaleSetStatus(
        enabled=automatic.enabled,
        first_trigger_at=automatic.first_trigger_at,
        first_trigger_done=automatic.first_trigger_done,
        last_look_at=automatic.last_look_at,
        last_look=automatic.last_look,
        next_look_at=next_look_at if automatic.enabled and not automatic.watched and not state.running else None,
        quarantine=automatic.quarantine,
        held=state.held,
    )
