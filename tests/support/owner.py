"""A caller who may do everything with an application under test, at whatever time the test has set."""

from collections.abc import Generator
from datetime import datetime

import httpx

from api.access.guard import Access
from instar.domain.access import Grant, Role


class OwnersToken(httpx.Auth):
    """Adds a good token to a request, unless the request brings its own."""

    def __init__(self, access: Access) -> None:
        assert access.own is not None
        self._own, self._clock = access.own, access.clock
        self._owner, _ = access.store.credentials.create("owner", Grant(Role.OWNER, "/"), access.clock())
        self._issued_at: datetime | None = None
        self._token = ""

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        if self._issued_at != self._clock():
            self._issued_at = self._clock()
            self._token = self._own._token(self._owner, self._issued_at)
        request.headers.setdefault("Authorization", f"Bearer {self._token}")
        yield request
