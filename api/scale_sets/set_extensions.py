"""The extensions of a scale set one by one: each a part of the set's model, so a change of one is a change of that.

It is judged, sealed, stored and announced as a PUT of the whole set would be, as a new generation; its operation is
that of the set. `If-None-Match: *` asks for an extension that is new; the etag of one is that of its
set. Extensions of single machines have no model of their own here: `api.instances.unsupported` says so.
"""

from collections.abc import Callable
from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Request
from fastapi.responses import JSONResponse, Response

from api.scale_sets.model_changes import Change, change_stored
from api.services.dependencies import SCALE_SET, ApiVersion, ScaleSetPath, ScaleSetPathDep, Services, ServicesDep
from api.services.long_running import accepted, resource_headers, state_of
from api.services.paging import PagingDep
from api.services.scale_set_lookup import StoredDep, find
from api.shapes.answers import quoted_etag
from api.stored.stored_resources import checked_name
from api.wire.bodies import JsonBody, described
from api.wire.errors import invalid, not_found
from api.wire.merge import canonical, merged, without_read_only
from api.wire.preconditions import NO_PRECONDITIONS, Preconditions, PreconditionsDep
from api.wire.properties import at
from api.wire.queries import wanted
from instar.store.database.secret_places import without_secrets
from instar.store.sets.stored_scale_set import StoredScaleSet

router = APIRouter(tags=["extensions"])

EXTENSIONS = SCALE_SET + "/extensions"
EXTENSION = EXTENSIONS + "/{extensionName}"
TYPE = "Microsoft.Compute/virtualMachineScaleSets/extensions"
NEEDED = ("publisher", "type")
"""What tells one extension from another: the handler that runs."""

_PLACE = "properties.virtualMachineProfile.extensionProfile"
_EXAMPLE = {
    "properties": {
        "publisher": "Microsoft.Azure.Extensions",
        "type": "CustomScript",
        "typeHandlerVersion": "2.1",
        "settings": {"commandToExecute": "./setup.sh"},
    }
}

Json = dict[str, Any]
Name = Annotated[str, Path(alias="extensionName")]
Expand = Annotated[str, Query(alias="$expand", description="instanceView: see that of the set")]


@router.get(EXTENSIONS, response_model=None)
async def list_extensions(services: ServicesDep, stored: StoredDep, paging: PagingDep) -> Json:
    """The extensions of the set's model, by name."""
    state = await state_of(services, stored)
    page = paging.page(_extensions(stored), lambda one: (str(one["name"]).lower(),))
    return page.answer(_body(stored, item, state) for item in page.items)


@router.get(EXTENSION, response_model=None)
async def get_extension(services: ServicesDep, stored: StoredDep, name: Name, expand: Expand = "") -> Json:
    """One extension of the model, without its protected settings."""
    wanted("$expand", expand, ("instanceView",))
    return _body(stored, _existing(stored, name), await state_of(services, stored))


@router.put(EXTENSION, openapi_extra=described(_EXAMPLE), response_model=None)
async def put_extension(
    *,
    request: Request,
    services: ServicesDep,
    path: ScaleSetPathDep,
    name: Name,
    api_version: ApiVersion,
    body: JsonBody,
    preconditions: PreconditionsDep,
) -> Response:
    """Add an extension to the model (201), or replace one (200); protected settings that are not given are kept."""
    had = await find(services, path)
    new = had is None or _named(had, name) is None
    done = await make_extension(services, path, name, body, preconditions)
    headers = resource_headers(request, services, done.operation, api_version)
    shown = _body(done.stored, _existing(done.stored, name), "Creating" if new else "Updating")
    return JSONResponse(shown, status_code=201 if new else 200, headers=headers)


async def make_extension(
    services: Services, path: ScaleSetPath, name: str, body: Json, preconditions: Preconditions = NO_PRECONDITIONS
) -> Change:
    """Put an extension into the model, for a PUT or for a template. Raises ArmError."""
    return await change_stored(services, path, with_extension(name, body, preconditions), NO_PRECONDITIONS)


