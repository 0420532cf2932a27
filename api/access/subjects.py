"""What a request is about, by its path: told to the log around each of them (docs/monitoring.md)."""

import re

from starlette.types import ASGIApp, Receive, Scope, Send

from instar.domain.sets.scale_sets import ScaleSetIdentity
from instar.telemetry.about import about

OF_SET = re.compile(
    r"/subscriptions/[^/]+/resourceGroups/[^/]+/providers/Microsoft\.Compute/virtualMachineScaleSets/(?P<set>[^/]+)"
    r"(?:/virtualMachines/(?P<instance>[0-9]{1,19})(?=/|$))?",
    re.IGNORECASE,
)
"""A set in a path, with one of its instances, perhaps."""

NAME_AT_MOST = 64
"""Characters: a longer name is of no set, and somebody else chose it."""


class Subjects:
    """An ASGI middleware."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Hand on, within what it is about."""
        found = OF_SET.match(scope["path"]) if scope["type"] == "http" else None
        if found is None or len(found["set"]) > NAME_AT_MOST:
            await self._app(scope, receive, send)
            return
        resource_id = scope["path"][: found.end("set")]
        named = ScaleSetIdentity(resource_id=resource_id, name=found["set"], unique_id="", location="")
        with about(named, instance=found["instance"] or ""):
            await self._app(scope, receive, send)
