"""Logging in to the API with client credentials, as an `httpx.Auth`: a token is fetched when one is needed."""

import json
from collections.abc import Generator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Self

import httpx

from instar.errors import Trouble

FILE = "owner.json"
"""In a data directory: the credentials of whoever may read that directory."""

UNAUTHORIZED = 401


class NotNow(Trouble):
    """Nobody can log in just now: to ask again later helps."""


@dataclass(frozen=True, slots=True)
class Login:
    """What a client needs to log in; the names are those of `instar credentials create`."""

    endpoint: str
    tenantId: str  # noqa: N815  # as the file and the command's output have it
    clientId: str  # noqa: N815
    clientSecret: str  # noqa: N815
    subscriptionId: str  # noqa: N815
    caFile: str = ""  # noqa: N815

    @classmethod
    def read(cls, path: Path) -> Self:
        """Raises Trouble if the file is not there or holds something else."""
        try:
            return cls(**json.loads(path.read_text(encoding="utf-8")))
        except FileNotFoundError:
            raise Trouble(
                f"there are no credentials in {path}: is `instar up` running on that data directory? --data-dir names "
                "it, --credentials another file"
            ) from None
        except (OSError, ValueError, TypeError):
            raise Trouble(f"{path} holds no credentials, as `instar credentials create` prints them") from None

    def text(self) -> str:
        """As JSON."""
        return json.dumps(asdict(self), indent=2) + "\n"

    def __repr__(self) -> str:
        return f"Login({self.clientId} at {self.endpoint})"


class TokenAuth(httpx.Auth):
    """Adds a bearer token to each request, a new one when the old one is refused."""

    requires_response_body = True

    def __init__(self, login: Login) -> None:
        self._login = login
        self.token = ""

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        """Raises Trouble if the credentials are refused."""
        if self.token:
            request.headers["Authorization"] = f"Bearer {self.token}"
            response = yield request
            if response.status_code != UNAUTHORIZED:
                return
        self.take((yield self.asked(request.url)))
        request.headers["Authorization"] = f"Bearer {self.token}"
        yield request

    def asked(self, url: httpx.URL) -> httpx.Request:
        """The request for a token, to the API that has that URL."""
        login = self._login
        form = {"grant_type": "client_credentials", **self.form(), "scope": f"{login.endpoint}/.default"}
        there = url.copy_with(path=f"/{login.tenantId}/oauth2/v2.0/token", query=None, fragment=None)
        return httpx.Request("POST", there, data=form)

    def form(self) -> dict[str, str]:
        """Who asks, as fields of a form."""
        return {"client_id": self._login.clientId, "client_secret": self._login.clientSecret}

    def take(self, answer: httpx.Response) -> None:
        """Remember the token of the answer. Raises Trouble if there is none in it, NotNow if there may be one later."""
        if answer.is_server_error:
            raise NotNow(
                f"the API cannot log anybody in just now ({answer.status_code}): it starts, or its database is away; "
                "`instar doctor` says more"
            )
        try:
            self.token = str(answer.json()["access_token"])
        except (ValueError, KeyError, TypeError):
            raise Trouble(
                f"the API does not accept the credentials of client {self._login.clientId}: they may be revoked "
                "(`instar credentials list`, where Instar runs); --credentials names others"
            ) from None
