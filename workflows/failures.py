"""How errors become failures in Temporal: one that is expected says what is the case, and no line of our code."""

from temporalio.api.failure.v1 import Failure
from temporalio.converter import (
    DefaultFailureConverter,
    DefaultFailureConverterWithEncodedAttributes,
    PayloadConverter,
)
from temporalio.exceptions import ApplicationError, ApplicationErrorCategory


class Outcome(ApplicationError):
    """What came out, and no fault of the program."""

    is_expected = True


def is_expected(error: BaseException) -> bool:
    """Whether its stack trace would only be in the way: an outcome, or a look that is made again.

    By a member and not by its class: workflows have modules of their own in their sandbox.
    """
    benign = isinstance(error, ApplicationError) and error.category is ApplicationErrorCategory.BENIGN
    return benign or getattr(error, "is_expected", False)


class Failures(DefaultFailureConverter):
    """In clear."""

    def to_failure(self, exception: BaseException, payload_converter: PayloadConverter, failure: Failure) -> None:
        """Without a stack trace where it is expected."""
        told = exception.with_traceback(None) if is_expected(exception) else exception
        super().to_failure(told, payload_converter, failure)


class SealedFailures(Failures, DefaultFailureConverterWithEncodedAttributes):
    """Messages and stack traces become payloads, so that they are sealed too; read back, they are what they were."""
