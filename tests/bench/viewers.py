"""What those who look on cost a running upgrade: 100 clients that poll `latest` each second, 200 pages that are open.

The same upgrade twice, each on a stack of its own: alone, and with all of them. Times are by the upgrade's own record,
CPU seconds of the processes while it runs.
"""

import asyncio
import os
import re
import tempfile
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from unittest.mock import patch

import httpx

from instar.client.api_client import ApiClient
from instar.client.api_token import FILE, Login
from instar.domain.sets.scale_sets import ScaleSetIdentity
from instar.stack.ports import LOOPBACK
from tests.bench import scene
from tests.bench.idle import cpu_seconds
from tests.bench.site import Site, processes, site

POLLERS, PAGES = 100, 200
POLL_EVERY = 1.0
ROOM = {"INSTAR_CONNECTIONS__MOST": "1024", "INSTAR_CONNECTIONS__PER_ADDRESS": "1024"}
"""All of them come from this machine."""

Figures = dict[str, float]


@dataclass
class Seen:
    """What the viewers were answered."""

    answers: int = 0
    events: int = 0
    slowest_ms: list[float] = field(default_factory=list)


def measure(size: int) -> Figures:
    """An upgrade of so many machines with all who look on, over the same one alone."""
    alone, looked_at = run(size, viewers=False), run(size, viewers=True)
    return {
        "over_alone": looked_at["seconds"] / alone["seconds"],
        "worker_cpu_over_alone": looked_at["worker_cpu_seconds"] / alone["worker_cpu_seconds"],
        **{f"alone_{name}": value for name, value in alone.items()},
        **looked_at,
    }


def run(size: int, *, viewers: bool) -> Figures:
    """One upgrade, on a fresh stack."""
    with (
        tempfile.TemporaryDirectory(prefix="instar-bench-") as name,
        patch.dict(os.environ, ROOM),
        processes(Path(name)) as (ports, pids),
    ):

        async def upgrade() -> Figures:
            async with site(Path(name)) as one:
                scale_set = await one.has_set("one", size)
                await one.booted()
                login = Login.read(Path(name) / "data" / FILE)
                if not viewers:
                    return await upgraded(one, scale_set, pids)
                async with looking_on(ports.api, login, scale_set.resource_id) as seen:
                    found = await upgraded(one, scale_set, pids)
                slow = sorted(seen.slowest_ms)
                return found | {
                    "answers_per_second": seen.answers / found["seconds"],
                    "events_per_second": seen.events / found["seconds"],
                    "answer_p99_ms": slow[int(len(slow) * 0.99)] if slow else 0.0,
                }

        return asyncio.run(upgrade())


async def upgraded(one: Site, scale_set: ScaleSetIdentity, pids: Mapping[str, int]) -> Figures:
    """Start it, and wait for its end."""
    before = {name: cpu_seconds(pid) for name, pid in pids.items()}
    await one.start(scale_set)
    record = await one.ended(scale_set)
    used = {f"{name}_cpu_seconds": cpu_seconds(pid) - before[name] for name, pid in pids.items()}
    return {"seconds": scene.seconds_between(record.started_at, record.ended_at), **used}


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
