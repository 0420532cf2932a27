"""Those who look on at an upgrade: 100 clients that poll `latest` each second, 200 pages that are open."""

import asyncio
import re
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import httpx

from instar.client.api_client import ApiClient
from instar.client.api_token import Login
from instar.stack.ports import LOOPBACK

POLLERS, PAGES = 100, 200
POLL_EVERY = 1.0
ROOM = {"INSTAR_CONNECTIONS__MOST": "1024", "INSTAR_CONNECTIONS__PER_ADDRESS": "1024"}
"""All of them come from this machine."""


@dataclass
class Seen:
    """What the viewers were answered."""

    answers: int = 0
    events: int = 0
    slowest_ms: list[float] = field(default_factory=list)


@asynccontextmanager
async def looking_on(port: int, login: Login, resource_id: str) -> AsyncIterator[Seen]:
    """All of them, from before the upgrade until it has ended. Raises RuntimeError where one is not answered."""
    with ApiClient(login) as client:
        token = client.token()
    cookie = await session(port, login)
    seen = Seen()
    latest = f"{resource_id}/rollingUpgrades/latest?api-version=2024-11-01"
    tasks = [asyncio.create_task(poll(port, latest, token, number / POLLERS, seen)) for number in range(POLLERS)]
    tasks += [asyncio.create_task(listen(port, f"/page/sets{resource_id}/events", cookie, seen)) for _ in range(PAGES)]
    try:
        yield seen
        if failed := [task for task in tasks if task.done()]:
            raise RuntimeError(f"{len(failed)} of the viewers gave up: {failed[0].exception()!r}")
        if not seen.answers or not seen.events:
            raise RuntimeError(f"the viewers were not answered: {seen.answers} answers, {seen.events} events")
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def session(port: int, login: Login) -> str:
    """The cookie of somebody who is logged in to the page."""
    base = f"http://{LOOPBACK}:{port}"
    async with httpx.AsyncClient(base_url=base, trust_env=False, headers={"Origin": base}) as http:
        asked = {"client_id": login.clientId, "client_secret": login.clientSecret}
        link = (await http.post("/page/links", data=asked)).raise_for_status().json()["url"]
        answer = await http.post("/page/once", data={"code": link.partition("#")[2]})
        [cookie] = [f"{name}={value}" for name, value in answer.cookies.items()]
        return cookie


async def poll(port: int, path: str, token: str, first: float, seen: Seen) -> None:
    """Ask each second, over one connection; 404 before the upgrade's first record."""
    reader, writer = await asyncio.open_connection(LOOPBACK, port)
    request = f"GET {path} HTTP/1.1\r\nHost: {LOOPBACK}:{port}\r\nAuthorization: Bearer {token}\r\n\r\n".encode()
    await asyncio.sleep(first)
    try:
        while True:
            began = time.perf_counter()
            writer.write(request)
            head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
            length = re.search(r"content-length: (\d+)", head)
            await reader.readexactly(int(length[1]) if length else 0)
            if " 200 " not in head.split("\r\n")[0] and " 404 " not in head.split("\r\n")[0]:
                raise RuntimeError(head)
            seen.answers += 1
            seen.slowest_ms.append((time.perf_counter() - began) * 1000)
            await asyncio.sleep(POLL_EVERY)
    finally:
        writer.close()


async def listen(port: int, path: str, cookie: str, seen: Seen) -> None:
    """Keep a page's events coming."""
    reader, writer = await asyncio.open_connection(LOOPBACK, port, limit=2**24)
    writer.write(f"GET {path} HTTP/1.1\r\nHost: {LOOPBACK}:{port}\r\nCookie: {cookie}\r\n\r\n".encode())
    try:
        head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
        if " 200 " not in head.split("\r\n")[0] or "text/event-stream" not in head:
            raise RuntimeError(head)
        while line := await reader.readline():
            seen.events += line.startswith(b"event:")
        raise RuntimeError("a page was told no more")
    finally:
        writer.close()
