"""The application: routes, what they are given, and what stands around them."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import Depends, FastAPI
from fastapi_offline import FastAPIOffline
from temporalio.client import Client

from api import (
    automatic_upgrades,
    deployments,
    errors,
    galleries,
    gallery_images,
    gallery_versions,
    images,
    instance_actions,
    instances,
    load_balancers,
    networks,
    operations,
    probes,
    providers,
    resource_groups,
    rolling_upgrades,
    scale_sets,
    service_fabric_clusters,
    simulated,
    simulated_galleries,
    subscriptions,
)
from api.access.guard import Access, Guard
from api.access.issuer_routes import issuer_router
from api.dependencies import GUARDS, Services, printable_path
from api.errors import LastResort
from api.healths import Healths
from api.openapi import document
from api.paths import CaseInsensitivePaths, Paths
from api.scale_set_gateway import ScaleSetGateway
from compute.clock import Clock, utc_now
from compute.provider import Provider
from compute.simulated.fleet import SimulatedFleet
from connection.settings import Settings
from store.store import Store

ARM_ROUTERS = (
    scale_sets.router,
    instances.router,
    instance_actions.router,
    rolling_upgrades.router,
    automatic_upgrades.router,
    images.router,
    service_fabric_clusters.router,
    galleries.router,
    gallery_images.router,
    gallery_versions.router,
    load_balancers.router,
    operations.router,
    subscriptions.router,
    resource_groups.router,
    providers.router,
    networks.router,
    deployments.router,
)

DESCRIPTION = """Rolling OS image upgrades for scale sets, with the paths and bodies of Azure Resource Manager.

Every request below `/subscriptions` needs `?api-version=` (2018-10-01 or later)."""


def create_app(
    store: Store,
    provider: Provider,
    client: Client,
    settings: Settings,
    access: Access,
    *,
    clock: Clock = utc_now,
) -> FastAPI:
    """Put the application together. Whoever opened the store, the provider and the client closes them."""
    healths = Healths(provider, clock)

    @asynccontextmanager
    async def life(_app: FastAPI) -> AsyncIterator[None]:
        yield
        await healths.close()
        if access.outside is not None:
            await access.outside.close()

    # The interactive docs at /docs bring their scripts along: they work where the internet is out of reach.
    app = FastAPIOffline(title="Instar", description=DESCRIPTION, lifespan=life, redirect_slashes=False, redoc_url=None)
    app.state.services = Services(
        store=store,
        provider=provider,
        gateway=ScaleSetGateway(client, store, settings.delays),
        healths=healths,
        settings=settings,
        clock=clock,
    )
    for router in ARM_ROUTERS:
        app.include_router(router, dependencies=[Depends(guard) for guard in GUARDS])
    if isinstance(provider, SimulatedFleet):
        app.include_router(simulated.router, dependencies=[Depends(printable_path)])
        app.include_router(simulated_galleries.router, dependencies=[Depends(printable_path)])
    app.include_router(probes.router)
    if access.own is not None:
        app.include_router(issuer_router(access.own))
    errors.install(app)
    document.finish(app, access.open_paths)
    # The last added stands outermost.
    app.add_middleware(Guard, access=access)
    app.add_middleware(CaseInsensitivePaths, paths=Paths(app.openapi()["paths"]))
    app.add_middleware(LastResort)
    return app
