"""An upgrade that may not begin its next batch: it waits on one condition with one timer (docs/rules.md C1, C2)."""

from datetime import timedelta

from temporalio import workflow

from instar.domain.steering.next_step import Park
from workflows.upgrades.memory import UpgradeMemory

LOOKS_AGAIN = timedelta(hours=2)
"""How long a parked upgrade waits for a word that may be lost: about six events an hour, and no more than ten."""

SOONEST = timedelta(seconds=1)
"""Between two questions where the clocks of two machines differ."""


class Parking:
    """The waiting of one upgrade."""

    def __init__(self, memory: UpgradeMemory) -> None:
        self._memory = memory
        self._told = False

    def tell(self) -> None:
        """Ask at once: something is wished, or is wished no more."""
        self._told = True

    def asks(self) -> None:
        """Words from now on are newer than the answer."""
        self._told = False

    def is_new(self, park: Park) -> bool:
        """Whether nobody was told of that reason yet; from now on it is told."""
        was, self._memory.parked = self._memory.parked, park.reason
        return was != park.reason

    def goes_on(self) -> None:
        """It waits no more: the same reason, should it come back, is told again."""
        self._memory.parked = ""

    async def wait(self, park: Park) -> None:
        """Until it is time, until somebody says so, or, their word lost, for a while."""
        longest = LOOKS_AGAIN if park.until is None else min(park.until - workflow.now(), LOOKS_AGAIN)
        try:
            await workflow.wait_condition(
                lambda: self._told or self._memory.is_cancelled(),
                timeout=max(longest, SOONEST),
                timeout_summary=f"parked: {park.what.value}",
            )
        except TimeoutError:
            return
