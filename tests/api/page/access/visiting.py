"""A browser as far as the page's access goes: it keeps cookies, and says where its forms come from."""

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
from fastapi import FastAPI

from instar.domain.access import Grant, Role
from tests.api.conftest import Api

HOME = "http://page.test:8000"
SESSION = "instar-session-8000"
HTML = {"Accept": "text/html"}


@asynccontextmanager
async def browser(
    app: FastAPI, base_url: str = HOME, client: tuple[str, int] = ("127.0.0.1", 4000)
) -> AsyncIterator[httpx.AsyncClient]:
    """Nobody is logged in to it."""
    transport = httpx.ASGITransport(app=app, client=client)
    async with httpx.AsyncClient(transport=transport, base_url=base_url, headers=HTML) as http:
        yield http


def from_page(http: httpx.AsyncClient) -> dict[str, str]:
    """What a browser adds to the forms of our own pages."""
    url = http.base_url
    return {"Origin": f"{url.scheme}://{url.netloc.decode()}", "Sec-Fetch-Site": "same-origin"}


async def submit(http: httpx.AsyncClient, path: str, **fields: str) -> httpx.Response:
    """A form of the page."""
    return await http.post(path, data=fields, headers=from_page(http))


def someone(api: Api, role: Role = Role.OWNER, scope: str = "/", name: str = "someone") -> tuple[str, str]:
    """A client's id and secret."""
    client, secret = api.store.credentials.create(name, Grant(role, scope), api.clock())
    return client.client_id, secret


async def logged_in(api: Api, http: httpx.AsyncClient, **how: Any) -> str:
    """Log that browser in; the id of the client that it is."""
    client_id, secret = someone(api, **how)
    answer = await submit(http, "/page/login", client_id=client_id, client_secret=secret)
    assert answer.status_code == 303, answer.text
    return client_id


async def csrf(http: httpx.AsyncClient) -> str:
    """What the forms of the session hold."""
    shown = await http.get("/")
    assert shown.status_code == 200, shown.text
    found = re.search(r'name="csrf" value="([0-9a-f]{64})"', shown.text)
    assert found
    return found[1]


async def is_in(http: httpx.AsyncClient) -> bool:
    """Whether the page shows anything but the way to the login."""
    shown = await http.get("/")
    assert shown.status_code in (200, 303), shown.text
    assert shown.status_code == 200 or shown.headers["location"] == "/page/login"
    return shown.status_code == 200


def cookie_of(answer: httpx.Response, name: str) -> dict[str, str]:
    """A cookie that an answer sets: its value and its attributes, in small letters."""
    for header in answer.headers.get_list("set-cookie"):
        first, *more = [part.strip() for part in header.split(";")]
        key, _, value = first.partition("=")
        if key == name:
            return {"value": value} | {one.partition("=")[0].lower(): one.partition("=")[2].lower() for one in more}
    raise AssertionError(f"no cookie {name} in {answer.headers.get_list('set-cookie')}")
