"""The routes of parts of stored resources, like the probes of a load balancer or the subnets of a network.

All parts of a kind share them: which list a path means is in the path, and what lists there are in the kind.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from inspect import Parameter, Signature
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Request
from fastapi.responses import Response

from api.services.dependencies import ApiVersion, ServicesDep
from api.services.long_running import accepted
from api.services.paging import PagingDep
from api.stored.adding import add_route
from api.stored.kinds import Part, Routes
from api.stored.named import Named, path_of, reader
from api.stored.parts import delete_part, make_part, part_named
from api.stored.stored_resources import ResourceName, done, parent_resource, written
from api.wire.bodies import JsonBody, described
from api.wire.errors import unknown_type
from api.wire.preconditions import PreconditionsDep
from instar.domain.records.operations import OperationKind

Json = dict[str, Any]


@dataclass(frozen=True)
class NamedPart:
    """Which list of parts a path names, and of which resource; with the name of a part, "" for the whole list."""

    whole: Named
    part: Part
    name: str

    @property
    def full_name(self) -> ResourceName:
        """Of the part."""
        whole = self.whole.name
        return ResourceName(
            f"{whole.type}/{self.part.name}", whole.subscription_id, whole.resource_group, (*whole.names, self.name)
        )


def add_part_routes(router: APIRouter, routes: Routes) -> None:
    """List, GET, HEAD, PUT and DELETE of the parts, where a kind has any."""
    if not any(kind.parts for kind in routes.kinds):
        return
    _read(router, routes)
    _change(router, routes)


def _paths(routes: Routes) -> tuple[str, str]:
    """That of a list, and that of one of its parts."""
    which, name = routes.part_parameters
    path = f"{path_of(routes)}/{{{which}}}"
    return path, f"{path}/{{{name}}}"


def _read(router: APIRouter, routes: Routes) -> None:
    which, whole_list = _reader(routes), _reader(routes, named=False)

    async def parts(services: ServicesDep, named: Annotated[NamedPart, Depends(whole_list)], paging: PagingDep) -> Json:
        stored = await parent_resource(services, named.whole.name)
        page = paging.page(named.part.of(stored), lambda kept: (str(kept["name"]).lower(),))
        return page.answer(named.part.shown(stored, kept) for kept in page.items)

    async def part(services: ServicesDep, named: Annotated[NamedPart, Depends(which)]) -> Json:
        stored = await parent_resource(services, named.whole.name)
        return named.part.shown(stored, part_named(stored, named.part, named.name))

    async def is_there(services: ServicesDep, named: Annotated[NamedPart, Depends(which)]) -> Response:
        stored = await parent_resource(services, named.whole.name)
        part_named(stored, named.part, named.name)
        return Response(status_code=204)

    list_path, path = _paths(routes)
    noun, words = routes.noun, routes.words
    add_route(router, "GET", list_path, parts, f"list_parts_of_{noun}", words.parts)
    add_route(router, "GET", path, part, f"get_part_of_{noun}", words.part)
    add_route(router, "HEAD", path, is_there, f"has_part_of_{noun}", "204 if there is such a part, else 404.")


def _change(router: APIRouter, routes: Routes) -> None:
    which = _reader(routes)

    async def put(
        *,
        request: Request,
        services: ServicesDep,
        named: Annotated[NamedPart, Depends(which)],
        api_version: ApiVersion,
        body: JsonBody,
        preconditions: PreconditionsDep,
    ) -> Response:
        kind = named.whole.kind
        made = await make_part(kind, named.part, services, named.full_name, body, preconditions)
        shown = named.part.shown(made.stored, made.kept)
        return await written(request, services, made.stored, shown, api_version, new=made.new)

    async def delete(
        *,
        request: Request,
        services: ServicesDep,
        named: Annotated[NamedPart, Depends(which)],
        api_version: ApiVersion,
        preconditions: PreconditionsDep,
    ) -> Response:
        kind = named.whole.kind
        stored = await delete_part(kind, named.part, services, named.full_name, preconditions)
        if stored is None:
            return Response(status_code=204)
        operation = await done(services, OperationKind.DELETE, stored)
        return accepted(request, services, operation, api_version)

    _, path = _paths(routes)
    noun, words = routes.noun, routes.words
    add_route(router, "PUT", path, put, f"put_part_of_{noun}", words.put_part, described(routes.part_example))
    add_route(router, "DELETE", path, delete, f"delete_part_of_{noun}", words.delete_part)


def _reader(routes: Routes, *, named: bool = True) -> Callable[..., Awaitable[NamedPart]]:
    """What reads which list of parts a path names, and where `named` which part."""
    whole, (of_list, of_part) = reader(routes), routes.part_parameters

    async def read(**given: Any) -> NamedPart:
        found: Named = given["whole"]
        part = found.kind.part(given[of_list])
        if part is None:
            namespace, _, word = found.kind.type.partition("/")
            raise unknown_type(namespace, f"{word}/{given[of_list]}")
        return NamedPart(found, part, given[of_part] if named else "")

    parameters = {"whole": Annotated[Named, Depends(whole)], of_list: Annotated[str, Path()]}
    if named:
        parameters[of_part] = Annotated[str, Path()]
    read.__signature__ = Signature(  # type: ignore[attr-defined]  # read by FastAPI
        [Parameter(name, Parameter.KEYWORD_ONLY, annotation=kind) for name, kind in parameters.items()]
    )
    return read
