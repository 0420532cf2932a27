"""What stands around each answer of the page: what the browser may load, keep and tell; errors that people can read."""

import json
from typing import Any

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.page.views import view
from api.wire.errors import ArmError

BODY_AT_MOST = 262_144
"""Bytes of a form: a rollout policy fits many times."""

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "font-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
)

HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    # With `no-referrer` browsers send `Origin: null` with forms, and we could not tell our own from others'.
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "X-Frame-Options": "DENY",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
}

_ERRORS_FROM = 400


def is_of_page(path: str) -> bool:
    """Whether a path is one of the page's.

    >>> [is_of_page(one) for one in ("/", "/page/login", "//page//", "/pages/x", "/docs")]
    [True, True, True, False, False]
    """
    first = next((part for part in path.split("/") if part), "")  # as `api.wire.paths` reads them
    return first in ("", "page")


class PageAnswers:
    """ASGI middleware. It stands around whatever turns errors into answers, so that no answer gets past it."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Hand on what is not of the page; answer the rest with its headers."""
        if scope["type"] != "http" or not is_of_page(scope["path"]):
            await self._app(scope, receive, send)
            return
        held: Message | None = None
        body = b""

        async def sending(message: Message) -> None:
            nonlocal held, body
            if message["type"] == "http.response.start":
                _safe(message, scope["path"])
                if _is_error_for_people(message, scope):
                    held = message
                    return
            elif held is not None:
                body += message.get("body", b"")
                if not message.get("more_body", False):
                    await _shown(held, body, Request(scope))(scope, receive, send)
                return
            await send(message)

        if _is_too_long(scope):
            message = f"A form may have {BODY_AT_MOST} bytes, and must say how many it has."
            await ArmError(413, "RequestContentTooLarge", message).response()(scope, receive, sending)
            return
        await self._app(scope, receive, sending)


def _is_too_long(scope: Scope) -> bool:
    headers = Headers(scope=scope)
    if "transfer-encoding" in headers:
        return True
    length = headers.get("content-length", "0")
    return not (length.isascii() and length.isdigit()) or int(length[:12]) > BODY_AT_MOST


def _safe(start: Message, path: str) -> None:
    headers = MutableHeaders(raw=start.setdefault("headers", []))
    for name, value in HEADERS.items():
        headers[name] = value
    if not path.startswith("/page/static/") or start["status"] >= _ERRORS_FROM:
        headers["Cache-Control"] = "no-store"


def _is_error_for_people(start: Message, scope: Scope) -> bool:
    if start["status"] < _ERRORS_FROM or not Headers(raw=start["headers"]).get("content-type", "").startswith(
        "application/json"
    ):
        return False
    asked = Headers(scope=scope)
    return "text/html" in asked.get("accept", "") or asked.get("hx-request") == "true"


def _shown(start: Message, body: bytes, request: Request) -> Response:
    """The API's error as a page, with its status and its headers."""
    try:
        error: Any = json.loads(body)["error"]
        code, message = str(error["code"]), str(error["message"])
    except (ValueError, KeyError, TypeError):
        code, message = "Error", "Something went wrong."
    template = "fault.html" if request.headers.get("hx-request") == "true" else "error.html"
    response = view(request, None, template, status=start["status"], code=code, message=message)
    for name, value in Headers(raw=start["headers"]).items():
        if name not in ("content-type", "content-length"):
            response.headers[name] = value
    return response
