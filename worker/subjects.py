"""What an activity is about: told to the log around each, so that no line has to say it (docs/monitoring.md)."""

from typing import Any

from temporalio import activity
from temporalio.worker import ActivityInboundInterceptor, ExecuteActivityInput, Interceptor

from instar.domain.sets.names import os_upgrade_number
from instar.domain.sets.scale_sets import ScaleSetIdentity
from instar.telemetry.about import about


class Subjects(Interceptor):
    """Tells the lines of the log which set, upgrade and activity they are about."""

    def intercept_activity(self, next: ActivityInboundInterceptor) -> ActivityInboundInterceptor:  # noqa: A002  # the SDK's name
        """See the SDK."""
        return _Subjects(next)


class _Subjects(ActivityInboundInterceptor):
    async def execute_activity(self, input: ExecuteActivityInput) -> Any:  # noqa: A002  # the SDK's name
        """Do it, within what it is about."""
        info = activity.info()
        request = input.args[0] if input.args else None
        number = os_upgrade_number(info.workflow_id or "") or getattr(request, "number", 0)
        with about(
            scale_set_of(input.args),
            upgrade=number if isinstance(number, int) else 0,
            workflow=info.workflow_id or "",
            activity=info.activity_type,
        ):
            return await self.next.execute_activity(input)


def scale_set_of(arguments: Any) -> ScaleSetIdentity | None:
    """The set that an activity is about; None where it is about none."""
    request = arguments[0] if arguments else None
    scale_set = request if isinstance(request, ScaleSetIdentity) else getattr(request, "scale_set", None)
    return scale_set if isinstance(scale_set, ScaleSetIdentity) else None
