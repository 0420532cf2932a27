"""Uvicorn's fast parser and loop, where they are installed: on CPython, the loop not on Windows. All works without."""

import asyncio
import importlib
import importlib.util
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from instar.serving.connections import PlainProtocol, Watching

T = TypeVar("T")


def is_there(name: str) -> bool:
    """Whether a module can be imported, without doing so."""
    return importlib.util.find_spec(name) is not None


def protocol_class() -> type[Any]:
    """What a connection is read by: a uvicorn protocol that is `Watching`."""
    if is_there("httptools"):
        found: type[Watching] = importlib.import_module("instar.serving.fast_protocol").FastProtocol
        return found
    return PlainProtocol


def loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    """What makes the event loop; None for asyncio's own."""
    if is_there("uvloop"):
        found: Callable[[], asyncio.AbstractEventLoop] = importlib.import_module("uvloop").new_event_loop
        return found
    return None


def run(main: Coroutine[Any, Any, T]) -> T:
    """As `asyncio.run`, on the fast loop."""
    with asyncio.Runner(loop_factory=loop_factory()) as runner:
        return runner.run(main)
