"""The routes of parts of stored resources, like the probes of a load balancer or the subnets of a network."""

from collections.abc import Awaitable, Callable
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path

from api.services.dependencies import ServicesDep
from api.services.paging import PagingDep
from api.stored.adding import Endpoint, add_route
from api.stored.kinds import Part, Routes
from api.stored.making import parts_of
from api.stored.named import Named, path_of, reader
from api.stored.stored_resources import stored_resource
from api.wire.errors import not_found
from instar.store.resources import StoredResource

Json = dict[str, Any]


def add_part_routes(router: APIRouter, routes: Routes) -> None:
    """What reads the parts of a resource: together where kinds share their routes, else a list and one of each."""
    which = reader(routes)
    if routes.shared and any(kind.parts for kind in routes.kinds):
        path, name = path_of(routes) + "/{childKind}/{childName}", f"get_part_of_{routes.noun}"
        add_route(router, "GET", path, _any_part(routes), name, routes.words.part)
    for part in [part for kind in routes.kinds for part in kind.parts if part.parameter]:
        noun = part.noun.replace(" ", "_")
        path = f"{path_of(routes)}/{part.name}"
        add_route(router, "GET", path, _part_list(part, which), f"list_{noun}s", part.words[0])
        add_route(router, "GET", f"{path}/{{{part.parameter}}}", _one_part(routes, part), f"get_{noun}", part.words[1])


def _part_list(part: Part, which: Callable[..., Awaitable[Named]]) -> Endpoint:
    async def parts(services: ServicesDep, named: Annotated[Named, Depends(which)], paging: PagingDep) -> Json:
        stored = await stored_resource(services, named.name)
        page = paging.page(
            (_part_body(stored, part, found) for found in parts_of(stored, part)),
            lambda found: (str(found["name"]).lower(),),
        )
        return page.answer(page.items)

    return parts


def _one_part(routes: Routes, part: Part) -> Endpoint:
    which = reader(routes)

    async def one_part(
        services: ServicesDep,
        named: Annotated[Named, Depends(which)],
        part_name: Annotated[str, Path(alias=part.parameter)],
    ) -> Json:
        return _part_named(await stored_resource(services, named.name), part, part_name, routes.noun)

    return one_part


def _any_part(routes: Routes) -> Endpoint:
    which = reader(routes)

    async def any_part(
        services: ServicesDep,
        named: Annotated[Named, Depends(which)],
        part_kind: Annotated[str, Path(alias="childKind")],
        part_name: Annotated[str, Path(alias="childName")],
    ) -> Json:
        stored = await stored_resource(services, named.name)
        part = named.kind.part(part_kind)
        if part is None:
            raise not_found()
        return _part_named(stored, part, part_name, routes.noun)

    return any_part


def _part_named(stored: StoredResource, part: Part, name: str, noun: str) -> Json:
    """Raises ArmError 404."""
    for found in parts_of(stored, part):
        if str(found.get("name", "")).lower() == name.lower():
            return _part_body(stored, part, found)
    raise not_found(f"The {part.noun} '{name}' was not found in the {noun.replace('_', ' ')} '{stored.name}'.")


def _part_body(stored: StoredResource, part: Part, found: Json) -> Json:
    return {"id": f"{stored.resource_id}/{part.name}/{found.get('name')}", **part.body(stored, found)}
