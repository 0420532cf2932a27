"""Lists, a page at a time: `$top`, and a `nextLink` that survives what comes and goes between two pages.

A page ends with the key of its last item, and the next one begins after that key, whatever stands there by then: what
is added before it does not shift the rest, and what is deleted is not missed. The `$skiptoken` is that key with a mark
of its list, written so that nobody is led to make one up; one that is no token, or another list's, is 400.
"""

import base64
import binascii
import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Annotated, Any, Generic, TypeVar
from urllib.parse import parse_qsl, quote, urlencode

from fastapi import Depends, Query, Request

from api.services.dependencies import ServicesDep
from api.services.public_url import public_url
from api.wire.errors import ArmError, invalid
from instar.connection.settings import PAGE_AT_MOST

Json = dict[str, Any]
Key = tuple[int | str, ...]
"""What a list is ordered by: different for every item, and the same for as long as the item is there."""

Item = TypeVar("Item")
Shown = TypeVar("Shown")


@dataclass(frozen=True)
class Page(Generic[Item]):
    """The items of one page, and where the next one is; "" after the last."""

    items: list[Item]
    next_link: str

    def answer(self, bodies: Iterable[Json]) -> Json:
        """The list as ARM shows it."""
        return {"value": list(bodies)} | ({"nextLink": self.next_link} if self.next_link else {})


@dataclass(frozen=True)
class Paging:
    """Which page of a list a request asks for."""

    url: str
    """Of the list, absolute, without its query."""
    path: str
    query: tuple[tuple[str, str], ...]
    top: int | None
    usual: int
    """Items of a page where `$top` does not say."""
    after: Key | None

    def page(self, found: Iterable[Item], key: Callable[[Item], Key]) -> Page[Item]:
        """The page, in the order of the keys. Raises ArmError 400 for a token that none of them can follow."""
        ordered = sorted(((key(one), one) for one in found), key=lambda pair: pair[0])
        if self.after is not None:
            after = self.after
            try:
                ordered = [pair for pair in ordered if pair[0] > after]
            except TypeError:
                raise _no_token() from None
        size = self.size
        link = self._link(ordered[size - 1][0]) if len(ordered) > size else ""
        return Page([one for _, one in ordered[:size]], link)

    @property
    def size(self) -> int:
        """Items of a page."""
        return self.top or self.usual

    @property
    def after_text(self) -> str:
        """After which key the page begins, of a list whose keys are one text each; "" for its first page.

        Raises ArmError 400 for a token that none of them can follow.
        """
        match self.after:
            case None:
                return ""
            case (str(text),) if text:
                return text
        raise _no_token()

    def page_of(self, found: Sequence[Item], key: Callable[[Item], str]) -> Page[Item]:
        """The page of what was looked for from `after_text` on, in the order of the keys: `size` and one more."""
        items = list(found[: self.size])
        return Page(items, self._link((key(items[-1]),)) if len(found) > self.size else "")

    def _link(self, last: Key) -> str:
        kept = [(name, value) for name, value in self.query if name != "$skiptoken"]
        return f"{self.url}?{urlencode([*kept, ('$skiptoken', _token(self.path, last))])}"


async def paging(
    request: Request,
    services: ServicesDep,
    top: Annotated[int | None, Query(alias="$top", ge=1, le=PAGE_AT_MOST, description="items of a page")] = None,
    skip_token: Annotated[
        str | None, Query(alias="$skiptoken", description="where a page begins: see nextLink")
    ] = None,
) -> Paging:
    """Read the query. Raises ArmError 400 for a token that does not belong to this list."""
    path = request.url.path
    return Paging(
        url=public_url(request, services) + quote(path),
        path=path,
        query=tuple(parse_qsl(request.url.query, keep_blank_values=True)),
        top=top,
        usual=services.settings.page_items,
        after=None if skip_token is None else _key(path, skip_token),
    )


PagingDep = Annotated[Paging, Depends(paging)]


def _token(path: str, key: Key) -> str:
    return base64.urlsafe_b64encode(json.dumps([_list_of(path), *key]).encode()).decode().rstrip("=")


def _key(path: str, token: str) -> Key:
    try:
        raw = base64.b64decode(token + "=" * (-len(token) % 4), altchars=b"-_", validate=True)
        given = json.loads(raw)
    except (binascii.Error, ValueError, RecursionError):
        raise _no_token() from None
    good = isinstance(given, list) and len(given) > 1 and given[0] == _list_of(path)
    if not good or not all(type(part) in (int, str) for part in given[1:]):
        raise _no_token()
    return tuple(given[1:])


def _list_of(path: str) -> str:
    """Which list a token belongs to: its path, in any case, as a short name."""
    return sha256(path.lower().encode("utf-8", "surrogatepass")).hexdigest()[:12]


def _no_token() -> ArmError:
    return invalid(
        "The value of parameter '$skiptoken' is invalid: it must be that of a nextLink of this list.", "$skiptoken"
    )
