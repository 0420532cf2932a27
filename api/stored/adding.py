"""Adding a route with what it says of itself in the interactive docs."""

from collections.abc import Awaitable, Callable
from typing import Any

from fastapi import APIRouter

Json = dict[str, Any]
Endpoint = Callable[..., Awaitable[Any]]


def add_route(  # noqa: PLR0917  # a route, and what it says of itself
    router: APIRouter, method: str, path: str, endpoint: Endpoint, name: str, says: str, extra: Json | None = None
) -> None:
    """`name` is what the document calls it, `extra` its request body."""
    router.add_api_route(
        path, endpoint, methods=[method], name=name, description=says, openapi_extra=extra, response_model=None
    )
