"""The routes of stored resources, made from what is said of their kinds: PUT, PATCH, GET, lists and DELETE."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from inspect import Parameter, Signature
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Query, Request
from fastapi.responses import Response

from api.services.dependencies import ApiVersion, ServicesDep
from api.services.paging import PagingDep
from api.stored.kinds import Kind, Part, Routes
from api.stored.lists import listed, listed_below
from api.stored.making import make, parts_of
from api.stored.stored_resources import (
    ResourceName,
    delete_resource,
    shown,
    stored_resource,
    written,
)
from api.wire.bodies import JsonBody, described
from api.wire.errors import not_found
from api.wire.preconditions import PreconditionsDep
from api.wire.queries import wanted
from instar.store.resources import StoredResource

Json = dict[str, Any]
Endpoint = Callable[..., Awaitable[Any]]

SUBSCRIPTION = "/subscriptions/{subscriptionId}"
GROUP = SUBSCRIPTION + "/resourceGroups/{resourceGroupName}"


@dataclass(frozen=True)
class Named:
    """What a path names: a resource, or where resources are; and of which kind they are."""

    kind: Kind
    subscription_id: str
    resource_group: str | None
    names: tuple[str, ...]

    @property
    def name(self) -> ResourceName:
        """Of the resource."""
        return ResourceName(self.kind.type, self.subscription_id, self.resource_group or "", self.names)


def router_of(routes: Routes) -> APIRouter:
    """All routes of what is described."""
    router = APIRouter(tags=[routes.tag])
    _write(router, routes)
    _read(router, routes)
    _lists(router, routes)
    _parts(router, routes)
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
        answer = named.kind.body(made.stored, services.clock(), frozenset())
        operation = made.operation
        return await written(request, services, made.stored, answer, api_version, new=made.new, operation=operation)

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
        answer = named.kind.body(made.stored, services.clock(), frozenset())
        operation = made.operation
        return await written(request, services, made.stored, answer, api_version, new=made.new, operation=operation)

    path, noun, words = path_of(routes), routes.noun, routes.words
    _add(router, "PUT", path, put, f"put_{noun}", words.put, described(routes.example))
    _add(router, "PATCH", path, patch, f"patch_{noun}", words.patch, described(routes.patch_example))


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

    expands = any(kind.expansions for kind in routes.kinds)
    endpoint = get_expanded if expands else get
    _add(router, "GET", path_of(routes), endpoint, f"get_{routes.noun}", routes.words.get)


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
        _add(router, "GET", collection, below, f"list_{plural}", words.list)
        return
    _add(router, "GET", collection, of_place, f"list_{plural}_of_group", words.list)
    whole = reader(routes, below=True, group=False)

    async def of_subscription(
        services: ServicesDep, named: Annotated[Named, Depends(whole)], paging: PagingDep
    ) -> Json:
        return await listed(services, paging, named.kind, named.subscription_id)

    everywhere = collection.replace(GROUP, SUBSCRIPTION)
    _add(router, "GET", everywhere, of_subscription, f"list_{plural}_of_subscription", words.list_all)


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

    _add(router, "DELETE", path_of(routes), delete, f"delete_{routes.noun}", routes.words.delete)


def _parts(router: APIRouter, routes: Routes) -> None:
    which = reader(routes)
    if routes.shared and any(kind.parts for kind in routes.kinds):
        _add(router, "GET", path_of(routes) + "/{childKind}/{childName}", _any_part(routes), *_part_says(routes))
    for part in [part for kind in routes.kinds for part in kind.parts if part.parameter]:
        noun = part.noun.replace(" ", "_")
        path = f"{path_of(routes)}/{part.name}"
        _add(router, "GET", path, _part_list(part, which), f"list_{noun}s", part.words[0])
        _add(router, "GET", f"{path}/{{{part.parameter}}}", _one_part(routes, part), f"get_{noun}", part.words[1])


def _part_says(routes: Routes) -> tuple[str, str]:
    return f"get_part_of_{routes.noun}", routes.words.part


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


def path_of(routes: Routes) -> str:
    """That of one resource."""
    namespace, *words = routes.kinds[0].type.split("/")
    if routes.shared:
        words = ["{kind}"]
    below = "".join(f"/{word}/{{{name}}}" for word, name in zip(words, routes.parameters, strict=True))
    return f"{GROUP}/providers/{namespace}{below}"


def reader(routes: Routes, *, below: bool = False, group: bool = True) -> Callable[..., Awaitable[Named]]:
    """What reads the names in a path; `below`: it ends before the last one, and without `group` names no group.

    Its signature tells FastAPI what the path calls them.
    """
    parameters = routes.parameters[:-1] if below else routes.parameters
    names = ["subscriptionId", *(["resourceGroupName"] if group else []), *(["kind"] if routes.shared else [])]

    async def read(**given: str) -> Named:
        kind = _kind(routes, given["kind"]) if routes.shared else routes.kinds[0]
        found = tuple(given[name] for name in parameters)
        return Named(kind, given["subscriptionId"], given.get("resourceGroupName"), found)

    read.__signature__ = Signature(  # type: ignore[attr-defined]  # read by FastAPI
        [Parameter(name, Parameter.KEYWORD_ONLY, annotation=Annotated[str, Path()]) for name in [*names, *parameters]]
    )
    return read


def _kind(routes: Routes, word: str) -> Kind:
    """Raises ArmError 404 for a type that Instar does not keep."""
    for kind in routes.kinds:
        if kind.type.rpartition("/")[2].lower() == word.lower():
            return kind
    namespace = routes.kinds[0].type.partition("/")[0]
    raise not_found(f"The resource type '{namespace}/{word[:60]}' is not supported.")


def _add(  # noqa: PLR0917  # a route, and what it says of itself
    router: APIRouter, method: str, path: str, endpoint: Endpoint, name: str, says: str, extra: Json | None = None
) -> None:
    router.add_api_route(
        path, endpoint, methods=[method], name=name, description=says, openapi_extra=extra, response_model=None
    )
