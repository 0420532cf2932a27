"""Where a command prints to: colours, and pictures that are drawn in place, only where a person looks at a terminal.

`NO_COLOR` (no-color.org), `TERM=dumb`, `CI` and an output that is no terminal each mean plain lines, without one escape
sequence: a log, a pipe or a braille display gets nothing but text.
"""

import os
import sys
from collections.abc import Mapping

from rich.console import Console


def is_plain(environment: Mapping[str, str], *, is_terminal: bool) -> bool:
    """Whether nothing but text may be printed.

    >>> is_plain({}, is_terminal=True), is_plain({"NO_COLOR": ""}, is_terminal=True), is_plain({}, is_terminal=False)
    (False, False, True)
    >>> [is_plain(one, is_terminal=True) for one in ({"NO_COLOR": "1"}, {"TERM": "dumb"}, {"CI": "true"})]
    [True, True, True]
    """
    dumb = environment.get("TERM", "").lower() in ("dumb", "unknown")
    wished = environment.get("NO_COLOR", "") != "" or environment.get("CI", "").lower() not in ("", "0", "false")
    return dumb or wished or not is_terminal


def console(*, stderr: bool = False) -> Console:
    """One for what others wrote, too: their texts are no markup, no emoji, and are not coloured by what they hold."""
    stream = sys.stderr if stderr else sys.stdout
    if is_plain(os.environ, is_terminal=stream.isatty()):
        return Console(
            stderr=stderr, force_terminal=False, color_system=None, markup=False, emoji=False, highlight=False
        )
    return Console(stderr=stderr, markup=False, emoji=False, highlight=False)
