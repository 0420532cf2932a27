"""ARM paths are case-insensitive, and clients make use of it (docs/rules.md K2).

`az` alone sends `/resourcegroups/` and `/resourceGroups/`, and a double slash before a resource type. The fixed
segments of a path are brought to the case in which the routes are written; names in between are left as they are.
"""

from collections.abc import Iterable

from cachetools import LRUCache
from starlette.types import ASGIApp, Receive, Scope, Send

KNOWN_AT_MOST, KNOWN_LENGTH = 4_096, 512
"""Paths whose spelling is remembered, and how long one may be: those who poll ask for the same again and again."""


class Paths:
    """The fixed segments of a set of routes.

    >>> paths = Paths(["/subscriptions/{s}/resourceGroups/{g}"])
    >>> paths.canonical("//Subscriptions/ABC/resourcegroups/RG/")
    '/subscriptions/ABC/resourceGroups/RG'
    >>> paths.canonical("/elsewhere//X")
    '/elsewhere/X'
    """

    def __init__(self, templates: Iterable[str]) -> None:
        self._by_length: dict[int, list[list[str | None]]] = {}
        for template in templates:
            parts = [None if part.startswith("{") else part for part in template.split("/")[1:]]
            self._by_length.setdefault(len(parts), []).append(parts)
        self._known: LRUCache[str, str] = LRUCache(KNOWN_AT_MOST)

    def canonical(self, path: str) -> str:
        """The path as the routes spell it; without double or trailing slashes in any case."""
        known = self._known.get(path)
        if known is None:
            known = self._found(path)
            if len(path) <= KNOWN_LENGTH:
                self._known[path] = known
        return known

    def _found(self, path: str) -> str:
        parts = [part for part in path.split("/") if part]
        for template in self._by_length.get(len(parts), ()):
            pairs = list(zip(template, parts, strict=True))
            if all(fixed is None or fixed.lower() == part.lower() for fixed, part in pairs):
                return "/" + "/".join(fixed or part for fixed, part in pairs)
        return "/" + "/".join(parts)


class CaseInsensitivePaths:
    """ASGI middleware that hands on canonical paths, and query keys in lower case."""

    def __init__(self, app: ASGIApp, paths: Paths) -> None:
        self.app = app
        self.paths = paths

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Rewrite the scope; the raw path is left as it was sent."""
        if scope["type"] == "http":
            scope = {
                **scope,
                "path": self.paths.canonical(scope["path"]),
                "query_string": _lower_keys(scope["query_string"]),
            }
        await self.app(scope, receive, send)


def _lower_keys(query: bytes) -> bytes:
    """Keys in lower case, values untouched: `API-Version=2026-04-01` is `api-version=2026-04-01`."""
    pairs = (part.partition(b"=") for part in query.split(b"&"))
    return b"&".join(key.lower() + equals + value for key, equals, value in pairs)
