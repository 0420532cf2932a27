"""The page as a whole: the routers of its rooms, and what stands around them. The application takes it from here."""

from fastapi import APIRouter, FastAPI, Request
from starlette.responses import Response

from api.page.access import login_routes, once_routes, outside_routes
from api.page.access.login_needed import to_login
from api.page.access.static_files import PageFiles
from api.page.access.visitor import LoginNeeded
from api.page.history import upgrades
from api.page.sets import all_sets, machines, one_set
from api.page.steering.routes import router as steering

ROUTERS: tuple[APIRouter, ...] = (
    login_routes.router,
    once_routes.router,
    outside_routes.router,
    all_sets.router,
    one_set.router,
    machines.router,
    upgrades.router,
    steering,
)
"""Of each room, in the order in which paths are looked for."""


def install(app: FastAPI) -> None:
    """Add the page to the application: its routes are in no document of the API."""
    for router in ROUTERS:
        app.include_router(router, include_in_schema=False)
    app.mount("/page/static", PageFiles(), name="page-static")
    app.add_exception_handler(LoginNeeded, _to_login)


async def _to_login(request: Request, error: Exception) -> Response:
    assert isinstance(error, LoginNeeded)  # noqa: S101  # the registration above says so; this tells the type checker
    return to_login(request)
