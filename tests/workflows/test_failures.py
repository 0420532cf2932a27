"""What Temporal's page shows of an error: where it came from, unless it was expected."""

import pytest
from temporalio.api.failure.v1 import Failure
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.exceptions import ApplicationError, ApplicationErrorCategory

from workflows.failures import Failures, Outcome, SealedFailures


def raised(error: Exception) -> Exception:
    """With a stack trace."""
    try:
        raise error
    except type(error) as caught:
        return caught


@pytest.mark.parametrize("converter", [Failures(), SealedFailures()])
@pytest.mark.parametrize(
    ("error", "says_where"),
    [
        (Outcome("stopped: too many unhealthy"), False),
        (ApplicationError("none is sick", category=ApplicationErrorCategory.BENIGN), False),
        (ApplicationError("the compute refuses"), True),
        (KeyError("a bug"), True),
    ],
)
def test_what_is_expected_says_no_place(converter: Failures, error: Exception, says_where: bool) -> None:
    failure = Failure()
    converter.to_failure(raised(error), pydantic_data_converter.payload_converter, failure)
    sealed = isinstance(converter, SealedFailures)
    assert failure.HasField("encoded_attributes") is sealed
    assert (failure.message == "Encoded failure") is sealed
    back = converter.from_failure(failure, pydantic_data_converter.payload_converter)
    told = getattr(back, "failure", None)
    assert told is not None
    assert told.message == str(getattr(error, "message", error))
    assert bool(told.stack_trace) is says_where
