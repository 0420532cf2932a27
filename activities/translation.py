"""The one translation of compute errors into what Temporal understands (docs/rules.md F3)."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from temporalio.exceptions import ApplicationError, ApplicationErrorCategory

from instar.compute.errors import ComputeError, TryAgain


@asynccontextmanager
async def translated() -> AsyncIterator[None]:
    """Turn what may work later into a retry after the compute's own delay, and everything else into an end."""
    try:
        yield
    except TryAgain as error:
        raise ApplicationError(
            str(error),
            type=type(error).__name__,
            next_retry_delay=error.retry_after,
            category=ApplicationErrorCategory.BENIGN,
        ) from error
    except ComputeError as error:
        raise ApplicationError(str(error), type=type(error).__name__, non_retryable=True) from error
