"""The one translation of compute errors into what Temporal understands (behaviour.md F3)."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

from temporalio.exceptions import ApplicationError, ApplicationErrorCategory

from compute.errors import ComputeError, TryAgain

LONGEST_DELAY = timedelta(seconds=20)
"""What a compute may ask for before the next attempt: longer, and an outage would last longer than it does (F9)."""


def bounded(delay: timedelta | None) -> timedelta | None:
    """The delay that the compute asked for, within what it may ask for.

    >>> bounded(timedelta(minutes=5)), bounded(None)
    (datetime.timedelta(seconds=20), None)
    """
    return None if delay is None else min(delay, LONGEST_DELAY)


@asynccontextmanager
async def translated() -> AsyncIterator[None]:
    """Turn what may work later into a retry after the compute's own delay, and everything else into an end."""
    try:
        yield
    except TryAgain as error:
        raise ApplicationError(
            str(error),
            type=type(error).__name__,
            next_retry_delay=bounded(error.retry_after),
            category=ApplicationErrorCategory.BENIGN,
        ) from error
    except ComputeError as error:
        raise ApplicationError(str(error), type=type(error).__name__, non_retryable=True) from error
