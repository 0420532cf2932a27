"""Gallery images and their versions as documents: are they shaped as ARM's, and what may not change in them?

What is checked comes back in its one spelling (`Linux`, whatever case was sent); all else is kept as it was given.
"""

from collections.abc import Iterable
from datetime import UTC, datetime
from enum import StrEnum
from typing import Annotated, Any, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError
from pydantic.alias_generators import to_camel

from api.wire.errors import ArmError, blocked, invalid
from api.wire.properties import REGION
from instar.domain.eligibility.blockers import PROPERTY_CHANGE_NOT_ALLOWED, Blocker
from instar.domain.images.regions import region_name

Json = dict[str, Any]

REPLICAS_AT_MOST = 100
"""Copies of a version within one region, as in Azure."""

REGIONS_AT_MOST = 200
"""Target regions of one version; more than there are."""

NUMBER_BELOW = 2**31
"""Each of the three numbers of a version."""


class _Word(StrEnum):
    """A word that may come in any case."""

    @classmethod
    def _missing_(cls, value: object) -> "_Word | None":
        return next((one for one in cls if one.value.lower() == str(value).lower()), None)


class OsType(_Word):
    """What runs on the image."""

    LINUX = "Linux"
    WINDOWS = "Windows"


class OsState(_Word):
    """Whether machines made from the image get identities of their own."""

    GENERALIZED = "Generalized"
    SPECIALIZED = "Specialized"


class Generation(_Word):
    """Of the hypervisor that the image is for."""

    V1 = "V1"
    V2 = "V2"


class Architecture(_Word):
    """Of the processor."""

    X64 = "x64"
    ARM64 = "Arm64"


class ReplicationMode(_Word):
    """Whether copies are whole."""

    FULL = "Full"
    SHALLOW = "Shallow"


def _region(name: str) -> str:
    if not REGION.fullmatch(region_name(name)):
        raise ValueError("must be the name of a region, like West US 2")
    return region_name(name)


def _in_utc(moment: datetime) -> datetime:
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


Count = Annotated[int, Field(ge=1, le=REPLICAS_AT_MOST)]
Moment = Annotated[datetime, AfterValidator(_in_utc)]
Name = Annotated[str, Field(min_length=1, max_length=128)]


class _Shape(BaseModel):
    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True, extra="allow")


class TargetRegion(_Shape):
    """Where a version is to be copied to."""

    name: Annotated[str, AfterValidator(_region)]
    regional_replica_count: Count | None = None
    exclude_from_latest: bool | None = None


class PublishingProfile(_Shape):
    """Where and how a version is offered."""

    target_regions: Annotated[list[TargetRegion], Field(min_length=1, max_length=REGIONS_AT_MOST)]
    replica_count: Count | None = None
    exclude_from_latest: bool | None = None
    end_of_life_date: Moment | None = None
    replication_mode: ReplicationMode | None = None


class SafetyProfile(_Shape):
    """What protects a version from its owner."""

    block_deletion_before_end_of_life: bool | None = None


class VersionProperties(_Shape):
    """`properties` of a version."""

    publishing_profile: PublishingProfile
    storage_profile: dict[str, Any] | None = None
    safety_profile: SafetyProfile | None = None


class Identifier(_Shape):
    """What the image is called by those who choose among many."""

    publisher: Name
    offer: Name
    sku: Name


class ImageProperties(_Shape):
    """`properties` of an image."""

    os_type: OsType
    os_state: OsState
    identifier: Identifier
    hyper_v_generation: Annotated[Generation | None, Field(alias="hyperVGeneration")] = None
    architecture: Architecture | None = None
    end_of_life_date: Moment | None = None
    description: str | None = None


class GalleryProperties(_Shape):
    """`properties` of a gallery."""

    description: str | None = None


Shape = TypeVar("Shape", bound=_Shape)


