"""The document at `/openapi.json`, finished: the answers of every route, the token that it needs, its parameters.

FastAPI knows the paths and the parameters. It takes every route to answer 200 or 422; the first is often not all of it
and the second is never sent here (errors.py).
"""

import re
from collections.abc import Callable, Collection, Iterable
from typing import Any

from fastapi import FastAPI
from fastapi.dependencies.models import Dependant
from fastapi.routing import iter_route_contexts

from api.openapi import shapes
from api.openapi.answers import ERRORS, errors, successes
from api.openapi.peculiar import OF_NAME, OF_PATH, PECULIAR
from api.openapi.titles import title_of
from api.services.dependencies import (
    NAME_AT_MOST,
    OLDEST_API_VERSION,
    OLDEST_OF_OTHERS,
    RESOURCE_GROUP,
    SUBSCRIPTION,
    oldest_version,
)
from api.wire.bodies import optional_json_object

Json = dict[str, Any]

_DAY = "-(0[1-9]|[12][0-9]|3[01])(-preview)?$"
_API_VERSIONS: dict[str, Json] = {
    OLDEST_API_VERSION: {"type": "string", "pattern": f"^(2018-1[0-2]|20(19|[2-9][0-9])-(0[1-9]|1[0-2])){_DAY}"},
    OLDEST_OF_OTHERS: {"type": "string", "pattern": f"^20(1[4-9]|[2-9][0-9])-(0[1-9]|1[0-2]){_DAY}"},
}
"""By the oldest that is taken."""
_NAMES = {"subscriptionId": SUBSCRIPTION.pattern, "resourceGroupName": RESOURCE_GROUP.pattern}
_NAME = re.compile(r"\{(\w+)\}")
_TOKEN: Json = {"bearer": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}}
_ERROR_NAMES = {status: f"Error{status}" for status in ERRORS}


def finish(app: FastAPI, open_paths: Iterable[str]) -> None:
    """Make the application's document true. `open_paths` need no token."""
    document, open_to_all = app.openapi(), frozenset(open_paths)
    for route in iter_route_contexts(app.routes):
        for method in route.methods or ():
            operation = document["paths"].get(route.path_format, {}).get(method.lower())
            if operation is not None and route.endpoint is not None:
                _finish(operation, method, route, is_open=route.path_format in open_to_all)
    document["components"] = {
        "schemas": shapes.SCHEMAS,
        "responses": {_ERROR_NAMES[status]: answer.described(status) for status, answer in ERRORS.items()},
        "securitySchemes": _TOKEN,
    }


def _finish(operation: Json, method: str, route: Any, *, is_open: bool) -> None:
    path: str = route.path_format
    operation["summary"] = title_of(operation.get("description", ""), path) or operation["summary"]
    parameters = operation.setdefault("parameters", [])
    parameters += _missing(path, {one["name"] for one in parameters if one["in"] == "path"})
    for parameter in parameters:
        _finish_parameter(parameter, path)
    body = operation.get("requestBody")
    if body is not None:
        body["required"] = optional_json_object not in _calls(route.dependant)
        if method in ("PUT", "PATCH") and path.startswith("/subscriptions"):
            body["content"]["application/json"]["schema"] = {"$ref": f"#/components/schemas/{shapes.BODY}"}
    if not is_open:
        operation["security"] = [{"bearer": []}]
    operation["responses"] = _responses(operation, method, route, is_open=is_open)


def _responses(operation: Json, method: str, route: Any, *, is_open: bool) -> Json:
    path: str = route.path_format
    if path in OF_PATH:
        return {str(status): answer.described(status) for status, answer in OF_PATH[path].items()}
    well = PECULIAR.get(route.endpoint, OF_NAME.get(route.name))
    if well is None:
        well = successes(method, path, route.status_code)
    ill = errors(
        method,
        path,
        parameters=[parameter["name"].lower() for parameter in operation["parameters"]],
        has_body="requestBody" in operation,
        is_open=is_open,
        done=well,
    )
    responses = {str(status): answer.described(status) for status, answer in well.items()}
    if method == "HEAD":  # its errors have no body
        return responses | {str(status): {"description": "no body"} for status in sorted(ill)}
    return responses | {
        str(status): {"$ref": f"#/components/responses/{_ERROR_NAMES[status]}"} for status in sorted(ill)
    }


def _missing(path: str, known: Collection[str]) -> list[Json]:
    """Names in a path that its function does not look at, and that FastAPI does not describe for this reason."""
    return [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}
        for name in _NAME.findall(path)
        if name not in known
    ]


def _finish_parameter(parameter: Json, path: str) -> None:
    name, schema = parameter["name"], parameter["schema"]
    options = [one for one in schema.get("anyOf", ()) if one != {"type": "null"}]
    if len(options) == 1:  # FastAPI's word for a parameter that may be left out
        parameter["schema"] = options[0]
    if name == "api-version" and path.startswith(("/subscriptions", "/tenants")):
        parameter |= {"required": True, "schema": _API_VERSIONS[oldest_version(path)]}
    elif parameter["in"] == "path":
        schema |= {"minLength": 1, "maxLength": NAME_AT_MOST}
        if name in _NAMES:
            schema["pattern"] = f"^{_NAMES[name]}$"


def _calls(dependant: Dependant) -> set[Callable[..., Any]]:
    found = {dependant.call} if dependant.call else set()
    return found.union(*(_calls(dependency) for dependency in dependant.dependencies))
