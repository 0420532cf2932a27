"""Image references and the order of image versions (behaviour.md I1, I3)."""

from collections.abc import Iterable
from typing import Self

from pydantic import BaseModel, ConfigDict
from pydantic.alias_generators import to_camel

LATEST = "latest"


class ImageReference(BaseModel):
    """Which image an OS disk is made from: a platform image (publisher, offer, sku, version) or a gallery image (id).

    `version` is either `latest` or one exact version, as in ARM's `imageReference`.
    """

    model_config = ConfigDict(frozen=True, alias_generator=to_camel, populate_by_name=True, extra="ignore")

    publisher: str = ""
    offer: str = ""
    sku: str = ""
    version: str = ""
    id: str = ""

    @property
    def follows_latest(self) -> bool:
        """Whether a newer version may be applied by itself (I3)."""
        if self.id:
            return "/versions/" not in self.id.lower()
        return self.version.lower() == LATEST

    @property
    def line(self) -> tuple[str, ...]:
        """What stays the same from version to version: publisher, offer and sku, or the gallery image; lower case."""
        return (self.publisher.lower(), self.offer.lower(), self.sku.lower(), self.id.lower())

    def at(self, version: str) -> Self:
        """The same image at one exact version."""
        return self.model_copy(update={"version": version})

    def __str__(self) -> str:
        return self.id or f"{self.publisher}:{self.offer}:{self.sku}:{self.version}"


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
    """The numerically highest version, None of none (I1).

    >>> newest(["4.0.9", "4.0.10", "3.99.99"])
    '4.0.10'
    """
    return max(versions, key=version_key, default=None)
