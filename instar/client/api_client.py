"""The API as the command line speaks to it: plain HTTP, ARM's errors and long-running operations."""

import ssl
import time
from collections.abc import Callable
from typing import Any, Self
from urllib.parse import urlsplit

import httpx

from instar.client.api_token import Login, NotNow, TokenAuth
from instar.domain.legible import legible_line
from instar.errors import Trouble

API_VERSION = "2024-11-01"

REQUEST_SECONDS = 30.0
"""Longer than the API waits for Temporal before it answers 503."""


def without_secrets(url: str) -> str:
    """A URL as it may be shown: no user and password, no query.

    >>> without_secrets("https://me:secret@[::1]:8080/instar?token=secret")
    'https://[::1]:8080/instar'
    """
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"


class ApiAway(Trouble):
    """Nothing answers under the API's URL, or what answers can log nobody in just now."""


class ApiRefused(Trouble):
    """The API answered with an error: its HTTP `status` and ARM `code`."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(f"the API answered {status} {code}: {message}")
        self.status = status
        self.code = code


class ApiClient:
    """Requests to one API; paths as ARM has them, the api-version is added. Use as a context, or close."""

    def __init__(self, login: Login, transport: httpx.BaseTransport | None = None) -> None:
        self.url = login.endpoint.rstrip("/")
        self._shown = without_secrets(self.url)
        self._http = httpx.Client(
            base_url=self.url,
            timeout=REQUEST_SECONDS,
            # The API is on the loopback or on a name of its own: a proxy of the environment would only be in the way.
            trust_env=False,
            verify=_trusting(login.caFile),
            transport=transport,
        )
        self._auth = TokenAuth(login)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._http.close()

    def get(self, path: str, **query: str) -> Any:
        """The JSON body. Raises ApiAway, ApiRefused. Query names that begin with $ are given without it as `_name`."""
        return self._json(self._send("GET", path, query=query))

    def all(self, path: str) -> list[Any]:
        """Every item of a list, page by page. Raises ApiAway, ApiRefused."""
        items: list[Any] = []
        while path:
            page = self.get(path)
            items += page["value"]
            path = page.get("nextLink", "")
        return items

    def token(self) -> str:
        """A new bearer token. Raises Trouble if the credentials are refused, ApiAway."""
        try:
            self._auth.take(self._http.send(self._auth.asked(httpx.URL(self.url))))
        except httpx.TransportError as error:
            raise _away(self._shown, error) from None
        return self._auth.token

    def page_link(self) -> str:
        """A link that logs in to the page once. Raises Trouble if the credentials are refused, ApiAway."""
        try:
            answer = self._http.post("/page/links", data=self._auth.form())
        except httpx.TransportError as error:
            raise _away(self._shown, error) from None
        if answer.is_error:
            raise _refusal(answer)
        try:
            return str(self._json(answer)["url"])
        except (KeyError, TypeError):
            raise Trouble(f"what answers at {self._shown} is no Instar API: it gives no link to its page") from None

    def send(self, method: str, path: str, body: object = None, **query: str) -> httpx.Response:
        """An accepted request. Raises ApiAway, ApiRefused."""
        return self._send(method, path, body=body, query=query)

    def finish(self, accepted: httpx.Response, pause: Callable[[float], None], seconds: float) -> None:
        """Wait for a long-running operation, if it is one. Raises Trouble if it fails or takes longer."""
        url = accepted.headers.get("Azure-AsyncOperation")
        give_up_at = time.monotonic() + seconds
        while url:
            status = self._json(self._send("GET", url))
            if status["status"] == "Succeeded":
                return
            if status["status"] != "InProgress":
                error = status.get("error") or {}
                raise Trouble(f"the operation ended {status['status']}: {error.get('message', 'without a reason')}")
            if time.monotonic() > give_up_at:
                raise Trouble(f"the operation has not ended after {seconds:g} s, and goes on; how it stands: {url}")
            pause(0.2)

    def _send(
        self,
        method: str,
        path: str,
        *,
        query: dict[str, str] | None = None,
        body: object = None,
    ) -> httpx.Response:
        names = {name.replace("_", "$", 1): value for name, value in (query or {}).items()}
        url = httpx.URL(path).copy_merge_params(names)
        if "api-version" not in url.params:
            url = url.copy_merge_params({"api-version": API_VERSION})
        try:
            response = (
                self._http.request(method, url, json=body, auth=self._auth)
                if body is not None
                else self._http.request(method, url, auth=self._auth)
            )
        except (httpx.TransportError, httpx.InvalidURL) as error:
            raise _away(self._shown, error) from None
        except NotNow as not_now:
            raise ApiAway(str(not_now)) from None
        if response.is_error:
            raise _refusal(response)
        return response

    def _json(self, response: httpx.Response) -> Any:
        try:
            return response.json()
        except ValueError:
            raise Trouble(f"what answers at {self._shown} is no Instar API: its answer is no JSON") from None


def _away(url: str, error: Exception) -> ApiAway:
    return ApiAway(f"no API answers at {url} ({error}); is `instar up` running? --api URL names another")


def _trusting(ca_file: str) -> ssl.SSLContext | bool:
    try:
        return ssl.create_default_context(cafile=ca_file) if ca_file else True
    except OSError as error:
        raise Trouble(f"the certificate authority {ca_file} cannot be read: {error.strerror or error}") from None


def _refusal(response: httpx.Response) -> ApiRefused:
    try:
        error = response.json()["error"]
        return ApiRefused(response.status_code, legible_line(str(error["code"])), legible_line(str(error["message"])))
    except (ValueError, KeyError, TypeError):
        return ApiRefused(response.status_code, response.reason_phrase, response.text[:200] or "(no body)")
