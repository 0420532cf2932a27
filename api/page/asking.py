"""The page's one way to anything: the API's own routes, asked in this process with the visitor's own token."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import httpx
from fastapi import Request
from starlette.types import ASGIApp

from api.page.access.visitor import Visitor
from api.wire.api_versions import NEWEST

Json = dict[str, Any]

NOT_FOUND = 404
NO_SUCH_PATH = {"code": "NotFound", "message": "Nothing has a name of dots alone."}
NO_ANSWER = "The API gave no answer that can be shown (HTTP {status})."


@dataclass(frozen=True, slots=True)
class Answer:
    """What the API answered."""

    status: int
    body: Json = field(default_factory=dict)
    """{} where it has none, or one that is no JSON object."""
    headers: Mapping[str, str] = field(default_factory=dict)
    """By names in small letters."""

    @property
    def ok(self) -> bool:
        """Whether it was done, or accepted."""
        return self.status < 400  # noqa: PLR2004  # HTTP's own number

    @property
    def code(self) -> str:
        """The API's code of an error, as it is; "" of none."""
        return "" if self.ok else str(self._error.get("code") or f"HTTP {self.status}")

    @property
    def error(self) -> str:
        """The API's sentence of an error, as it is; "" of none."""
        return "" if self.ok else str(self._error.get("message") or NO_ANSWER.format(status=self.status))

    @property
    def _error(self) -> Json:
        error = self.body.get("error")
        return error if isinstance(error, dict) else {}


@dataclass(frozen=True, slots=True)
class Api:
    """The API of this process, as one visitor may use it. It outlives the request that it was made of."""

    app: ASGIApp
    base_url: str
    client: tuple[str, int]
    visitor: Visitor

    async def ask(  # method and path as everywhere
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, str] | None = None,
        json: Any = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """Ask one route. Errors are answers like others: nothing is raised for them.

        `path` may have a query already; below `/subscriptions` the newest api-version is added.
        """
        if _goes_up(path):
            return Answer(NOT_FOUND, {"error": NO_SUCH_PATH})
        query = dict(params or {})
        if path.startswith("/subscriptions"):
            query.setdefault("api-version", NEWEST)
        async with self._http() as http:
            answered = await http.request(
                method,
                httpx.URL(path).copy_merge_params(query),
                json=json,
                headers={"Authorization": f"Bearer {self.visitor.token}", **(headers or {})},
            )
        return Answer(
            answered.status_code, _object(answered), {name.lower(): one for name, one in answered.headers.items()}
        )

    @asynccontextmanager
    async def _http(self) -> AsyncIterator[httpx.AsyncClient]:
        transport = httpx.ASGITransport(self.app, raise_app_exceptions=False, client=self.client)
        async with httpx.AsyncClient(transport=transport, base_url=self.base_url) as http:
            yield http


def api_of(request: Request, visitor: Visitor) -> Api:
    """The API as whoever sent the request may use it."""
    client = request.client
    return Api(request.app, str(request.base_url), (client.host, client.port) if client else ("127.0.0.1", 0), visitor)


async def ask(
    request: Request,
    visitor: Visitor,
    method: str,
    path: str,
    *,
    params: Mapping[str, str] | None = None,
    json: Any = None,
    reason: str = "",
) -> Answer:
    """Ask one route of the API. `reason`: a member of the body, for the audit log; not written where it is ""."""
    body = {**(json or {}), "reason": reason} if reason else json
    return await api_of(request, visitor).ask(method, path, params=params, json=body)


def further(path: str, answer: Answer) -> str:
    """Where a list goes on: its own path, whatever stands before that for who asks from outside; "" after its end.

    >>> further("/instar/holds", Answer(200, {"nextLink": "https://instar.example/below/instar/holds?$skiptoken=x"}))
    '/instar/holds?$skiptoken=x'
    >>> further("/instar/holds?$top=1", Answer(200, {"value": []}))
    ''
    """
    link = answer.body.get("nextLink")
    return f"{path.partition('?')[0]}?{urlsplit(link).query}" if link else ""


def _goes_up(path: str) -> bool:
    """Whether a URL of that path is one of another path: names that are dots are directories there.

    >>> [_goes_up(one) for one in ("/a/..", "/a/./b", "/a/..b?c=/../", "/instar/scaleSets")]
    [True, True, False, False]
    """
    return any(part in (".", "..") for part in path.partition("?")[0].split("/"))


def _object(answered: httpx.Response) -> Json:
    try:
        body = answered.json()
    except ValueError:
        return {}
    return body if isinstance(body, dict) else {}
