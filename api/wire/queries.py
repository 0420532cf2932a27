"""Query parameters that say which parts of a resource are wanted: `$expand`, `$select`."""

from collections.abc import Iterable

from api.wire.errors import invalid


def wanted(parameter: str, given: str, known: Iterable[str]) -> frozenset[str]:
    """The parts that a comma-separated list names, in lower case. Raises ArmError 400 for one that is not `known`.

    >>> sorted(wanted("$expand", "InstanceView, userData", ("instanceView", "userData")))
    ['instanceview', 'userdata']
    """
    offered = tuple(known)
    parts = [one.strip() for one in given.split(",") if one.strip()]
    lower = {one.lower() for one in offered}
    if unknown := [part for part in parts if part.lower() not in lower]:
        shown = "".join(character for character in unknown[0][:60] if character.isprintable())
        raise invalid(
            f"The value '{shown}' of parameter '{parameter}' is not understood here: it may be {', '.join(offered)}.",
            parameter,
        )
    return frozenset(part.lower() for part in parts)
