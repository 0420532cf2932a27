"""Traces of a request through API, workflow and activities, sent by OTLP over HTTP; imported only where they are on.

The libraries are the SDK's interceptor for OpenTelemetry and FastAPI's own spans. Two things are told them besides. A
set's workflow lives for years, and all that it does would be one trace: what it does for a request belongs to that
request's trace, found by the operation's id, and what it does by itself begins a trace of its own. And whether a trace
is sent follows from its id alone, so that all processes decide the same, whatever a caller asks for.
"""

import threading
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from opentelemetry import context as current
from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import Span, SpanLimits, SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter
from opentelemetry.sdk.trace.sampling import TraceIdRatioBased
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
from temporalio import workflow
from temporalio.contrib.opentelemetry import TracingInterceptor
from temporalio.converter import PayloadConverter
from temporalio.plugin import SimplePlugin
from temporalio.worker import (
    HandleUpdateInput,
    Interceptor,
    StartActivityInput,
    StartChildWorkflowInput,
    WorkflowInboundInterceptor,
    WorkflowInterceptorClassInput,
    WorkflowOutboundInterceptor,
)

from instar.connection.telemetry.settings import TracesSettings
from instar.domain.sets.names import WorkflowType

HEADER = "_tracer-data"
"""Where the SDK's interceptor puts the context of a call."""

REMEMBERED = 100
"""Requests of one set that are under way."""

SENT_WITHIN_SECONDS = 5
"""What a collector is given for a batch of spans, and for what is left at the end."""

TEXT_AT_MOST = 1_000
"""Characters of one value: an error's text, as a rule."""

NAME = "instar"

_propagator = TraceContextTextMapPropagator()


class Traces:
    """Of one process, until it is closed."""

    def __init__(
        self, ratio: float, process: str, exporter: SpanExporter, processor: SpanProcessor | None = None
    ) -> None:
        self.provider = TracerProvider(
            sampler=TraceIdRatioBased(ratio),
            resource=Resource.create({"service.name": f"instar-{process}"}),
            span_limits=SpanLimits(max_span_attribute_length=TEXT_AT_MOST, max_attribute_length=TEXT_AT_MOST),
            shutdown_on_exit=False,
        )
        self.provider.add_span_processor(WithoutCodes())
        self.provider.add_span_processor(processor or BatchSpanProcessor(exporter))
        self.tracer = self.provider.get_tracer(NAME)

    @classmethod
    def to(cls, settings: TracesSettings, process: str) -> "Traces":
        """To the collector of the settings. `OTEL_EXPORTER_OTLP_…` says what else there is to say to it."""
        exporter = OTLPSpanExporter(f"{settings.endpoint}/v1/traces", timeout=SENT_WITHIN_SECONDS)
        return cls(settings.ratio, process, exporter)

    def plugin(self) -> SimplePlugin:
        """For a client, and the workers on it."""
        of_sdk = TracingInterceptor(self.tracer, always_create_workflow_spans=True)
        return SimplePlugin("instar-traces", interceptors=[of_sdk, OfRequests()])

    def close(self) -> None:
        """Send what is left, for a few seconds at the most."""
        closing = threading.Thread(target=self.provider.shutdown, daemon=True)
        closing.start()
        closing.join(SENT_WITHIN_SECONDS)


class WithoutCodes(SpanProcessor):
    """Takes out what an issuer's answer to a login says in its query: with that code somebody is logged in."""

    def on_start(self, span: Span, parent_context: Context | None = None) -> None:
        """See the SDK."""
        del parent_context
        told = span.attributes or {}
        path = [part for part in str(told.get("url.path", "")).split("/") if part]
        if "url.query" in told and path[:2] == ["page", "login"]:
            span.set_attribute("url.query", "REDACTED")


class OfRequests(Interceptor):
    """Has a set's workflow work in the trace of the request that it works for."""

    def workflow_interceptor_class(
        self,
        input: WorkflowInterceptorClassInput,  # noqa: A002  # the SDK's name
    ) -> type[WorkflowInboundInterceptor]:
        """See the SDK."""
        del input
        return _Inbound


class _Inbound(WorkflowInboundInterceptor):
    def __init__(self, following: WorkflowInboundInterceptor) -> None:
        super().__init__(following)
        self._asked: OrderedDict[str, Any] = OrderedDict()

    def init(self, outbound: WorkflowOutboundInterceptor) -> None:
        """See the SDK."""
        super().init(_Outbound(outbound, self))

    async def handle_update_handler(self, input: HandleUpdateInput) -> Any:  # noqa: A002  # the SDK's name
        """Remember whose trace what is asked for belongs to."""
        operation_id, header = _operation_of(input.args), input.headers.get(HEADER)
        if operation_id and header is not None:
            [self._asked[operation_id]] = PayloadConverter.default.from_payloads([header])
            if len(self._asked) > REMEMBERED:
                self._asked.popitem(last=False)
        return await super().handle_update_handler(input)

    @contextmanager
    def within_its_trace(self, arguments: Any) -> Iterator[None]:
        """What begins there is of the trace of the request that it is for, or begins one."""
        if workflow.info().workflow_type not in tuple(WorkflowType):
            yield  # an upgrade is one trace, with all that it does
            return
        carrier = self._asked.get(_operation_of(arguments))
        context = _propagator.extract(carrier) if carrier else Context()
        token = current.attach(context)
        try:
            yield
        finally:
            # A workflow that is thrown out of the cache ends where nothing of this is known.
            if current.get_current() is context:
                current.detach(token)


class _Outbound(WorkflowOutboundInterceptor):
    def __init__(self, following: WorkflowOutboundInterceptor, inbound: _Inbound) -> None:
        super().__init__(following)
        self._inbound = inbound

    def start_activity(self, input: StartActivityInput) -> workflow.ActivityHandle[Any]:  # noqa: A002  # the SDK's name
        """See the SDK."""
        with self._inbound.within_its_trace(input.args):
            return super().start_activity(input)

    async def start_child_workflow(
        self,
        input: StartChildWorkflowInput,  # noqa: A002  # the SDK's name
    ) -> workflow.ChildWorkflowHandle[Any, Any]:
        """See the SDK."""
        with self._inbound.within_its_trace(input.args):
            return await super().start_child_workflow(input)


def _operation_of(arguments: Any) -> str:
    found = getattr(arguments[0], "operation_id", "") if arguments else ""
    return found if isinstance(found, str) else ""
