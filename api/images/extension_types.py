"""Extensions that Instar knows the meaning of: all others are taken from a model and run as the compute runs them."""

from typing import Annotated, Any

from fastapi import APIRouter, Path

from api.services.dependencies import LOCATION

router = APIRouter(tags=["images"])

TYPES = LOCATION + "/publishers/{publisher}/artifacttypes/vmextension/types"
PUBLISHER = "Microsoft.ManagedServices"
VERSIONS = ("1.0", "2.0")
KNOWN = ("ApplicationHealthLinux", "ApplicationHealthWindows")

Json = dict[str, Any]
Subscription = Annotated[str, Path(alias="subscriptionId")]
Publisher = Annotated[str, Path()]


@router.get(TYPES, response_model=None)
async def list_extension_types(subscription_id: Subscription, location: str, publisher: Publisher) -> list[Json]:
    """The types of a publisher whose meaning is known here: those that say how healthy a machine is."""
    return [_body(subscription_id, location, publisher, (name,)) for name in _known(publisher)]


@router.get(TYPES + "/{extensionType}/versions", response_model=None)
async def list_extension_versions(
    subscription_id: Subscription,
    location: str,
    publisher: Publisher,
    extension_type: Annotated[str, Path(alias="extensionType")],
) -> list[Json]:
    """List the versions of an extension type; none of an unknown one."""
    found = [name for name in _known(publisher) if name.lower() == extension_type.lower()]
    return [_body(subscription_id, location, publisher, (name, version)) for name in found for version in VERSIONS]


def _known(publisher: str) -> tuple[str, ...]:
    return KNOWN if publisher.lower() == PUBLISHER.lower() else ()


def _body(subscription_id: str, location: str, publisher: str, names: tuple[str, ...]) -> Json:
    below = "/Versions/".join(names)
    root = f"/Subscriptions/{subscription_id}/Providers/Microsoft.Compute/Locations/{location}"
    return {
        "id": f"{root}/Publishers/{publisher}/ArtifactTypes/VMExtension/Types/{below}",
        "name": names[-1],
        "location": location,
    }
