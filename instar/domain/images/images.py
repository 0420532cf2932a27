"""Image references and the order of image versions (docs/rules.md I1, I3)."""

from collections.abc import Iterable
from typing import Any, Self

from pydantic import BaseModel, ConfigDict, model_validator
from pydantic.alias_generators import to_camel

LATEST = "latest"

_VERSIONS = "/versions/"


class ImageReference(BaseModel):
    """Which image an OS disk is made from: a platform image (publisher, offer, sku, version) or a gallery image (id).

    `version` is either `latest` or one exact version, as in ARM's `imageReference`. A gallery image without any means
    `latest`; one whose id ends in `/versions/1.0.0` is kept as the image at that version, so that both are one.
    """

    model_config = ConfigDict(frozen=True, alias_generator=to_camel, populate_by_name=True, extra="ignore")

    publisher: str = ""
    offer: str = ""
    sku: str = ""
    version: str = ""
    id: str = ""

    @model_validator(mode="before")
    @classmethod
    def _version_out_of_the_id(cls, given: Any) -> Any:
        if not isinstance(given, dict) or not isinstance(given.get("id"), str):
            return given
        image_id, version = _parted(given["id"])
        if not version:
            return given
        if given.get("version") not in (None, "", version):
            raise ValueError(f"its id names version {version}, and its version is {given['version']}")
        return given | {"id": image_id, "version": version}

    @property
    def follows_latest(self) -> bool:
        """Whether a newer version may be applied by itself (I3)."""
        return self.version.lower() == LATEST or (bool(self.id) and not self.version)

    @property
    def line(self) -> tuple[str, ...]:
        """What stays the same from version to version: publisher, offer and sku, or the gallery image; lower case."""
        return (self.publisher.lower(), self.offer.lower(), self.sku.lower(), self.id.lower())

    @property
    def version_id(self) -> str:
        """The ARM id of a gallery image at one exact version, of the image itself where it follows `latest`."""
        return self.id if self.follows_latest else f"{self.id}{_VERSIONS}{self.version}"

    def not_published_in(self, location: str) -> str:
        """What is said where `latest` means nothing in a region, and what to do.

        >>> ImageReference(publisher="C", offer="W", sku="s", version="latest").not_published_in("west")[49:]
        'publish one (`instar images publish C W s VERSION --location west`), then send the request again'
        """
        how = (
            f"put one into the gallery, with {location} among its target regions"
            if self.id
            else f"publish one (`instar images publish {self.publisher} {self.offer} {self.sku} VERSION "
            f"--location {location}`)"
        )
        return f"no version of {self} is published in {location}: {how}, then send the request again"

    def at(self, version: str) -> Self:
        """The same image at one exact version."""
        return self.model_copy(update={"version": version})

    def same_as(self, other: "ImageReference") -> bool:
        """Whether both name the same version of the same image, in whichever case."""
        # Asked of every machine at every look: most differ by their version, or are written alike.
        return (
            _alike(self.version, other.version)
            and _alike(self.sku, other.sku)
            and _alike(self.offer, other.offer)
            and _alike(self.publisher, other.publisher)
            and _alike(self.id, other.id)
        )

    def __str__(self) -> str:
        return self.version_id if self.id else f"{self.publisher}:{self.offer}:{self.sku}:{self.version}"


def _alike(one: str, other: str) -> bool:
    """Whether both are the same in lower case."""
    return one == other or one.lower() == other.lower()


def _parted(image_id: str) -> tuple[str, str]:
    """A gallery image's id and the version behind it, "" where there is none.

    >>> _parted("/galleries/g/images/i/Versions/1.0.0")
    ('/galleries/g/images/i', '1.0.0')
    """
    place = image_id.lower().rfind(_VERSIONS)
    return (image_id, "") if place < 0 else (image_id[:place], image_id[place + len(_VERSIONS) :])


def version_key(version: str) -> tuple[int, ...]:
    """Order of versions: numerically, part by part, never as text (I1).

    >>> version_key("18.04.9") < version_key("18.04.10")
    True
    >>> version_key("1.2") < version_key("1.2.0")
    True

    Raises ValueError for anything but decimal numbers joined by dots.
    """
    parts = version.split(".")
    if not all(part.isascii() and part.isdigit() for part in parts):
        raise ValueError(f"'{version}' is no image version: it must be numbers joined by dots, like 18.04.202401161")
    return tuple(int(part) for part in parts)


def is_exact(version: str) -> bool:
    """Whether it is one exact version.

    >>> is_exact("18.04.1"), is_exact("latest"), is_exact("")
    (True, False, False)
    """
    return all(part.isascii() and part.isdigit() for part in version.split("."))


def newest(versions: Iterable[str]) -> str | None:
    """The numerically highest version, None where there is no version (I1).

    >>> newest(["4.0.9", "4.0.10", "3.99.99"])
    '4.0.10'
    """
    return max(versions, key=version_key, default=None)
