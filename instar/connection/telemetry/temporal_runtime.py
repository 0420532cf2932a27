"""Temporal's SDK in this process: its own metrics and its own log lines (docs/monitoring.md).

The SDK counts in Rust, and shows its metrics by an HTTP server of its own. That one listens at a free port of loopback,
and `/metrics` hands on what it shows, so that a process has one address for Prometheus. Its other way, a buffer that
Python drains, was measured too: 40 updates for each activity, to be translated and counted a second time here.
"""

import logging
import socket
from dataclasses import dataclass

import httpx
from temporalio.runtime import (
    LogForwardingConfig,
    LoggingConfig,
    PrometheusConfig,
    Runtime,
    TelemetryConfig,
    TelemetryFilter,
)

_log = logging.getLogger(__name__)

LOOPBACK = "127.0.0.1"

TRIES = 5
"""Between choosing a free port and taking it somebody else may take it."""

WITHIN_SECONDS = 5.0

SDK_LOG = TelemetryFilter(core_level="WARN", other_level="ERROR")
"""What the SDK writes by default."""


@dataclass(frozen=True)
class TemporalMetrics:
    """What the SDK of this process shows of itself."""

    url: str

    async def text(self) -> bytes:
        """In Prometheus's text format; nothing where the SDK does not answer, which is logged."""
        try:
            async with httpx.AsyncClient(trust_env=False, timeout=WITHIN_SECONDS) as client:
                return (await client.get(self.url)).raise_for_status().content
        except httpx.HTTPError as error:
            _log.warning("the SDK's own metrics cannot be read: %s", type(error).__name__)
            return b""


def use_runtime(*, metrics: bool, forward_logs: bool) -> TemporalMetrics | None:
    """Have the SDK of this process count, and write its log through ours; before its first client is made.

    Where neither is asked for, nothing is changed. Raises RuntimeError if no port could be had, or if the SDK is in use
    already.
    """
    if not metrics and not forward_logs:
        return None
    logs = LoggingConfig(SDK_LOG, LogForwardingConfig(logging.getLogger("temporalio.core"))) if forward_logs else None
    logging_config = logs or LoggingConfig(SDK_LOG)
    if not metrics:
        Runtime.set_default(Runtime(telemetry=TelemetryConfig(logging=logging_config)))
        return None
    for attempt in range(TRIES):
        address = f"{LOOPBACK}:{_free_port()}"
        shown = PrometheusConfig(address, counters_total_suffix=True, unit_suffix=True, durations_as_seconds=True)
        telemetry = TelemetryConfig(logging=logging_config, metrics=shown, attach_service_name=False)
        try:
            Runtime.set_default(Runtime(telemetry=telemetry))
        except (RuntimeError, ValueError):
            if attempt == TRIES - 1:
                raise
        else:
            return TemporalMetrics(f"http://{address}/metrics")
    raise AssertionError("unreachable")


def _free_port() -> int:
    with socket.socket() as free:
        free.bind((LOOPBACK, 0))
        return int(free.getsockname()[1])
