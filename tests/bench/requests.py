"""Requests as fast as a server answers them, over kept-alive connections, with a client that costs little itself."""

import asyncio
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from instar.stack.ports import LOOPBACK, answers, choose_ports

CONNECTIONS = 8
SECONDS = 4.0


@dataclass(frozen=True)
class Pace:
    """What a server answered: requests per second, and the 99th percentile in milliseconds."""

    per_second: float
    p99_ms: float


async def pace(port: int, path: str, token: str = "") -> Pace:
    """Ask for `path` again and again. Raises RuntimeError for anything but 200."""
    took: list[float] = []
    until = time.perf_counter() + SECONDS
    await asyncio.gather(*(_connection(port, path, token, until, took) for _ in range(CONNECTIONS)))
    return Pace(len(took) / SECONDS, statistics.quantiles(took, n=100)[98] * 1000)


async def _connection(port: int, path: str, token: str, until: float, took: list[float]) -> None:
    reader, writer = await asyncio.open_connection(LOOPBACK, port)
    authorization = f"Authorization: Bearer {token}\r\n" if token else ""
    request = f"GET {path} HTTP/1.1\r\nHost: {LOOPBACK}:{port}\r\n{authorization}\r\n".encode()
    try:
        while (began := time.perf_counter()) < until:
            writer.write(request)
            head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
            length = next(line for line in head.split("\r\n") if line.startswith("content-length:"))
            body = await reader.readexactly(int(length.partition(":")[2]))
            if " 200 " not in head.split("\r\n")[0]:
                raise RuntimeError(f"{path}: {head} {body!r}")
            took.append(time.perf_counter() - began)
    finally:
        writer.close()
        await writer.wait_closed()


@contextmanager
def bare_route() -> Iterator[int]:
    """The bare route in a process of its own; gives its port."""
    port = choose_ports({"bare": 0})["bare"]
    command = [sys.executable, "-m", "tests.bench.bare_route", str(port)]
    process = subprocess.Popen(command)  # noqa: S603
    try:
        while not answers(port):
            if process.poll() is not None:
                raise RuntimeError("the bare route does not start")
            time.sleep(0.1)
        yield port
    finally:
        process.terminate()
        process.wait()
