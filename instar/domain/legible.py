r"""Texts of others as they may stand in a log or on a terminal: they steer neither.

Names, tags, reasons, probes' answers, paths in manifests: whoever writes them may put escape sequences into them, which
hide what follows, move the cursor, or ask the terminal to type.
"""

WORDS_AT_MOST = 1_000
"""Characters of a path or a name that a log keeps: both may be as long as whoever sends them likes."""


def legible(text: str, at_most: int = WORDS_AT_MOST) -> str:
    r"""On one line, of one colour, and cut after so many characters.

    >>> legible("/web"), legible("/web\n2026-03-01 all is well\x1b[8m"), legible("/web", 2)
    ('/web', '/web\\n2026-03-01 all is well\\x1b[8m', '/w…')
    """
    shown = legible_line(text)
    return shown if len(shown) <= at_most else f"{shown[:at_most]}…"


def legible_line(text: str) -> str:
    r"""On one line, of one colour, as long as it is.

    >>> legible_line("a\u202eb\x9bc ä")
    'a\\u202eb\\x9bc ä'
    """
    return text if text.isprintable() else "".join(map(_printable, text))


def legible_lines(text: str) -> str:
    r"""The same with its ends of lines and tabs.

    >>> legible_lines("a\x1b[8m\n\tb\rc")
    'a\\x1b[8m\n\tb\\rc'
    """
    return "".join(letter if letter in "\n\t" else _printable(letter) for letter in text)


def _printable(letter: str) -> str:
    return letter if letter.isprintable() else ascii(letter)[1:-1]
