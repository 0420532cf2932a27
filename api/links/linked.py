"""What one deployment links to: each document is fetched once, and what was checked is what is deployed."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urljoin, urlsplit

from api.links.errors import LinkError
from api.wire.errors import ArmError
from api.wire.lenient_json import lenient_object

Json = dict[str, Any]
Fetch = Callable[[str, int, float], bytes]
"""The bytes at an address, so many at most, within so many seconds. Raises LinkError."""

BYTES_AT_MOST = 1_048_576
"""Of one document."""

BYTES_OF_ALL = 2_097_152
"""Of all that are fetched for one reading of a template."""

SECONDS = 10.0
"""For one document."""

SECONDS_OF_ALL = 30.0

DOCUMENTS_AT_MOST = 100


@dataclass(frozen=True)
class Link:
    """Where something is. `query` begins with '?' or is empty; it may be a secret, and is shown to nobody."""

    uri: str = ""
    query: str = ""

    @property
    def address(self) -> str:
        """What is asked for."""
        return f"{self.uri}{self.query}"

    @classmethod
    def of(cls, uri: str, query: str = "") -> "Link":
        """A link, with what stands behind the question mark of its URI apart.

        >>> Link.of("https://a.example/x.json?sig=1", "sp=r")
        Link(uri='https://a.example/x.json', query='?sig=1&sp=r')
        """
        before, _, own = uri.partition("?")
        words = "&".join(word for word in (own, query.removeprefix("?")) if word)
        return cls(before, f"?{words}" if words else "")


def link_of(given: Any, base: Link) -> Link:
    """What a `templateLink` or `parametersLink` says. `base`: where the template around it was fetched.

    Raises LinkError for what is none.
    """
    if not isinstance(given, dict):
        raise LinkError("it must be an object with 'uri'")
    entry = {key.lower(): value for key, value in given.items() if value is not None}
    if entry.get("id"):
        raise LinkError("it has an 'id': template specs cannot be deployed here, only what has a 'uri'")
    for key in ("uri", "relativepath", "querystring", "contentversion"):
        if not isinstance(entry.get(key, ""), str):
            raise LinkError(f"its '{'relativePath' if key == 'relativepath' else key}' must be a string")
    query = entry.get("querystring", "")
    if uri := entry.get("uri", ""):
        return Link.of(uri, query)
    path = entry.get("relativepath", "")
    if not path:
        raise LinkError("it has neither 'uri' nor 'relativePath'")
    if not base.uri:
        raise LinkError("it has a 'relativePath', and the template around it was not deployed by a link")
    parts = urlsplit(path)
    if parts.scheme or parts.netloc or path.startswith("/"):
        raise LinkError("its 'relativePath' must be a path below that of the template around it")
    return Link.of(urljoin(base.uri, path), query or base.query)


class Links:
    """Documents by their addresses: those that were had before, and those that are fetched now."""

    def __init__(self, fetch: Fetch, had: Mapping[str, Json] | None = None) -> None:
        self._fetch = fetch
        self._had = dict(had or {})
        self._bytes, self._seconds, self._documents = BYTES_OF_ALL, SECONDS_OF_ALL, DOCUMENTS_AT_MOST
        self.used: dict[str, Json] = {}
        """What was asked for, to be kept: a template is read again when its turn comes."""

    def document(self, link: Link, version: Any = None) -> Json:
        """The JSON object that is linked to; `version`: the content version that it must have.

        Raises LinkError with a sentence that names it without its query string.
        """
        named = f"'{link.uri[:200]}' cannot be used"
        try:
            found = self._had[link.address] if link.address in self._had else self._fetched(link.address)
        except LinkError as error:
            raise LinkError(f"{named}: {error}") from None
        if version is not None and found.get("contentVersion") != version:
            raise LinkError(f"{named}: its 'contentVersion' is not the one that the link asks for")
        self._had[link.address] = self.used[link.address] = found
        return found

    def _fetched(self, address: str) -> Json:
        if not self._documents or self._bytes <= 0 or self._seconds <= 0:
            raise LinkError(
                f"one deployment fetches up to {DOCUMENTS_AT_MOST} documents, {BYTES_OF_ALL} bytes, for "
                f"{SECONDS_OF_ALL:.0f} seconds"
            )
        began = time.monotonic()
        raw = self._fetch(address, min(BYTES_AT_MOST, self._bytes), min(SECONDS, self._seconds))
        self._documents -= 1
        self._bytes -= len(raw)
        self._seconds -= time.monotonic() - began
        try:
            return lenient_object(raw)
        except ArmError as error:
            raise LinkError(f"it is no JSON object ({error.message.rstrip('.')})") from None


def nothing_fetched(_address: str, _at_most: int, _seconds: float) -> bytes:
    """Where nobody fetches. Raises LinkError."""
    raise LinkError("nothing is fetched from elsewhere")