def checked(kind: type[Shape], document: Json) -> Json:
    """The document with its properties in their one spelling. Raises ArmError 400 that names the wrong one."""
    try:
        properties = kind.model_validate(document.get("properties") or {})
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        path = ".".join(("properties", *(str(part) for part in first["loc"])))
        raise invalid(
            f"The value of '{path}' is invalid: {first['msg'].removeprefix('Value error, ')}.", path
        ) from None
    return document | {"properties": properties.model_dump(mode="json", by_alias=True, exclude_unset=True)}


def with_target_regions(document: Json) -> Json:
    """A version whose document names no target region goes to the region where it is made."""
    properties = document.get("properties") or {}
    profile = properties.get("publishingProfile") or {}
    if not isinstance(profile, dict) or profile.get("targetRegions"):
        return document
    profile = profile | {"targetRegions": [{"name": document["location"]}]}
    return document | {"properties": properties | {"publishingProfile": profile}}


def refuse_region_twice(document: Json) -> None:
    """Raises ArmError 400."""
    names = [target_region["name"] for target_region in document["properties"]["publishingProfile"]["targetRegions"]]
    if twice := next((name for name in names if names.count(name) > 1), None):
        path = "properties.publishingProfile.targetRegions"
        raise invalid(f"The region '{twice}' is given twice in '{path}'.", path)


def kept_as_made(noun: str, had: Json, has: Json, names: Iterable[str]) -> Json:
    """The document with those properties that never change: they, or members of them, may be left out.

    `az sig image-version update` puts a version back without its source. Raises ArmError 409 for a change.
    """
    before, after = had.get("properties") or {}, has.get("properties") or {}
    kept = {name: before[name] for name in names if name in before}
    changed = [name for name in names if name in after and not _says_no_more(after[name], before.get(name))]
    if changed:
        message = "Changing property '{}' is not allowed."
        paths = [f"{noun}.properties.{name}" for name in changed]
        raise blocked([Blocker(PROPERTY_CHANGE_NOT_ALLOWED, message.format(path), path) for path in paths])
    return has | {"properties": after | kept}


def refuse_elsewhere(name: str, group: str, had: Json, has: Json) -> None:
    """Raises ArmError 409: a resource stays in its region."""
    if had["location"] != has["location"]:
        raise ArmError(
            409,
            "InvalidResourceLocation",
            f"The resource '{name}' already exists in location '{had['location']}' in resource group '{group}'. A "
            f"resource with the same name cannot be created in location '{has['location']}'. Please select a new "
            "resource name.",
            target="location",
        )


def version_number(name: str, parameter: str) -> str:
    """Raises ArmError 400 for what is no version: Major.Minor.Patch, each a number of 32 bits (I1)."""
    parts = name.split(".")
    whole = all(part.isascii() and part.isdigit() and len(part) < 11 and str(int(part)) == part for part in parts)  # noqa: PLR2004  # digits of 32 bits
    if not whole or len(parts) != 3 or any(int(part) >= NUMBER_BELOW for part in parts):  # noqa: PLR2004  # major, minor, patch
        raise invalid(
            "The name of a gallery image version must be Major.Minor.Patch, each a number from 0 to "
            f"{NUMBER_BELOW - 1} without leading zeros, like 1.0.12.",
            parameter,
        )
    return name


def _says_no_more(given: Any, had: Any) -> bool:
    """Whether all that is given is as it was.

    >>> _says_no_more({"source": {"id": "/A"}}, {"source": {"id": "/a"}, "osDiskImage": {}}), _says_no_more({}, None)
    (True, True)
    >>> _says_no_more({"source": {"id": "/b"}}, {"source": {"id": "/a"}}), _says_no_more({"source": {"id": "/b"}}, None)
    (False, False)
    """
    if isinstance(given, dict) and (had is None or isinstance(had, dict)):
        return all(_says_no_more(value, (had or {}).get(key)) for key, value in given.items())
    return bool(_folded(given) == _folded(had))


def _folded(value: Any) -> Any:
    """Names compare without regard to case."""
    if isinstance(value, dict):
        return {key: _folded(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_folded(one) for one in value]
    return value.lower() if isinstance(value, str) else value
