"""The application of a test, believing others for a while."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

import httpx

from api.access.guard import Access
from tests.api.conftest import Api


@asynccontextmanager
async def served_with(api: Api, access: Access) -> AsyncIterator[httpx.AsyncClient]:
    """A client, without any token of its own."""
    before = api.app.state.services
    api.app.state.services = replace(before, access=access)
    transport = httpx.ASGITransport(app=api.app)
    try:
        async with httpx.AsyncClient(transport=transport, base_url="http://api.test:8000") as http:
            yield http
    finally:
        api.app.state.services = before
