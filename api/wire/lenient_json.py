"""JSON as `az deployment group create` sends it: a template file put raw into a body (docs/rules.md K7).

The key `template` has no quotes, the file may have comments, and strings may run over several lines.
"""

import re
from typing import Any

from api.wire.bodies import read_object

_TOKENS = re.compile(
    # Nothing here is tried twice: a body that does not fit is read in time that grows with its size, not its square.
    r'"(?:\\.|[^"\\])*+(?:"|\Z)'  # a string: left as it is, whatever is in it
    r"|//[^\n]*+|/\*.*?(?:\*/|\Z)"  # comments
    r"|(?<![\w$])(?P<key>[A-Za-z_$][\w$]*+)(?=\s*+:)",  # a bare key
    re.DOTALL,
)


def lenient_object(raw: bytes) -> dict[str, Any]:
    """The object. Raises ArmError 400 InvalidRequestContent.

    >>> lenient_object(b'{"a": {template: {"x": "//no comment" /* one */}}}')
    {'a': {'template': {'x': '//no comment'}}}
    """

    def mended(match: re.Match[str]) -> str:
        if match["key"]:
            return f'"{match["key"]}"'
        return match[0] if match[0].startswith('"') else " "

    text = raw.decode("utf-8-sig", errors="surrogateescape")
    return read_object(_TOKENS.sub(mended, text), strict=False)
