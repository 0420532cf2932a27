"""How large a scale set may be and become: its sku, scale-out, and the events of hooks that it has none of."""

from typing import Annotated, Any

from fastapi import APIRouter, Path, Request
from fastapi.responses import Response

from api.scale_sets.model_changes import change_stored
from api.services.dependencies import SCALE_SET, ApiVersion, ScaleSetPathDep, ServicesDep
from api.services.long_running import accepted
from api.services.paging import PagingDep
from api.services.scale_set_lookup import StoredDep
from api.shapes.answers import SCALE_SET_TYPE
from api.shapes.set_defaults import with_defaults
from api.wire.bodies import JsonBody, OptionalJsonBody, described
from api.wire.errors import ArmError, invalid, not_allowed, not_found
from api.wire.merge import canonical
from api.wire.preconditions import NO_PRECONDITIONS
from instar.store.database.secret_places import without_secrets
from instar.store.sets.stored_scale_set import StoredScaleSet

router = APIRouter(tags=["scale sets"])

EVENTS = SCALE_SET + "/lifecycleHookEvents"
MOST = 1000
"""Machines that Azure allows in one set, and `az vmss list-skus` shows. Instar itself has no limit."""

Json = dict[str, Any]
Event = Annotated[str, Path(alias="eventId")]


@router.get(SCALE_SET + "/skus", response_model=None)
async def list_skus(stored: StoredDep, paging: PagingDep) -> Json:
    """The sizes that the set may have: its own. Any other name will do as well; what it means, the compute says."""
    sku = without_secrets(
        {key: value for key, value in (with_defaults(stored.document).get("sku") or {}).items() if key != "capacity"}
    )
    capacity = {"minimum": 0, "maximum": MOST, "defaultCapacity": 1, "scaleType": "Automatic"}
    page = paging.page([sku], lambda one: (str(one.get("name")),))
    return page.answer({"resourceType": SCALE_SET_TYPE, "sku": item, "capacity": capacity} for item in page.items)


@router.post(SCALE_SET + "/scaleOut", status_code=202, openapi_extra=described({"capacity": 5}), response_model=None)
async def scale_out(
    *,
    request: Request,
    services: ServicesDep,
    path: ScaleSetPathDep,
    stored: StoredDep,
    api_version: ApiVersion,
    body: JsonBody,
) -> Response:
    """Let the set have `capacity` machines: more than it has. Which zone they go to follows from its model (409)."""
    del stored  # that it is there comes before what is asked of it
    given = canonical(body)
    capacity = given.get("capacity")
    if not isinstance(capacity, int) or isinstance(capacity, bool) or capacity < 1:
        raise invalid("'capacity' must be a whole number of 1 or more.", "capacity")
    properties = given.get("properties") or {}
    if not isinstance(properties, dict):
        raise invalid("'properties' must be an object.", "properties")
    if properties.get("zone"):
        raise not_allowed(
            "Operation 'scaleOut' is not allowed with a zone: new machines go where the zones of the scale set are the "
            "emptiest. Leave 'properties.zone' out."
        )

    def change(stored: StoredScaleSet | None) -> Json:
        has = int(((stored.document if stored else {}).get("sku") or {}).get("capacity") or 0)
        if capacity <= has:
            raise invalid(f"'capacity' must be more than the scale set has, which is {has}.", "capacity")
        return {"sku": {"capacity": capacity}}

    done = await change_stored(services, path, change, NO_PRECONDITIONS)
    return accepted(request, services, done.operation, api_version)


@router.get(EVENTS, response_model=None)
async def list_lifecycle_hook_events(stored: StoredDep, paging: PagingDep) -> Json:
    """No lifecycle hook events: they are not supported, so nothing waits for anybody."""
    del stored
    return paging.page(list[Json](), lambda one: (str(one),)).answer(())


@router.get(EVENTS + "/{eventId}", response_model=None)
async def get_lifecycle_hook_event(stored: StoredDep, event: Event) -> Json:
    """A lifecycle hook event. 404: there is none."""
    raise _no_event(stored, event)


@router.patch(EVENTS + "/{eventId}", openapi_extra=described({"properties": {}}), response_model=None)
async def patch_lifecycle_hook_event(stored: StoredDep, event: Event, body: OptionalJsonBody) -> Json:
    """Approve or reject a lifecycle hook event. 404: there is none."""
    del body
    raise _no_event(stored, event)


def _no_event(stored: StoredScaleSet, event: str) -> ArmError:
    name = stored.identity.name
    return not_found(f"The lifecycle hook event '{event[:80]}' was not found: the scale set '{name}' has none.")
