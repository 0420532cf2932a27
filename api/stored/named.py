"""What a path of a stored resource names, read from the path by FastAPI."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from inspect import Parameter, Signature
from typing import Annotated

from fastapi import Path

from api.stored.kinds import Kind, Routes
from api.stored.stored_resources import ResourceName
from api.wire.errors import unknown_type

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
    raise unknown_type(namespace, word)
