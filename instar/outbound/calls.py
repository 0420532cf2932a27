"""What is kept of each call to somebody else's system: a count, how long it took, a span where traces are on."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

from opentelemetry.trace import NoOpTracer, Span, SpanKind, Status, StatusCode, Tracer

from instar.outbound.errors import NotAllowed, Unanswered
from instar.telemetry.metrics import OUTBOUND_CALLS, OUTBOUND_SECONDS
from instar.telemetry.purposes import NONE, NOT_ALLOWED, RESPONSES, Purpose

FAILS_FROM = 400


class Call:
    """One call that is under way."""

    def __init__(self, span: Span) -> None:
        self._span = span
        self.answer = NONE

    def goes_to(self, host: str) -> None:
        """With the host alone: a whole URL may be secret."""
        self._span.set_attribute("server.address", host)

    def answered(self, status: int) -> None:
        """Something came; a status that HTTP does not know counts as no answer."""
        known = f"{status // 100}xx"
        self.answer = known if known in RESPONSES else NONE
        self._span.set_attribute("http.response.status_code", status)
        if status >= FAILS_FROM:
            self._span.set_status(Status(StatusCode.ERROR))


@contextmanager
def noted(purpose: Purpose, method: str, tracer: Tracer | None) -> Iterator[Call]:
    """Count the call that is made within, and make it a span. The other side, not being ours, is sent nothing of it."""
    began = time.monotonic()
    with (tracer or NoOpTracer()).start_as_current_span(
        f"{method} {purpose}",
        kind=SpanKind.CLIENT,
        attributes={"instar.purpose": purpose.value, "http.request.method": method},
        record_exception=False,
        set_status_on_exception=False,
    ) as span:
        call = Call(span)
        try:
            yield call
        except (NotAllowed, Unanswered) as error:
            call.answer = NOT_ALLOWED if isinstance(error, NotAllowed) else NONE
            span.set_status(Status(StatusCode.ERROR, str(error)))
            raise
        finally:
            OUTBOUND_CALLS.labels(purpose.value, call.answer).inc()
            OUTBOUND_SECONDS.labels(purpose.value).observe(time.monotonic() - began)
