"""What the lines of the log are about, for as long as a block lasts: whoever writes one need not say it each time.

It follows where the block's work goes, into tasks and threads; what runs beside it is about something else.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar

from instar.domain.sets.scale_sets import ScaleSetIdentity

_NOTHING: Mapping[str, str | int] = {}

_known: ContextVar[Mapping[str, str | int]] = ContextVar("instar_about", default=_NOTHING)


def what_it_is_about() -> Mapping[str, str | int]:
    """What is known here and now."""
    return _known.get()


@contextmanager
def about(
    scale_set: ScaleSetIdentity | None = None,
    *,
    upgrade: int = 0,
    instance: str = "",
    workflow: str = "",
    activity: str = "",
) -> Iterator[None]:
    """What is given is added to what is known; what is empty says nothing.

    >>> with about(upgrade=7), about(instance="3"):
    ...     dict(what_it_is_about())
    {'upgrade': 7, 'instance': '3'}
    >>> dict(what_it_is_about())
    {}
    """
    of_set = {"set": scale_set.name, "resource": scale_set.resource_id} if scale_set else {}
    given: dict[str, str | int] = {"upgrade": upgrade, "instance": instance, "workflow": workflow, "activity": activity}
    token = _known.set({**_known.get(), **of_set, **{name: value for name, value in given.items() if value}})
    try:
        yield
    finally:
        _known.reset(token)
