"""How long swaps and health waits took, from asking for them to their end: around every activity, so none thinks of it.

An attempt that fails is no end. One whose success the server did not get to know is made again, perhaps elsewhere:
here it is counted once, for this process remembers what it has counted.
"""

from collections import OrderedDict
from typing import Any

from prometheus_client import Histogram
from temporalio import activity
from temporalio.worker import ActivityInboundInterceptor, ExecuteActivityInput, Interceptor

from instar.compute.clock import Clock
from instar.domain.messages.os_upgrade import HealthRequest
from instar.telemetry.metrics import HEALTH_WAIT_SECONDS, SWAP_SECONDS

STEPS = {"swap_os_disks": "swap", "apply_models": "model", "restore_os_disks": "restore"}

REMEMBERED = 10_000
"""Activities: far more than one process has under way within a heartbeat's time-out."""


class Timings(Interceptor):
    """Observes what came to its end."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._counted: OrderedDict[tuple[str, str], None] = OrderedDict()

    def intercept_activity(self, next: ActivityInboundInterceptor) -> ActivityInboundInterceptor:  # noqa: A002  # the SDK's name
        """See the SDK."""
        return _Timings(next, self)

    def ended(self, arguments: Any) -> None:
        """The activity that runs has come to its end."""
        info = activity.info()
        histogram = _histogram(info.activity_type, arguments)
        key = (info.workflow_run_id or "", info.activity_id)
        if histogram is None or key in self._counted:
            return
        self._counted[key] = None
        if len(self._counted) > REMEMBERED:
            self._counted.popitem(last=False)
        # Of two clocks: the server's, and ours.
        histogram.observe(max(0.0, (self._clock() - info.scheduled_time).total_seconds()))


class _Timings(ActivityInboundInterceptor):
    def __init__(self, following: ActivityInboundInterceptor, timings: Timings) -> None:
        super().__init__(following)
        self._timings = timings

    async def execute_activity(self, input: ExecuteActivityInput) -> Any:  # noqa: A002  # the SDK's name
        """Do it, and say how long it took."""
        result = await self.next.execute_activity(input)
        self._timings.ended(input.args)
        return result


def _histogram(activity_type: str, arguments: Any) -> Histogram | None:
    if step := STEPS.get(activity_type):
        return SWAP_SECONDS.labels(step)
    request = arguments[0] if arguments else None
    # A bake waits for somebody to get sick: that is no wait for health.
    is_wait = activity_type == "await_health" and isinstance(request, HealthRequest) and not request.until_sick
    return HEALTH_WAIT_SECONDS if is_wait else None
