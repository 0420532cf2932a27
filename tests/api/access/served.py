"""How tests of access ask the application: as somebody else, with paths as they stand on the wire, believing others."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import httpx

from api.access.guard import Access
from instar.domain.access import Grant, Role
from tests.api.conftest import GROUP, Api

QUERY = "api-version=2024-11-01"
MINE = GROUP.replace("Farm", "mine")


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


async def sent(api: Api, method: str, raw_path: str, token: str | None, body: Any = None) -> httpx.Response:
    """A path as it stands on the wire, with the percent signs that it has; the server decodes it as uvicorn does."""
    url = httpx.URL("http://api.test:8000").copy_with(raw_path=f"{raw_path}?{QUERY}".encode())
    headers = {} if token is None else {"Authorization": f"Bearer {token}"}
    return await api.http.send(api.http.build_request(method, url, headers=headers, json=body), auth=None)


def token_of(api: Api, role: Role, scope: str) -> str:
    client, _ = api.store.credentials.create("someone", Grant(role, scope), api.clock())
    assert api.access.own is not None
    return api.access.own._token(client, api.clock())
