"""Which kept resource a path names: up to three types deep, or one that is added to another."""

from typing import Annotated

from fastapi import Depends, Request

from api.kept.kinds import is_kept, spelled
from api.stored.stored_resources import ResourceName
from api.wire.errors import not_found, unknown_type

SUBSCRIPTION = "/subscriptions/{subscriptionId}/providers/{keptNamespace}/{keptKind}"
GROUP = "/subscriptions/{subscriptionId}/resourceGroups/{resourceGroupName}/providers/{keptNamespace}/{keptKind}"
ONE = GROUP + "/{keptName}"
BELOW = ONE + "/{childKind}/{childName}"
FURTHER = BELOW + "/{grandchildKind}/{grandchildName}"

ADDED = "providers"
"""Stands for a child's type where a resource is added to another: `…/providers/NAMESPACE/TYPE/NAME`."""

_PAIRS = (("keptKind", "keptName"), ("childKind", "childName"), ("grandchildKind", "grandchildName"))


async def kept_type(request: Request) -> str:
    """The type that a list is of, as Azure writes it. Raises ArmError 404 for one that is never kept."""
    namespace, word = request.path_params["keptNamespace"], request.path_params["keptKind"]
    if not is_kept(f"{namespace}/{word}"):
        raise unknown_type(namespace, word)
    return spelled(f"{namespace}/{word}")


async def kept_name(request: Request) -> ResourceName:
    """The resource. Raises ArmError 404 for a type that is never kept."""
    given = request.path_params
    pairs = [(given[kind], given[name]) for kind, name in _PAIRS if kind in given]
    if len(pairs) == 1:
        kind = await kept_type(request)
    else:
        kind = "/".join([given["keptNamespace"], *(word for word, _ in pairs)])
    which = ResourceName(kind, given["subscriptionId"], given["resourceGroupName"], tuple(name for _, name in pairs))
    if not is_kept(kind) or not is_kept(own_type(which)):
        raise not_found(f"The resource type '{kind[:120]}' is not supported.")
    return which


def own_type(which: ResourceName) -> str:
    """The type of a resource itself, where its path is that of what it is added to.

    >>> own_type(ResourceName("A.B/c/providers/d", "s", "g", ("one", "E.F", "two")))
    'E.F/d'
    """
    kinds = which.type.split("/")[1:]
    at = next((index for index, word in enumerate(kinds[:-1]) if word.lower() == ADDED), None)
    return which.type if at is None else "/".join([which.names[at], *kinds[at + 1 :]])


KeptType = Annotated[str, Depends(kept_type)]
KeptNameDep = Annotated[ResourceName, Depends(kept_name)]
