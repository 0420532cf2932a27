"""What is acted on, looked up by the API's own routes each time that a form is shown or sent."""

from collections.abc import Mapping
from dataclasses import replace
from urllib.parse import quote

from fastapi import Request

from api.access.caller import NOBODY, Caller
from api.access.outside_issuer import IssuerAway
from api.access.principals import TokenRefused
from api.page.access.visitor import Visitor
from api.page.asking import Answer, Api, api_of, further
from api.page.steering.act import Act, Json, Subject
from instar.domain.access import is_within
from instar.store.errors import Unavailable

PAGES_AT_MOST = 20
"""Of a list: many times as many holds, limits or rings as anybody has."""

ID_AT_MOST = 2_000
"""Characters of the id of a set; the API's own are far shorter."""

NOT_FOUND = 404


class NotShown(Exception):
    """The API does not show what is to be acted on; its answer says why."""

    def __init__(self, answer: Answer) -> None:
        super().__init__(answer.error)
        self.answer = answer


async def caller_of(request: Request, visitor: Visitor) -> Caller:
    """The visitor's roles as the API's guard finds them; none where they cannot be told just now."""
    services = request.app.state.services
    try:
        return await services.access.caller_of(f"Bearer {visitor.token}")  # type: ignore[no-any-return]
    except (TokenRefused, IssuerAway, Unavailable):
        return NOBODY


async def set_of(request: Request, visitor: Visitor, resource_id: str, act: Act | None = None) -> Subject:
    """A scale set as it stands, with what the act reads besides. Raises NotShown."""
    if len(resource_id) > ID_AT_MOST:
        raise NotShown(Answer(NOT_FOUND, {"error": GONE}))
    api = api_of(request, visitor)
    listed = await api.ask("GET", "/instar/scaleSets", params={"scope": resource_id})
    found = next((one for one in listed.body.get("value") or () if is_same(one["id"], resource_id)), None)
    if found is None:
        told = await api.ask("GET", quote(resource_id)) if listed.ok else listed
        raise NotShown(told if not told.ok else Answer(NOT_FOUND, {"error": GONE}))
    subject = Subject(
        id=found["id"],
        name=found["name"],
        caller=await caller_of(request, visitor),
        now=request.app.state.services.clock(),
        body=found,
    )
    more = await _read(api, quote(subject.id) + act.reads) if act and act.reads else {}
    return replace(subject, more=more)


GONE: Mapping[str, str] = {
    "code": "ResourceNotFound",
    "message": "The scale set is not in the list of those that you may read: it was made or deleted just now.",
}


async def named(request: Request, visitor: Visitor, path: str, name: str) -> Subject:
    """What has a path of its own: a hold, a limit, rings, the default policy. Raises NotShown, but not for 404."""
    empty = Subject(
        id=path,
        name=name,
        caller=await caller_of(request, visitor),
        now=request.app.state.services.clock(),
    )
    return replace(empty, body=await _read(api_of(request, visitor), path)) if path else empty


async def all_of(api: Api, path: str) -> list[Json]:
    """Every item of a list. Raises NotShown."""
    found: list[Json] = []
    for _ in range(PAGES_AT_MOST):
        answer = await api.ask("GET", path)
        if not answer.ok:
            raise NotShown(answer)
        found += answer.body.get("value") or []
        if not (path := further(path, answer)):
            break
    return found


def is_same(one: str, other: str) -> bool:
    """Whether two paths name the same thing."""
    return is_within(one, other) and is_within(other, one)


async def _read(api: Api, path: str) -> Json:
    answer = await api.ask("GET", path)
    if not answer.ok and answer.status != NOT_FOUND:
        raise NotShown(answer)
    return answer.body if answer.ok else {}
