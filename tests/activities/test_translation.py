"""What Temporal is told of the compute's errors (F3, H7)."""

from datetime import timedelta

import pytest
from temporalio.exceptions import ApplicationError

from activities.translation import translated
from instar.compute.errors import (
    ComputeError,
    DiskNotMade,
    ImageGone,
    InstanceGone,
    NotAllowed,
    NothingToRestore,
    NotProbed,
    Superseded,
    Throttled,
    Unavailable,
)


async def told(error: ComputeError) -> ApplicationError:
    with pytest.raises(ApplicationError) as raised:
        async with translated():
            raise error
    return raised.value


async def test_f3_h7_what_may_work_later_is_tried_again_after_the_computes_own_delay() -> None:
    soon = timedelta(seconds=15)
    for error, delay in ((Throttled("slower", soon), soon), (Unavailable("away"), None), (NotProbed("no", ()), None)):
        failure = await told(error)
        assert (failure.non_retryable, failure.next_retry_delay) == (False, delay)
        assert (failure.type, failure.message) == (type(error).__name__, str(error))


@pytest.mark.parametrize("kind", [DiskNotMade, ImageGone, InstanceGone, NotAllowed, NothingToRestore, Superseded])
async def test_f3_everything_else_is_for_good(kind: type[ComputeError]) -> None:
    failure = await told(kind("no"))
    assert (failure.non_retryable, failure.type) == (True, kind.__name__)
