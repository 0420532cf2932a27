"""What an operation is called at `/docs`: the first sentence of what is said of it, where no other title was given.

FastAPI makes titles of the names of functions ("Getversion").
"""

import re

_RULES = re.compile(r" \((?:docs/rules\.md )?[A-Z]\d+[a-z]?(?:, [A-Z]\d+[a-z]?)*\)")
_SENTENCE = re.compile(r"(.+?)(?:\.(?=\s|$)|$)", re.DOTALL)

TITLE_AT_MOST = 80
"""Characters: one line beside a method and a path."""


def title_of(description: str, path: str) -> str:
    """The title of an operation with that description.

    >>> title_of("Cancel the upgrade that runs (P14). 409 if none does.", "/cancel")
    'Cancel the upgrade that runs'
    >>> title_of("Create a scale set (201), or change one (200): an existing one is merged with what is given.", "/web")
    'Create a scale set (201), or change one (200)'
    >>> title_of("Not supported: 409 with what to do instead. A body is ignored.", "/web/reapply")
    'Not supported: reapply'
    """
    sentence = " ".join(_RULES.sub("", description).replace("`", "").split())
    found = _SENTENCE.match(sentence)
    title = found[1] if found else ""
    if title.startswith("Not supported:"):
        return f"Not supported: {[part for part in path.split('/') if '{' not in part][-1]}"
    if len(title) > TITLE_AT_MOST:
        title = re.split(r"[:;] ", title)[0]
    return title if len(title) <= TITLE_AT_MOST else title[:TITLE_AT_MOST].rpartition(", ")[0] or title[:TITLE_AT_MOST]
