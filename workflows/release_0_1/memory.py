"""What a scale set's workflow knows, held in one place by its parts, so that continue-as-new loses nothing."""

from instar.domain.messages.scale_set import EndOperation
from workflows.release_0_1.state import ScaleSetState


class Memory:
    """The state of one set. Every change makes a new state: whoever waits sees that something changed."""

    def __init__(self, state: ScaleSetState) -> None:
        self.state = state
        self.to_end: list[EndOperation] = []
        """Operations that are being ended just now."""

    def change(self, **changes: object) -> None:
        """Replace those fields of the state."""
        self.state = self.state.model_copy(update=changes)
