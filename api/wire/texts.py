"""Texts that others will read: without characters that would steer their terminals.

Names hold no control characters and no marks that turn the direction of what follows. Free texts may have more than
one line, and tabs. Secrets are not looked at: nobody is shown them.
"""

import re
from collections.abc import Collection, Iterator, Mapping
from typing import Any

from api.wire.errors import invalid
from instar.store.database.secret_places import is_secret

IN_NO_NAME = re.compile("[\x00-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
"""Unicode's control characters (Cc), and the overrides, embeddings and isolates of text direction."""

IN_NO_TEXT = re.compile("\r(?!\n)|[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")
"""The same but for tabs and ends of lines."""

NAMES = frozenset(
    {
        *("name", "id", "location", "type", "publisher", "offer", "sku", "version", "typehandlerversion", "product"),
        *("computernameprefix", "adminusername", "provisionafterextensions", "zones"),
    }
)
"""Members, in lower case, whose texts are names."""

_USERS_OWN = frozenset({"settings", "tags"})
"""Members whose members are the user's own: what one is called says nothing of what it holds."""


def check_texts(given: Any, had: Any = None) -> None:
    """Raises ArmError 400 that names the first member with such a character. What is in `had` already is let be."""
    for path, text, is_name in _texts(given):
        found = (IN_NO_NAME if is_name else IN_NO_TEXT).search(text)
        if found and text not in _all_texts(had):
            what = "a name" if is_name else "a text (but for tabs and ends of lines)"
            where = shown(path)
            raise invalid(
                f"'{where}' has the character U+{ord(found[0][0]):04X}, which {what} must not have: control characters "
                "would steer the terminal of whoever is shown it. Send it without.",
                where,
            )


def shown(text: str) -> str:
    r"""Part of a text as an error may repeat it.

    >>> shown("a\x1b[8m\u202eb")
    'a\\x1b[8m\\u202eb'
    """
    return IN_NO_NAME.sub(lambda found: ascii(found[0])[1:-1], text[:200])


def _all_texts(value: Any) -> Collection[str]:
    return {text for _, text, _ in _texts(value)}


def _texts(value: Any) -> Iterator[tuple[str, str, bool]]:
    """Path, text, and whether it is a name; keys are names, too. Not by recursion: templates nest as they like."""
    waiting: list[tuple[str, str, bool, Any]] = [("", "", False, value)]
    while waiting:
        path, above, is_own, node = waiting.pop()
        if isinstance(node, str):
            yield path, node, above in NAMES and not is_own
        elif isinstance(node, Mapping):
            own = is_own or above in _USERS_OWN
            for key, inner in node.items():
                below = f"{path}.{key}" if path else key
                yield below, key, True
                if not is_secret(key, above):
                    waiting.append((below, key.lower(), own, inner))
        elif isinstance(node, list):
            waiting += [(f"{path}[{index}]", above, is_own, item) for index, item in enumerate(node)]
