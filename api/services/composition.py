"""What a process that serves the API is made of, put together."""

from collections.abc import Callable

from opentelemetry.trace import Tracer
from temporalio.client import Client

from api.access.guard import Access
from api.links.fetching import Fetcher
from api.services.dependencies import Services
from api.services.healths import Healths
from api.services.scale_set_gateway import ScaleSetGateway
from instar.compute.clock import Clock, utc_now
from instar.compute.provider import Provider
from instar.connection.settings import Settings
from instar.outbound.client import OutboundClient
from instar.outbound.questions import Questions
from instar.store.store import Store


def services_from(
    store: Store,
    provider: Provider,
    client: Client,
    settings: Settings,
    access: Access,
    *,
    clock: Clock = utc_now,
    tracer: Tracer | None = None,
    not_ready: Callable[[], str] = str,
) -> Services:
    """Put the services together. Whoever opened the store, the provider and the client closes them.

    Raises ValueError for a client that seals nothing.
    """
    codec = client.data_converter.payload_codec
    if codec is None:
        raise ValueError("a client without a codec would leave everything in clear in Temporal")
    return Services(
        store=store,
        provider=provider,
        gateway=ScaleSetGateway(client, store, settings.delays),
        delays=settings.delays,
        healths=Healths(provider, clock),
        settings=settings,
        access=access,
        clock=clock,
        codec=codec,
        questions=Questions(
            store.places, OutboundClient(settings.hooks.allow, ca_file=settings.hooks.ca_file, tracer=tracer), clock
        ),
        fetch=Fetcher(settings.template_links, tracer=tracer),
        not_ready=not_ready,
    )
