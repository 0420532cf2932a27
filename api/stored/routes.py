"""The routes of stored resources, made from what is said of their kinds: PUT, PATCH, GET, lists and DELETE."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import Response

from api.services.dependencies import ApiVersion, Services, ServicesDep
from api.services.paging import PagingDep
from api.stored.adding import add_route
from api.stored.kinds import Kind, Routes
from api.stored.lists import listed, listed_below
from api.stored.making import Made, make
from api.stored.named import GROUP, SUBSCRIPTION, Named, path_of, reader
from api.stored.part_routes import add_part_routes
from api.stored.stored_resources import (
    ResourceName,
    delete_resource,
    shown,
    stored_resource,
    written,
)
from api.wire.bodies import JsonBody, described
from api.wire.preconditions import PreconditionsDep
from api.wire.queries import wanted

Json = dict[str, Any]


def router_of(routes: Routes) -> APIRouter:
    """All routes of what is described."""
    router = APIRouter(tags=[routes.tag])
    _write(router, routes)
    _read(router, routes)
    _lists(router, routes)
    add_part_routes(router, routes)
    _delete(router, routes)
    return router


def _write(router: APIRouter, routes: Routes) -> None:
    which = reader(routes)

    async def put(
        *,
        request: Request,
        services: ServicesDep,
        named: Annotated[Named, Depends(which)],
        api_version: ApiVersion,
        body: JsonBody,
        preconditions: PreconditionsDep,
    ) -> Response:
        made = await make(named.kind, services, named.name, body, preconditions)
        return await _written(request, services, named.kind, made, api_version)

    async def patch(
        *,
        request: Request,
        services: ServicesDep,
        named: Annotated[Named, Depends(which)],
        api_version: ApiVersion,
        body: JsonBody,
        preconditions: PreconditionsDep,
    ) -> Response:
        made = await make(named.kind, services, named.name, body, preconditions, create=False)
        return await _written(request, services, named.kind, made, api_version)

    path, noun, words = path_of(routes), routes.noun, routes.words
    add_route(router, "PUT", path, put, f"put_{noun}", words.put, described(routes.example))
    add_route(router, "PATCH", path, patch, f"patch_{noun}", words.patch, described(routes.patch_example))


async def _written(request: Request, services: Services, kind: Kind, made: Made, api_version: str) -> Response:
    body = kind.body(made.stored, services.clock(), frozenset())
    return await written(request, services, made.stored, body, api_version, new=made.new, operation=made.operation)


def _read(router: APIRouter, routes: Routes) -> None:
    which = reader(routes)

    async def get(services: ServicesDep, named: Annotated[Named, Depends(which)]) -> Response:
        stored = await stored_resource(services, named.name)
        return shown(named.kind.body(stored, services.clock(), frozenset()))

    async def get_expanded(
        services: ServicesDep,
        named: Annotated[Named, Depends(which)],
        expand: Annotated[str, Query(alias="$expand", description=routes.expand_says)] = "",
    ) -> Response:
        expanded = wanted("$expand", expand, named.kind.expansions)
        stored = await stored_resource(services, named.name)
        return shown(named.kind.body(stored, services.clock(), expanded))

    async def is_there(services: ServicesDep, named: Annotated[Named, Depends(which)]) -> Response:
        await stored_resource(services, named.name)
        return Response(status_code=204)

    expands = any(kind.expansions for kind in routes.kinds)
    endpoint = get_expanded if expands else get
    add_route(router, "GET", path_of(routes), endpoint, f"get_{routes.noun}", routes.words.get)
    add_route(router, "HEAD", path_of(routes), is_there, f"has_{routes.noun}", "204 if there is one, else 404.")


def _lists(router: APIRouter, routes: Routes) -> None:
    collection = path_of(routes).rpartition("/")[0]
    which = reader(routes, below=True)

    async def below(services: ServicesDep, named: Annotated[Named, Depends(which)], paging: PagingDep) -> Json:
        parent = ResourceName(
            named.kind.type.rpartition("/")[0], named.subscription_id, named.resource_group or "", named.names
        )
        return await listed_below(services, paging, named.kind, parent)

    async def of_place(services: ServicesDep, named: Annotated[Named, Depends(which)], paging: PagingDep) -> Json:
        return await listed(services, paging, named.kind, named.subscription_id, named.resource_group)

    words, plural = routes.words, routes.plural
    if len(routes.parameters) > 1:
        add_route(router, "GET", collection, below, f"list_{plural}", words.list)
        return
    add_route(router, "GET", collection, of_place, f"list_{plural}_of_group", words.list)
    whole = reader(routes, below=True, group=False)

    async def of_subscription(
        services: ServicesDep, named: Annotated[Named, Depends(whole)], paging: PagingDep
    ) -> Json:
        return await listed(services, paging, named.kind, named.subscription_id)

    everywhere = collection.replace(GROUP, SUBSCRIPTION)
    add_route(router, "GET", everywhere, of_subscription, f"list_{plural}_of_subscription", words.list_all)


def _delete(router: APIRouter, routes: Routes) -> None:
    which = reader(routes)

    async def delete(
        *,
        request: Request,
        services: ServicesDep,
        named: Annotated[Named, Depends(which)],
        api_version: ApiVersion,
        preconditions: PreconditionsDep,
    ) -> Response:
        await named.kind.check_delete(services, named.name)
        return await delete_resource(request, services, named.name, api_version, preconditions)

    add_route(router, "DELETE", path_of(routes), delete, f"delete_{routes.noun}", routes.words.delete)
