"""Whether this process lives, and whether it can answer."""

import asyncio

from fastapi import APIRouter
from fastapi.responses import JSONResponse, Response

from api.services.dependencies import ServicesDep
from api.wire.errors import ArmError

router = APIRouter(tags=["probes"])


@router.get("/healthz", response_model=None)
async def alive() -> dict[str, str]:
    """This process answers."""
    return {"status": "ok"}


@router.get("/readyz", response_model=None)
async def ready(services: ServicesDep) -> Response:
    """200 when the store answers and the clock of this host is right, else 503.

    Temporal is told of and does not count: reads do without it (A4).
    """
    await asyncio.to_thread(services.store.ping)
    if why := services.not_ready():
        raise ArmError(503, "ServiceUnavailable", f"Not ready: {why}.")
    temporal = "up" if await services.gateway.alive() else "away"
    return JSONResponse({"status": "ready", "temporal": temporal})
