"""The names of all settings, and those in an environment that nobody reads."""

from collections.abc import Iterator, Mapping
from difflib import get_close_matches

from pydantic import BaseModel

from instar.compute.libvirt.settings import LibvirtSettings
from instar.connection.settings import Settings

PREFIX = "INSTAR_"
BETWEEN = "__"
OF_TESTS = ("INSTAR_TEST_", "INSTAR_SCHEMATHESIS_")
"""What our tests read begins so."""

LIKENESS = 0.75
"""From 0 to 1: from here on a name may be another one misspelt."""

SHOWN_AT_MOST = 100
"""Characters of a name that somebody else chose."""


def names() -> tuple[str, ...]:
    """Every variable that is a setting, groups too: one may be given as a JSON object."""
    return tuple(_names(PREFIX, Settings))


def unread(environment: Mapping[str, str]) -> list[str]:
    """A sentence for each variable `INSTAR_…` that is no setting, with the name that was probably meant."""
    known = names()
    return [
        f"{name[:SHOWN_AT_MOST]} is no setting and nothing reads it{nearest(name)}"
        for name in sorted(environment)
        if name.upper().startswith(PREFIX) and not name.upper().startswith(OF_TESTS) and not _is_read(name, known)
    ]


def nearest(name: str) -> str:
    """The end of a sentence that names the setting that was probably meant; "" where none is like it.

    >>> nearest("INSTAR_DATA_DRI"), nearest("INSTAR_WEATHER")
    ('; is INSTAR_DATA_DIR meant?', '')
    """
    known: dict[str, str] = {}
    for setting in names():
        whole = setting.removeprefix(PREFIX)
        last = whole.rpartition(BETWEEN)[2]
        # By its own name without the group's, and by its first word, too: who writes HEALTH means a setting.
        for called in (whole, last, last.partition("_")[0]):
            known.setdefault(called, setting)
    wanted = name.upper().removeprefix(PREFIX)
    for attempt in (wanted, wanted.rpartition(BETWEEN)[2]):
        close = get_close_matches(attempt, known, n=1, cutoff=LIKENESS)
        if close:
            return f"; is {known[close[0]]} meant?"
    return ""


def _names(prefix: str, model: type[BaseModel]) -> Iterator[str]:
    for name, field in model.model_fields.items():
        inner = LibvirtSettings if (prefix, name) == (PREFIX, "libvirt") else field.annotation
        yield prefix + name.upper()
        if isinstance(inner, type) and issubclass(inner, BaseModel):
            yield from _names(prefix + name.upper() + BETWEEN, inner)


def _is_read(name: str, known: tuple[str, ...]) -> bool:
    """Where a setting is an object, what stands behind its name is one more key of that."""
    return name.upper() in known or name.upper().startswith(f"{PREFIX}LIBVIRT__SIZES{BETWEEN}")
