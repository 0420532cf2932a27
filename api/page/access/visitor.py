"""Who looks at the page."""

from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Request

from api.wire.errors import ArmError


@dataclass(frozen=True, slots=True)
class Visitor:
    """Who is logged in."""

    name: str
    token: str
    csrf: str


async def seen(request: Request) -> Visitor:
    """Raises ArmError 401."""
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not token:
        raise ArmError(401, "AuthenticationFailed", "Log in first.")
    return Visitor("somebody", token, "")


SeenDep = Annotated[Visitor, Depends(seen)]
ActsDep = Annotated[Visitor, Depends(seen)]
