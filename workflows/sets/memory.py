"""What a scale set's workflow knows and what its steps change, held in one place (continue-as-new loses nothing)."""

from datetime import datetime

from temporalio import workflow

from instar.domain.lifecycle.state import ScaleSetState
from instar.domain.sets.scale_sets import ScaleSetIdentity
from workflows.preemption import Cut


class Memory:
    """The state of one set, replaced as a whole by `instar.domain.lifecycle`; and the step that is under way."""

    def __init__(self, state: ScaleSetState) -> None:
        self.state = state
        self.cut = Cut()
        self.looked_after = 0
        """The number of the upgrade that was looked after last; 0 at the beginning of a run."""

    @property
    def scale_set(self) -> ScaleSetIdentity:
        """Whose state it is."""
        return self.state.scale_set

    @property
    def now(self) -> datetime:
        """The workflow's time."""
        return workflow.now()
