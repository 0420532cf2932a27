"""The application of a test once more, believing others."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx

from api.access.guard import Access
from api.app import create_app
from connection.client import connect
from tests.api.conftest import Api
from workflows.plugin import INSTAR


@asynccontextmanager
async def served_with(api: Api, access: Access) -> AsyncIterator[httpx.AsyncClient]:
    """A client, without any token of its own, of the same store and fleet."""
    client = await connect([INSTAR], lazy=True)
    app = create_app(api.store, api.fleet, client, api.app.state.services.settings, access, clock=api.clock)
    own = app.state.services.healths
    app.state.services = api.app.state.services
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://api.test:8000") as http:
        yield http
    await own.close()
