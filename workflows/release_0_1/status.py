"""What a set's workflow writes down of its automatic upgrades, so that it can be read with Temporal down (A4)."""

from temporalio import workflow

from activities.records.upgrades import RecordActivities
from instar.domain.messages.scale_set import RecordStatus
from instar.domain.records.scale_set_status import ScaleSetStatus
from workflows import options
from workflows.release_0_1.memory import Memory
from workflows.release_0_1.state import ScaleSetState


def status_of(state: ScaleSetState) -> ScaleSetStatus:
    """What a reader is told of that state."""
    waiting_for_first = not state.first_trigger_done
    next_look_at = state.first_trigger_at if waiting_for_first else state.next_look_at
    return ScaleSetStatus(
        enabled=state.automatic,
        first_trigger_at=state.first_trigger_at,
        first_trigger_done=state.first_trigger_done,
        last_look_at=state.last_look_at,
        last_look=state.last_look,
        next_look_at=next_look_at if state.automatic and not state.running else None,
        quarantine=state.quarantine,
    )


class StatusRecord:
    """Writes when there is something new to read."""

    def __init__(self, memory: Memory) -> None:
        self._memory = memory
        # What the run before had written, or what nobody has to read: a set that never had automatic upgrades on.
        self._written = status_of(memory.state)

    @property
    def is_stale(self) -> bool:
        """Whether readers see something that is no more so."""
        return status_of(self._memory.state) != self._written

    def written(self, status: ScaleSetStatus) -> None:
        """Somebody else wrote it."""
        self._written = status

    async def write(self) -> None:
        """Write what is not written yet."""
        if not self.is_stale:
            return
        state = self._memory.state
        status = status_of(state)
        await workflow.execute_activity_method(
            RecordActivities.record_status,
            RecordStatus(scale_set=state.scale_set, status=status, at=workflow.now()),
            summary="where the set stands with its automatic upgrades",
            **options.RECORD,
        )
        self._written = status
