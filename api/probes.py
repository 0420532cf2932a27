"""Whether this process lives, and whether it can answer; and where a person finds out what it is."""

import asyncio

from fastapi import APIRouter
from fastapi.responses import JSONResponse, RedirectResponse, Response

from api.services.dependencies import ServicesDep

router = APIRouter(tags=["probes"])


@router.api_route("/", methods=["GET", "HEAD"], include_in_schema=False)
async def root() -> RedirectResponse:
    """Whoever opens the address that `instar up` prints is led to the pages."""
    return RedirectResponse("/docs", status_code=307)


@router.get("/healthz", response_model=None)
async def alive() -> dict[str, str]:
    """This process answers."""
    return {"status": "ok"}


@router.get("/readyz", response_model=None)
async def ready(services: ServicesDep) -> Response:
    """200 when the store answers, else 503. Temporal is told of and does not count: reads do without it (A4)."""
    await asyncio.to_thread(services.store.ping)
    temporal = "up" if await services.gateway.alive() else "away"
    return JSONResponse({"status": "ready", "temporal": temporal})
