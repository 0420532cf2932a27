"""An upgrade that may not begin its next batch: it waits on one condition with one timer (docs/rules.md C1, C2)."""

from datetime import timedelta

from temporalio import workflow

from instar.domain.steering.next_step import Park, ParkedFor
from instar.domain.steering.outside.answers import JudgeAnswer
from workflows.upgrades.judges import Judges
from workflows.upgrades.memory import UpgradeMemory

LOOKS_AGAIN = timedelta(hours=2)
"""How long a parked upgrade waits for a word that may be lost: about six events an hour, and no more than ten."""

SOONEST = timedelta(seconds=1)
"""Between two questions where the clocks of two machines differ."""


class Parking:
    """The waiting of one upgrade."""

    def __init__(self, memory: UpgradeMemory, judges: Judges) -> None:
        self._memory = memory
        self._judges = judges
        self._told = False

    def tell(self) -> None:
        """Ask at once: something is wished, or is wished no more."""
        self._told = True

    def asks(self) -> None:
        """Words from now on are newer than the answer."""
        self._told = False

    def is_new(self, park: Park) -> bool:
        """Whether nobody was told of that reason yet; from now on it is told. A question to judges is no news."""
        if park.asks:
            return False
        was, self._memory.parked = self._memory.parked, park.reason
        return was != park.reason

    def goes_on(self) -> None:
        """It waits no more: the same reason, should it come back, is told again."""
        self._memory.parked = ""

    async def wait(self, park: Park) -> None:
        """Until it is time, judges say yes, or somebody says so; or, their word lost, for a while."""
        if park.what is ParkedFor.JUDGE:
            self._memory.judged = await self._said(park)
            return
        longest = LOOKS_AGAIN if park.until is None else min(park.until - workflow.now(), LOOKS_AGAIN)
        try:
            await workflow.wait_condition(
                self._is_enough,
                timeout=max(longest, SOONEST),
                timeout_summary=f"parked: {park.what.value}",
            )
        except TimeoutError:
            return

    async def _said(self, park: Park) -> tuple[JudgeAnswer, ...] | None:
        """Nothing is lost by a long wait: whatever else is wished is asked about before the next batch begins (G2)."""
        return await (self._judges.asked() if park.asks else self._judges.until_yes(park, self._is_enough))

    def _is_enough(self) -> bool:
        return self._told or self._memory.is_cancelled()
