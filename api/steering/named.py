"""What limits and rings have in common: a name, an entity tag, who stored it, when and why (docs/rules.md W4, W5)."""

import asyncio
from typing import Any

from fastapi import Request
from fastapi.responses import JSONResponse, Response

from api.access.reasons import noted, reason_of
from api.services.dependencies import Services
from api.steering.asked import who
from api.wire.errors import ArmError
from api.wire.moments import moment
from api.wire.preconditions import Preconditions
from instar.store.errors import QuotaExceeded
from instar.store.steering.named import Named, NamedDocuments, wished

Json = dict[str, Any]


async def stored(  # noqa: PLR0917  # where, what, and what must be true of what is there
    request: Request,
    services: Services,
    kept: NamedDocuments,
    name: str,
    document: Json,
    reason: object,
    preconditions: Preconditions,
    what: str,
) -> tuple[Named, bool]:
    """Store it, and whether there was none. Raises ArmError: 400 for the reason, 409 for one too many, 412."""
    wish = wished(name, document, services.clock(), who(services), noted(request, reason_of({"reason": reason})))
    try:
        return await asyncio.to_thread(kept.put, wish, lambda etag: preconditions.check(quoted(etag), what))
    except QuotaExceeded as error:
        raise ArmError(409, "QuotaExceeded", f"{error}: delete one that is needed no more.") from None


async def removed(
    request: Request, kept: NamedDocuments, name: str, preconditions: Preconditions, what: str
) -> Response:
    """Remove it: 200 if it was there, 204 if not. Raises ArmError 412."""
    noted(request, "")
    was_there = await asyncio.to_thread(kept.delete, name, lambda etag: preconditions.check(quoted(etag), what))
    return Response(status_code=200 if was_there else 204)


def body_of(one: Named, place: str, kind: str, **more: Any) -> Json:
    """As it is shown; `more` joins its properties."""
    return {
        "id": f"{place}/{one.name}",
        "name": one.name,
        "type": kind,
        "etag": quoted(one.etag),
        "systemData": {"lastModifiedBy": one.changed_by, "lastModifiedAt": moment(one.changed_at)},
        "properties": {**one.document, **more},
        "reason": one.reason,
    }


def answer(body: Json, *, created: bool = False) -> Response:
    """With its entity tag."""
    return JSONResponse(body, 201 if created else 200, {"ETag": body["etag"]})


def quoted(etag: str) -> str:
    """As a header has it; "" where there is none."""
    return f'"{etag}"' if etag else ""