def with_extension(
    name: str, body: Json, preconditions: Preconditions = NO_PRECONDITIONS
) -> Callable[[StoredScaleSet | None], Json]:
    """The change of a model that puts an extension into it. Raises ArmError."""
    given = _given(body, checked_name(name, "extensionName"))
    for key in NEEDED:
        if not given["properties"].get(key):
            raise invalid(f"Required parameter 'properties.{key}' is missing (null).", f"properties.{key}")

    def change(stored: StoredScaleSet | None) -> Json:
        _check(preconditions, stored, name)
        spelt = _named(stored, name)
        return _changed(stored, name, given | ({"name": spelt["name"]} if spelt else {}))

    return change


@router.patch(EXTENSION, openapi_extra=described({"properties": {"forceUpdateTag": "2"}}), response_model=None)
async def patch_extension(
    *,
    request: Request,
    services: ServicesDep,
    path: ScaleSetPathDep,
    stored: StoredDep,
    name: Name,
    api_version: ApiVersion,
    body: JsonBody,
    preconditions: PreconditionsDep,
) -> Response:
    """Change an extension of the model: what is not given stays, settings are replaced as a whole."""
    _existing(stored, name)
    given = _given(body, name)

    def change(stored: StoredScaleSet | None) -> Json:
        _check(preconditions, stored, name)
        had = _existing(stored, name)
        return _changed(stored, name, merged(had, given | {"name": had["name"]}))

    done = await change_stored(services, path, change, NO_PRECONDITIONS)
    headers = resource_headers(request, services, done.operation, api_version)
    return JSONResponse(_body(done.stored, _existing(done.stored, name), "Updating"), headers=headers)


@router.delete(EXTENSION, response_model=None)
async def delete_extension(
    *,
    request: Request,
    services: ServicesDep,
    path: ScaleSetPathDep,
    stored: StoredDep,
    name: Name,
    api_version: ApiVersion,
    preconditions: PreconditionsDep,
) -> Response:
    """Take an extension out of the model: 202, or 204 if there is none of that name."""
    if preconditions == NO_PRECONDITIONS and _named(stored, name) is None:
        return Response(status_code=204)

    def change(stored: StoredScaleSet | None) -> Json:
        _check(preconditions, stored, name)
        return _changed(stored, name, None)

    done = await change_stored(services, path, change, NO_PRECONDITIONS)
    return accepted(request, services, done.operation, api_version)


def _given(body: Json, name: str) -> Json:
    """An extension as a request has it. Raises ArmError 400 where its name is another."""
    given = without_read_only(canonical(body))
    if not isinstance(given.get("properties", {}), dict):
        raise invalid("'properties' must be an object.", "properties")
    called = body.get("name")
    if called is not None and str(called).lower() != name.lower():
        raise invalid(f"'name' must be '{name}', as in the path.", "name")
    return {"name": name, "properties": given.get("properties") or {}}


def _changed(stored: StoredScaleSet | None, name: str, extension: Json | None) -> Json:
    """The change of the model that puts an extension in its place, at the end if it is new, or takes it away."""
    replaced, kept = False, []
    for one in _extensions(stored):
        if str(one["name"]).lower() != name.lower():
            kept.append(one)
        elif extension is not None:
            kept.append(extension)
            replaced = True
    if extension is not None and not replaced:
        kept.append(extension)
    profile: Json = {"extensionProfile": {"extensions": kept}}
    return {"properties": {"virtualMachineProfile": profile}}


def _extensions(stored: StoredScaleSet | None) -> list[Json]:
    found: list[Json] = at(stored.document, f"{_PLACE}.extensions") if stored else []
    return found or []


def _named(stored: StoredScaleSet | None, name: str) -> Json | None:
    return next(
        (extension for extension in _extensions(stored) if str(extension["name"]).lower() == name.lower()), None
    )


def _existing(stored: StoredScaleSet | None, name: str) -> Json:
    """Raises ArmError 404."""
    found = _named(stored, name)
    if found is None:
        raise not_found(f"The extension '{name}' was not found in the scale set.")
    return found


def _check(preconditions: Preconditions, stored: StoredScaleSet | None, name: str) -> None:
    """Raises ArmError 412."""
    preconditions.check(quoted_etag(stored) if stored and _named(stored, name) else "", "extension")


def _body(stored: StoredScaleSet, extension: Json, state: str) -> Json:
    properties = without_secrets(extension.get("properties") or {})
    return {
        "name": extension["name"],
        "id": f"{stored.identity.resource_id}/extensions/{extension['name']}",
        "type": TYPE,
        "properties": {**properties, "provisioningState": state},
    }
