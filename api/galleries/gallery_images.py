"""Images of a gallery: what runs on them and how they are called. What is deployed is one of their versions."""

from typing import Any

from api.galleries.galleries import refuse_nested
from api.galleries.gallery_documents import ImageProperties, checked, kept_as_made, refuse_elsewhere
from api.stored.kinds import Draft, Kind, Routes, Words
from instar.domain.images import galleries

Json = dict[str, Any]

_NEVER_CHANGED = ("osType", "osState", "identifier", "hyperVGeneration")


async def _checked(draft: Draft) -> Json:
    document = checked(ImageProperties, draft.document)
    if draft.had:
        refuse_elsewhere(draft.had.name, draft.had.resource_group, draft.had.document, document)
        document = kept_as_made("galleryImage", draft.had.document, document, _NEVER_CHANGED)
    return document | {"properties": {"hyperVGeneration": "V1"} | document["properties"]}


KIND = Kind(
    type=galleries.IMAGE,
    name_parameter="galleryImageName",
    check=_checked,
    check_delete=refuse_nested(galleries.VERSION),
)

ROUTES = Routes(
    kinds=(KIND,),
    tag="galleries",
    noun="image",
    plural="images",
    parameters=("galleryName", "imageName"),
    example={
        "location": "westus2",
        "properties": {
            "osType": "Linux",
            "osState": "Generalized",
            "hyperVGeneration": "V2",
            "identifier": {"publisher": "web-team", "offer": "web", "sku": "stable"},
        },
    },
    patch_example={"properties": {"description": "LTS"}},
    words=Words(
        put="Create an image in a gallery (201), or replace what is said of it (200): never what runs on it.",
        patch="Change what is said of an image.",
        get="One image of a gallery.",
        delete="Delete an image without versions. 204 if there is none.",
        list="The images of a gallery.",
    ),
)
