"""Writing what is kept by itself: `az resource create`, `az storage account create` and the like.

The answer is what a PUT of the type gives, and a `Warning` header says what does not happen: nothing is kept in
silence. `INSTAR_UNUSED_RESOURCES=refuse` refuses it.
"""

import asyncio
from typing import Any

from fastapi import APIRouter, Depends
from fastapi.responses import JSONResponse, Response

from api.kept.documents import keep, kept_body
from api.kept.kinds import warning_of, what_fails
from api.kept.named import ADDED, BELOW, FURTHER, ONE, KeptNameDep, own_type
from api.services.dependencies import Services, ServicesDep
from api.services.known_groups import require_group
from api.stored.stored_resources import ResourceName, etag_header, quoted, resource_not_found
from api.wire.bodies import JsonBody, described
from api.wire.errors import ArmError, changed_meanwhile, invalid, parent_not_found
from api.wire.methods import LEFT_OVER, has_no_other_route
from api.wire.preconditions import Preconditions, PreconditionsDep
from instar.connection.settings import UnusedResources
from instar.store.errors import Conflict
from instar.store.resources import StoredResource

router = APIRouter(tags=[LEFT_OVER], dependencies=[Depends(has_no_other_route)])

_EXAMPLE = {"location": "westus2", "sku": {"name": "Standard_LRS"}, "properties": {}}
_TAGS = {"tags": {"team": "web"}}
NO_REGION = "global"
"""Where a resource is that says no region and is in none."""

Json = dict[str, Any]


@router.put(ONE, openapi_extra=described(_EXAMPLE), response_model=None)
@router.put(BELOW, openapi_extra=described(_EXAMPLE), response_model=None)
@router.put(FURTHER, openapi_extra=described(_EXAMPLE), response_model=None)
async def put_kept(
    services: ServicesDep, which: KeptNameDep, body: JsonBody, preconditions: PreconditionsDep
) -> Response:
    """Keep a resource that nothing here acts on, and say so: 201, or 200 for one that is replaced."""
    return await _put(services, which, body, preconditions)


@router.patch(ONE, openapi_extra=described(_TAGS), response_model=None)
async def patch_kept(
    services: ServicesDep, which: KeptNameDep, body: JsonBody, preconditions: PreconditionsDep
) -> Response:
    """Change the tags of a resource that is kept, and nothing else of it."""
    had = await _there(services, which)
    if had is None:
        raise resource_not_found(which)
    if strangers := sorted(set(body) - {"tags"}):
        raise invalid(
            f"Only 'tags' can be patched, not '{strangers[0][:40]}': PUT the whole resource for that.",
            strangers[0][:40],
        )
    tags = {"tags": body["tags"]} if body.get("tags") is not None else {}
    document = {key: value for key, value in had.document.items() if key != "tags"} | tags
    return await _written(services, which, had, document if "tags" in body else had.document, preconditions)


async def _there(services: Services, which: ResourceName) -> StoredResource | None:
    return await asyncio.to_thread(services.store.resources.find, which.resource_id)


async def _put(services: Services, which: ResourceName, body: Json, preconditions: Preconditions) -> Response:
    await require_group(services, which.subscription_id, which.resource_group)
    for key, kind, word in (("properties", dict, "an object"), ("location", str, "a string")):
        if body.get(key) is not None and not isinstance(body[key], kind):
            raise invalid(f"'{key}' must be {word}.", key)
    above = await _above(services, which)
    document = {key: value for key, value in body.items() if value is not None}
    if not document.get("location"):
        document["location"] = str(above.document.get("location", NO_REGION)) if above else NO_REGION
    return await _written(services, which, await _there(services, which), document, preconditions)


async def _above(services: Services, which: ResourceName) -> StoredResource | None:
    """What a resource is below or added to. Raises ArmError 404 if that is not there."""
    if which.parent is None:
        return None
    words = which.resource_id.split("/")
    above = "/".join(words[:-4] if words[-4].lower() == ADDED else words[:-2])
    found = await asyncio.to_thread(services.store.resources.find, above)
    if found is None:
        raise parent_not_found(above.rpartition("/")[2])
    return found


async def _written(
    services: Services, which: ResourceName, had: StoredResource | None, document: Json, preconditions: Preconditions
) -> Response:
    """Write it down and answer with a warning. Raises ArmError."""
    kind = had.type if had is not None else own_type(which)
    if services.settings.unused_resources is UnusedResources.REFUSE:
        why = what_fails(kind) or "nothing here acts on it"
        message = f"The resource type '{kind[:120]}' is not supported: {why} (INSTAR_UNUSED_RESOURCES is refuse)."
        raise ArmError(400, "InvalidResourceType", message)
    preconditions.check(quoted(had) if had else "")
    location = str(document.get("location", NO_REGION))
    where = (which.subscription_id, which.resource_group, location)
    try:
        stored, new = await keep(services, kind, which.resource_id, where, document, had.etag if had else 0)
    except Conflict:
        raise changed_meanwhile() from None
    body = kept_body(stored)
    headers = {**etag_header(body), "Warning": warning_of(kind)}
    return JSONResponse(body, status_code=201 if new else 200, headers=headers)
