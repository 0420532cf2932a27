"""Which methods a path has."""

from fastapi import HTTPException, Request
from fastapi.routing import iter_route_contexts

LEFT_OVER = "kept resources"
"""The tag of routes that take every path which is left: where another route has the path, they do not count."""

NOT_ALLOWED = 405


def methods_of(request: Request) -> list[str]:
    """Every method of a path. Its routes are one for each; the error that comes from the first knows of that one."""
    return sorted(_methods(request, left_over=False) or _methods(request, left_over=True))


async def has_no_other_route(request: Request) -> None:
    """For routes that take what is left. Raises HTTPException 405 where a path has another route, of other methods."""
    if _methods(request, left_over=False):
        raise HTTPException(NOT_ALLOWED)


def _methods(request: Request, *, left_over: bool) -> set[str]:
    path: str = request.scope["path"]  # in the case of the routes
    matching = (
        route.methods or ()
        for route in iter_route_contexts(request.app.routes)
        if hasattr(route, "path_regex")
        and route.path_regex.match(path)
        and (LEFT_OVER in (getattr(route, "tags", None) or ())) is left_over
    )
    return {method for methods in matching for method in methods}
