"""What a page is made of, part by part; and what has to be sent to one that shows an older state of them."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from hashlib import sha256

CHANGES = "changes"
"""The event with new parts: htmx puts each in the place of the one with its id."""

_FIRST_TAG = re.compile(r"\s*<[a-z0-9]+")
_FIRST_ELEMENT = re.compile(r"\s*<[^>]*>")


@dataclass(frozen=True)
class Parts:
    """One state of a page."""

    fragments: Mapping[str, str]
    """HTML of one element each, by its id."""
    rows: Mapping[str, str] = field(default_factory=dict)
    """The same of the elements of a list, in its order."""
    rows_in: str = "rows"
    """The id of what holds them."""
    data: Mapping[str, str] = field(default_factory=dict)
    """What scripts are told, by the name of the event."""

    @cached_property
    def digest(self) -> str:
        """A name of this state: the same in every process."""
        told = sha256()
        for kind in (self.fragments, self.rows, self.data):
            for name, text in kind.items():
                told.update(f"{len(name)} {len(text)} {name} {text}".encode("utf-8", "surrogatepass"))
        return told.hexdigest()[:20]


def news(before: Parts | None, now: Parts) -> Iterator[tuple[str, str]]:
    """What a page that shows `before` has to be sent: events and their data. Everything, where that is not known."""
    old = before or Parts({})
    changed = [in_place(html) for name, html in now.fragments.items() if old.fragments.get(name) != html]
    if list(old.rows) != list(now.rows):
        changed.append(f'<div id="{now.rows_in}" hx-swap-oob="innerHTML">{"".join(now.rows.values())}</div>')
    else:
        changed += [in_place(html) for name, html in now.rows.items() if old.rows[name] != html]
    if changed:
        yield CHANGES, "\n".join(changed)
    for event, data in now.data.items():
        if old.data.get(event) != data:
            yield event, data


def in_place(html: str) -> str:
    """The element, to be put in the place of the one that has its id. A live region stays: what it holds is replaced.

    >>> in_place('<p id="x">y</p>'), in_place('<p id="x" role="status">y</p>')
    ('<p hx-swap-oob="true" id="x">y</p>', '<p hx-swap-oob="innerHTML" id="x" role="status">y</p>')
    """
    tag, element = _FIRST_TAG.match(html), _FIRST_ELEMENT.match(html)
    if tag is None or element is None:
        raise ValueError("a part is an element")
    how = "innerHTML" if 'role="status"' in element[0] else "true"
    return f'{html[: tag.end()]} hx-swap-oob="{how}"{html[tag.end() :]}'
