"""The application: routes, what they are given, and what stands around them."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.metadata import version

from fastapi import Depends, FastAPI
from fastapi.telemetry import TelemetryConfig
from fastapi_offline import FastAPIOffline
from opentelemetry.trace import TracerProvider

from api import probes
from api.access.guard import Guard
from api.access.subjects import Subjects
from api.codec.routes import router as codec_router
from api.deployments import deployment_runs, deployments
from api.images import extension_types, images
from api.instances import instance_actions, instance_extensions, instances, network_interfaces, unsupported
from api.kept import routes as kept_routes
from api.kept import writing as kept_writing
from api.login.issuer_routes import router as issuer_router
from api.openapi import document
from api.overviews import cells as overviews_of_machines
from api.overviews import scale_sets as overviews_of_sets
from api.overviews import upgrades as overviews_of_upgrades
from api.page import routes as page
from api.page.access.answers import PageAnswers
from api.page.live.hub import hub_of
from api.remembered.answers import RememberedAnswers
from api.resources import (
    exported_templates,
    operations,
    providers,
    resource_groups,
    resource_lists,
    sizes,
    subscriptions,
    tags,
)
from api.resources.kinds import STORED
from api.scale_sets import scale_sets, set_extensions, set_sizes
from api.services import handover
from api.services.dependencies import GUARDS, Services, printable_path
from api.services.known_groups import group_comes_first
from api.simulated import simulated, simulated_galleries
from api.steering import approvals, holds, kept_disks, limits, pauses, plans, rings, rollback_plans, rollbacks, starts
from api.stored.routes import router_of
from api.upgrades import automatic_upgrades, policy_tests, reconciliation, rolling_upgrades, rollout_policies, sweep
from api.webhooks import webhooks
from api.wire import errors
from api.wire.errors import LastResort
from api.wire.paths import CaseInsensitivePaths, Paths
from instar.compute.simulated.fleet import SimulatedFleet
from instar.serving.counted import CountedRequests
from instar.serving.headers import SafeHeaders
from instar.serving.proxies import TrustedProxies

ARM_ROUTERS = (
    scale_sets.router,
    instances.router,
    instance_actions.router,
    instance_extensions.router,
    set_extensions.router,
    set_sizes.router,
    unsupported.router,
    rolling_upgrades.router,
    automatic_upgrades.router,
    reconciliation.router,
    pauses.router,
    starts.router,
    plans.router,
    rollbacks.router,
    rollback_plans.router,
    kept_disks.router,
    approvals.router,
    rollout_policies.router,
    policy_tests.router,
    overviews_of_upgrades.router,
    overviews_of_machines.router,
    images.router,
    extension_types.router,
    network_interfaces.router,
    *(router_of(routes) for routes in STORED),
    operations.router,
    subscriptions.router,
    resource_groups.router,
    resource_lists.router,
    providers.router,
    sizes.router,
    tags.router,
    deployments.router,
    exported_templates.router,
    kept_routes.router,
    kept_writing.router,
)

DESCRIPTION = """Rolling OS image upgrades for scale sets, with the paths and bodies of Azure Resource Manager.

Every request below `/subscriptions` needs `?api-version=`: of Microsoft.Compute 2018-10-01 or later."""


@asynccontextmanager
async def life(app: FastAPI) -> AsyncIterator[None]:
    """Look after deployments and hand-overs, and close at the end what the application itself has begun."""
    services: Services = app.state.services
    tending = [
        asyncio.create_task(one(services)) for one in (deployment_runs.tend, handover.tend, sweep.sweep_for_ever)
    ]
    yield
    for one in tending:
        one.cancel()
    await asyncio.wait(tending)
    hub_of(app).close()
    await services.healths.close()
    if services.access.outside is not None:
        await services.access.outside.close()


def telemetry(traces: TracerProvider | None) -> TelemetryConfig:
    """A span for each request, with nothing of its content. Without `traces` nothing, whatever the environment says."""
    return {
        "tracing": traces is not None,
        "tracer_provider": traces,
        "metrics": False,
        "logs": False,
        "operation_spans": False,
        "auto_configure": False,
    }


def create_app(services: Services, *, traces: TracerProvider | None = None) -> FastAPI:
    """The application on these services. `traces`: where spans of requests go to, if anywhere.

    Routes and what stands before them ask `app.state.services` at each request and keep nothing of their own: an
    application is the same whatever it runs on.
    """
    # The interactive docs at /docs bring their scripts along: they work where the internet is out of reach.
    app = FastAPIOffline(
        title="Instar",
        version=version("instar"),
        description=DESCRIPTION,
        lifespan=life,
        redirect_slashes=False,
        redoc_url=None,
        telemetry=telemetry(traces),
    )
    app.state.services = services
    before = [*(Depends(guard) for guard in GUARDS), Depends(group_comes_first)]
    for router in ARM_ROUTERS:
        app.include_router(router, dependencies=before)
    if isinstance(services.provider, SimulatedFleet):
        app.include_router(simulated.router, dependencies=[Depends(printable_path)])
        app.include_router(simulated_galleries.router, dependencies=[Depends(printable_path)])
    for steering in (overviews_of_sets.router, holds.router, limits.router, rings.router):
        app.include_router(steering, dependencies=[Depends(printable_path)])
    app.include_router(rollout_policies.default_router, dependencies=[Depends(printable_path)])
    app.include_router(policy_tests.default_router, dependencies=[Depends(printable_path)])
    app.include_router(webhooks.router, dependencies=[Depends(printable_path)])
    app.include_router(codec_router)
    app.include_router(probes.router)
    if services.access.own is not None:
        app.include_router(issuer_router)
    page.install(app)
    errors.install(app)
    document.finish(app, services.access.open_paths)
    # The last added stands outermost.
    app.add_middleware(RememberedAnswers)
    app.add_middleware(Guard)
    app.add_middleware(CaseInsensitivePaths, paths=Paths(app.openapi()["paths"]))
    app.add_middleware(LastResort)
    app.add_middleware(PageAnswers)
    app.add_middleware(SafeHeaders)
    app.add_middleware(TrustedProxies, trusted=lambda scope: scope["app"].state.services.settings.trusted_proxies)
    app.add_middleware(Subjects)
    app.add_middleware(CountedRequests)
    return app
