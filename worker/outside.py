"""How a worker calls other people's systems, as its settings say (docs/rules.md G4)."""

from dataclasses import dataclass
from typing import Self

from opentelemetry.trace import Tracer

from instar.connection.setting_groups import HooksSettings
from instar.domain.sets.names import NAMESPACE
from instar.domain.telling.cloud_events import Links
from instar.outbound.client import OutboundClient


@dataclass(frozen=True)
class Outside:
    """Receivers have a client of their own, so that a name server that is slow for them is not for hooks."""

    receivers: OutboundClient
    hooks: OutboundClient
    links: Links

    @classmethod
    def of(cls, settings: HooksSettings, public_url: str, tracer: Tracer | None = None) -> Self:
        """`public_url`: what clients reach the API under, "" where that is not known. `tracer`: of calls, if any."""
        return cls(
            receivers=OutboundClient(settings.allow, ca_file=settings.ca_file, tracer=tracer),
            hooks=OutboundClient(settings.allow, ca_file=settings.ca_file, tracer=tracer),
            links=Links(api=public_url.rstrip("/"), temporal=settings.temporal_page, namespace=NAMESPACE),
        )
