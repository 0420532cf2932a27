"""What clients list and Instar has none of: the answer is an empty list, and one of it by name is not there.

Locks are not kept, and a machine, a disk or an image by itself is not made: machines are those of scale sets.
"""

from typing import Annotated, Any

from fastapi import APIRouter, Path
from fastapi.responses import Response

from api.resources.resource_groups import GROUP
from api.services.dependencies import ServicesDep
from api.services.known_groups import require_group
from api.stored.stored_resources import ResourceName, resource_not_found
from api.wire.errors import not_allowed, unknown_type

router = APIRouter(tags=["nothing here"])

SUBSCRIPTION = "/subscriptions/{subscriptionId}"
COMPUTE = "/providers/Microsoft.Compute/{computeKind}"
LOCKS = "/providers/Microsoft.Authorization/locks"
TYPES = (
    "virtualMachines",
    "disks",
    "images",
    "snapshots",
    "availabilitySets",
    "proximityPlacementGroups",
    "hostGroups",
    "capacityReservationGroups",
    "sshPublicKeys",
    "diskEncryptionSets",
)

Json = dict[str, Any]
Subscription = Annotated[str, Path(alias="subscriptionId")]
Group = Annotated[str, Path(alias="resourceGroupName")]
Kind = Annotated[str, Path(alias="computeKind")]


@router.get(SUBSCRIPTION + COMPUTE, response_model=None)
async def list_none_of_subscription(word: Kind) -> Json:
    """None: machines by themselves, disks, images, snapshots, availability sets and the like are not made here."""
    _spelling(word)
    return _none()


@router.get(GROUP + COMPUTE, response_model=None)
async def list_none_of_group(services: ServicesDep, subscription_id: Subscription, group: Group, word: Kind) -> Json:
    """None, likewise. 404 without such a group."""
    _spelling(word)
    await require_group(services, subscription_id, group)
    return _none()


@router.get(GROUP + COMPUTE + "/{computeName}", response_model=None)
@router.head(GROUP + COMPUTE + "/{computeName}", response_model=None)
async def none_of_that_name(
    subscription_id: Subscription, group: Group, word: Kind, name: Annotated[str, Path(alias="computeName")]
) -> Response:
    """404: there is none."""
    raise resource_not_found(ResourceName(f"Microsoft.Compute/{_spelling(word)}", subscription_id, group, (name,)))


@router.get(SUBSCRIPTION + LOCKS, response_model=None)
async def list_locks_of_subscription() -> Json:
    """None: locks are not kept. Roles say who may delete what."""
    return _none()


@router.get(GROUP + LOCKS, response_model=None)
async def list_locks_of_group(services: ServicesDep, subscription_id: Subscription, group: Group) -> Json:
    """None, likewise. 404 without such a group."""
    await require_group(services, subscription_id, group)
    return _none()


@router.get(GROUP + "/providers/{namespace}/{resourceType}/{resourceName}" + LOCKS, response_model=None)
async def list_locks_of_resource(services: ServicesDep, subscription_id: Subscription, group: Group) -> Json:
    """None, likewise. 404 without such a group."""
    await require_group(services, subscription_id, group)
    return _none()


@router.post(GROUP + "/exportTemplate", response_model=None)
async def export_group(services: ServicesDep, subscription_id: Subscription, group: Group) -> Json:
    """Refused: a template that leaves out every secret would not make the same group."""
    await require_group(services, subscription_id, group)
    raise not_allowed(
        f"The template of the resource group '{group}' cannot be exported: secrets of its scale sets are never shown, "
        "and without them it would not make the same group. GET …/resources lists what is in it."
    )


def _spelling(word: str) -> str:
    """Raises ArmError 404 for a type that there is not even none of."""
    for known in TYPES:
        if known.lower() == word.lower():
            return known
    raise unknown_type("Microsoft.Compute", word)


def _none() -> Json:
    return {"value": []}
