"""Fetching what a template links to, by the one client for other people's systems (docs/security.md, G4).

No redirect is followed, no proxy used, no cookie or credential sent; size and time are bounded. A query string may be a
shared access signature: it is never logged or shown.
"""

import asyncio
import logging
from datetime import timedelta
from urllib.parse import urlsplit

import httpx
from opentelemetry.trace import Tracer

from api.links.errors import LinkError
from api.links.permitted import Permitted, Reach
from instar.connection.setting_groups import TemplateLinksSettings
from instar.outbound.client import OutboundClient
from instar.outbound.errors import CallFailed
from instar.outbound.resolver import Resolver
from instar.telemetry.purposes import Purpose

_log = logging.getLogger(__name__)


class Fetcher:
    """Fetches what is allowed. Synchronous, since templates are read in threads of their own."""

    def __init__(
        self,
        settings: TemplateLinksSettings,
        reach: Reach | None = None,
        resolver: Resolver | None = None,
        tracer: Tracer | None = None,
    ) -> None:
        """Raises OSError, ssl.SSLError for a file of authorities that cannot be read."""
        permitted = Permitted(settings, reach)
        self._client = OutboundClient(permitted, ca_file=settings.ca_file, resolver=resolver, tracer=tracer)

    def __call__(self, address: str, at_most: int, seconds: float) -> bytes:
        """What is there, up to so many bytes. Raises LinkError."""
        try:
            answer = asyncio.run(
                self._client.call(
                    Purpose.TEMPLATE,
                    "GET",
                    address,
                    within=timedelta(seconds=seconds),
                    headers={"Accept": "application/json"},
                    body_at_most=at_most,
                )
            )
        except CallFailed as failure:
            raise LinkError(str(failure)) from None
        if httpx.codes.is_redirect(answer.status):
            raise LinkError("its host sends elsewhere, and no redirect is followed: link to where it is")
        if answer.status != httpx.codes.OK:
            raise LinkError(f"its host answers with the status {answer.status}")
        _log.info("fetched %d bytes of a linked template from %s", len(answer.body), urlsplit(address).hostname)
        return answer.body
