"""What a route answers, by its method and its path: most need nothing said. The rest is in `peculiar.py`."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from api.openapi import shapes

Json = dict[str, Any]

_URL: Json = {"type": "string", "format": "uri"}
_SECONDS: Json = {"type": "integer", "minimum": 1}

HEADERS: dict[str, Json] = {
    "Azure-AsyncOperation": {"description": "where the operation's status is", "schema": _URL},
    "Location": {"description": "202 there while it runs, then 200", "schema": _URL},
    "Retry-After": {"description": "seconds to wait before the next look", "schema": _SECONDS},
    "WWW-Authenticate": {"description": "where tokens are to be had", "schema": {"type": "string"}},
    "Warning": {"description": "299, and what does not happen here", "schema": {"type": "string"}},
    "ETag": {"description": "changes with the resource", "schema": {"type": "string", "pattern": '^".*"$'}},
}
"""Every header that is part of an answer's meaning."""

SOMETIMES = frozenset({"ETag"})
"""Sent where the kind of resource has one."""


@dataclass(frozen=True)
class Answer:
    """One status: the name of the body's schema, "" for an empty body, and the headers that come with it."""

    shape: str = ""
    headers: tuple[str, ...] = ()
    sometimes: tuple[str, ...] = ()
    """Headers that are there in some states only."""

    def described(self, status: int) -> Json:
        """As OpenAPI wants it."""
        body: Json = {"description": HTTPStatus(status).phrase}
        if self.shape:
            schema = {"$ref": f"#/components/schemas/{self.shape}"}
            body["content"] = {"application/json": {"schema": schema}}
        given = (*self.headers, *self.sometimes)
        if given:
            unsure = SOMETIMES.union(self.sometimes)
            body["headers"] = {name: HEADERS[name] | {"required": name not in unsure} for name in given}
        return body


Answers = Mapping[int, Answer]

EMPTY = Answer()
ACCEPTED = Answer(headers=("Azure-AsyncOperation", "Location", "Retry-After"))
WRITTEN = Answer(shapes.RESOURCE, ("Azure-AsyncOperation", "Retry-After", "ETag"))
READ = Answer(shapes.RESOURCE, ("ETag",))
LISTED = Answer(shapes.LIST)

_BY_METHOD: dict[str, Answers] = {
    "PUT": {200: WRITTEN, 201: WRITTEN},
    "PATCH": {200: WRITTEN},
    "DELETE": {202: ACCEPTED, 204: EMPTY},
    "HEAD": {204: EMPTY},
}
_BY_STATUS: dict[int | None, Answers] = {202: {202: ACCEPTED}, 204: {204: EMPTY}}

ERRORS: dict[int, Answer] = {
    400: Answer(shapes.ERROR),
    401: Answer(shapes.ERROR, ("WWW-Authenticate",)),
    403: Answer(shapes.ERROR),
    404: Answer(shapes.ERROR),
    409: Answer(shapes.ERROR),
    412: Answer(shapes.ERROR),
    413: Answer(shapes.ERROR),
    503: Answer(shapes.ERROR, ("Retry-After",)),
}
"""No 405, which no operation has, and no 500: one that is sent is a fault of ours."""

MAY_BE_MISSING = frozenset({("GET", "/instar/rolloutPolicy")})
"""What there is one of at the most, so that its path has no name in it, and yet may not be there."""

CONDITIONS = frozenset({"if-match", "if-none-match"})
OWN = ("/instar/webhooks", "/instar/holds", "/instar/limits", "/instar/rings")
"""Instar's own resources that are for a scope."""

CHANGES = ("PUT", "PATCH", "DELETE", "POST")
AT_A_GATE = ("/instar/approve", "/instar/reject", "/instar/plan", "/instar/rollback/plan")
"""Done at once, and refused where nothing waits for it; or where nothing could be planned."""


def successes(method: str, path: str, status_code: int | None) -> Answers:
    """What a route answers when all is well; `status_code`: the one that its decorator names, if it does.

    >>> sorted(successes("DELETE", "/subscriptions/{s}/resourceGroups/{g}/providers/M/galleries/{n}", None))
    [202, 204]
    >>> successes("GET", "/subscriptions/{s}/providers/M/galleries", None)[200].shape
    'List'
    """
    if method == "GET":
        return {200: READ if path.endswith("}") else LISTED}
    return _BY_METHOD.get(method) or _BY_STATUS.get(status_code, {200: Answer(shapes.OBJECT)})


def errors(
    method: str, path: str, *, parameters: Collection[str], has_body: bool, is_open: bool, done: Iterable[int]
) -> set[int]:
    """What else it may answer. `parameters` in lower case; `is_open`: needs no token; `done`: its successes.

    Every name in a path may be that of nothing: with an encoded slash in it, it is the path of nothing at all.

    >>> sorted(errors("GET", "/subscriptions", parameters=["api-version"], has_body=False, is_open=False, done=[200]))
    [400, 401, 403, 503]
    """
    found = {503}
    if not is_open:
        found |= {401, 403}
    if parameters or has_body:
        found.add(400)
    if "{" in path or (method, path) in MAY_BE_MISSING:
        found.add(404)
    owned = "/subscriptions/" in path or path.startswith(OWN)
    conflicts = method != "POST" or HTTPStatus.OK not in done or path.endswith(AT_A_GATE)
    if method in CHANGES and owned and conflicts:
        found.add(409)
    if CONDITIONS.intersection(parameters):
        found.add(412)
    if has_body:
        found.add(413)
    return found
