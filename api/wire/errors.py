"""Whatever goes wrong answers with ARM's error body: `{"error": {"code", "message", "target"?, "details"?}}`.

A wrong request is 4xx and says what is wrong; what is away for a moment is 503 with `Retry-After`; the rest is our
own fault: logged here, once, and 500.
"""

import logging
import traceback
from collections.abc import Mapping, Sequence
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from fastapi.routing import iter_route_contexts
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from instar.compute.errors import ComputeError, TryAgain
from instar.domain.eligibility.blockers import OPERATION_NOT_ALLOWED, PROPERTY_CHANGE_NOT_ALLOWED, Blocker
from instar.store.errors import Conflict, StoreError, Unavailable

_log = logging.getLogger(__name__)

RETRY_AFTER = {"Retry-After": "5"}
"""Seconds after which something that is away is worth another try."""

CONFLICT = "Conflict"
_CODES = {404: "NotFound", 405: "MethodNotAllowed", 413: "RequestContentTooLarge"}
_CONFLICTS = (OPERATION_NOT_ALLOWED, PROPERTY_CHANGE_NOT_ALLOWED)


class ArmError(Exception):
    """An answer that is an error. `status` is the HTTP status, `target` the property at fault."""

    def __init__(
        self,
        status: int,
        code: str,
        message: str,
        *,
        target: str = "",
        details: Sequence[Mapping[str, str]] = (),
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.target = target
        self.details = details
        self.headers = dict(headers or {})

    def response(self) -> JSONResponse:
        """The answer."""
        body: dict[str, Any] = {"code": self.code, "message": self.message}
        if self.target:
            body["target"] = self.target
        if self.details:
            body["details"] = list(self.details)
        return JSONResponse({"error": body}, status_code=self.status, headers=self.headers)


def not_found(message: str = "The entity was not found in this Azure location.", target: str = "") -> ArmError:
    """Something below an existing scale set, or outside one, does not exist."""
    return ArmError(404, "NotFound", message, target=target)


def scale_set_not_found(name: str, resource_group: str) -> ArmError:
    """No such scale set in that group."""
    return ArmError(
        404,
        "ResourceNotFound",
        f"The Resource 'Microsoft.Compute/virtualMachineScaleSets/{name}' under resource group '{resource_group}' was "
        "not found. For more details please go to https://aka.ms/ARMResourceNotFoundFix",
    )


def group_not_found(name: str) -> ArmError:
    """No such resource group."""
    return ArmError(404, "ResourceGroupNotFound", f"Resource group '{name}' could not be found.")


def unknown_type(namespace: str, word: str) -> ArmError:
    """A resource type that there is not here."""
    message = f"The resource type '{word[:60]}' could not be found in the namespace '{namespace}': it is not supported."
    return ArmError(404, "InvalidResourceType", message)


def parent_not_found(name: str) -> ArmError:
    """What a resource would be below, or a part of, does not exist."""
    message = f"Can not perform requested operation on nested resource. Parent resource '{name}' not found."
    return ArmError(404, "ParentResourceNotFound", message)


def invalid(message: str, target: str = "") -> ArmError:
    """A property or parameter has a value that it cannot have."""
    return ArmError(400, "InvalidParameter", message, target=target)


def bad_content(message: str) -> ArmError:
    """The body is not what can be read at all."""
    return ArmError(400, "InvalidRequestContent", message)


def not_allowed(message: str) -> ArmError:
    """The state of the scale set forbids it just now."""
    return ArmError(409, OPERATION_NOT_ALLOWED, message)


def unavailable(message: str) -> ArmError:
    """Something that is needed is away: the same request may work later."""
    return ArmError(503, "ServiceUnavailable", message, headers=RETRY_AFTER)


def changed_meanwhile() -> ArmError:
    """Somebody else was faster, again and again."""
    message = "Another request changed the resource at the same time. Read it again, and repeat the request."
    return ArmError(409, CONFLICT, message)


def overtaken(error: ArmError) -> bool:
    """Whether it says that somebody else was faster."""
    return error.code == CONFLICT


def blocked(blockers: Sequence[Blocker]) -> ArmError:
    """The first reason as the answer, and all of them as its details where there are several."""
    first = blockers[0]
    details = [
        {"code": blocker.code, "message": blocker.message} | ({"target": blocker.target} if blocker.target else {})
        for blocker in blockers
    ]
    return ArmError(
        409 if first.code in _CONFLICTS else 400,
        first.code,
        first.message,
        target=first.target,
        details=details if len(details) > 1 else (),
    )


def install(app: FastAPI) -> None:
    """Translate every kind of exception that a route may meet."""
    app.add_exception_handler(ArmError, _arm)
    app.add_exception_handler(RequestValidationError, _request_validation)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(ComputeError, _compute)
    app.add_exception_handler(StoreError, _store)


async def _arm(_request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, ArmError)  # noqa: S101  # the registration above says so; this tells the type checker
    return error.response()


async def _request_validation(_request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)  # noqa: S101  # as above
    first = error.errors()[0]
    name = str(first["loc"][-1])
    return invalid(f"The value of parameter '{name}' is invalid: {first['msg']}.", name).response()


async def _http(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)  # noqa: S101  # as above
    message, headers = str(error.detail), dict(error.headers or {})
    if error.status_code == 404:  # noqa: PLR2004  # HTTP's own number
        message = f"No resource or operation is known under '{request.url.path}'."
    elif error.status_code == 405:  # noqa: PLR2004  # HTTP's own number
        message = f"The method {request.method} is not allowed on '{request.url.path}'."
        headers["Allow"] = ", ".join(_methods_of(request))
    code = _CODES.get(error.status_code, "BadRequest")
    return ArmError(error.status_code, code, message, headers=headers).response()


def _methods_of(request: Request) -> list[str]:
    """Every method of a path. Its routes are one for each; the error that comes from the first knows of that one.

    Routes of paths that any type may have come last: what they take is not what this path takes.
    """
    path: str = request.scope["path"]  # in the case of the routes
    matching = [
        route
        for route in iter_route_contexts(request.app.routes)
        if hasattr(route, "path_regex") and route.path_regex.match(path)
    ]
    return sorted({method for route in matching if route.path == matching[0].path for method in route.methods or ()})


async def _compute(_request: Request, error: Exception) -> JSONResponse:
    if not isinstance(error, TryAgain):
        return _unexpected(error)
    answer = unavailable("The compute does not answer just now.")
    if error.retry_after:
        answer.headers["Retry-After"] = str(max(1, round(error.retry_after.total_seconds())))
    return answer.response()


async def _store(_request: Request, error: Exception) -> JSONResponse:
    if isinstance(error, Unavailable):
        _log.warning("the store does not answer")
        return unavailable("The store does not answer just now.").response()
    if isinstance(error, Conflict):
        return changed_meanwhile().response()
    return _unexpected(error)


def _unexpected(error: BaseException) -> JSONResponse:
    # The frames, not the message: a message may quote the document that was being worked on, secrets included (F5).
    frames = "".join(traceback.format_tb(error.__traceback__))
    _log.error("unexpected %s at\n%s", type(error).__name__, frames)
    return ArmError(500, "InternalServerError", "Something went wrong on our side; the log says where.").response()


class LastResort:
    """ASGI middleware around everything: an exception that nobody expected is logged and answers 500 in ARM's form."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, unless the answer was begun already."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        begun = False

        async def sending(message: Message) -> None:
            nonlocal begun
            begun = True
            await send(message)

        try:
            await self.app(scope, receive, sending)
        except Exception as error:
            response = _unexpected(error)
            if begun:
                raise
            await response(scope, receive, send)
