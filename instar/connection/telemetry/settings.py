"""Where metrics are shown, how the log is written."""

from enum import StrEnum

from pydantic import BaseModel, ConfigDict, field_validator

MOST_PORT = 65535


class LogFormat(StrEnum):
    """How a line of the log is written."""

    TEXT = "text"
    JSON = "json"


class MetricsSettings(BaseModel):
    """Where `/metrics` is answered, without a token (`INSTAR_METRICS__WORKER`, `INSTAR_METRICS__API`)."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    worker: str = ""
    """`HOST:PORT` of a worker; empty: nowhere. Each needs its own; the same as its probes' is good."""

    api: str = ""
    """`HOST:PORT` of an API; empty: nowhere. Not the port of the API itself, which strangers may reach."""

    @field_validator("worker", "api")
    @classmethod
    def _an_address(cls, address: str) -> str:
        return listened_at(address)


class LogSettings(BaseModel):
    """How the log is written (`INSTAR_LOG__FORMAT`)."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    format: LogFormat = LogFormat.TEXT
    """`text` for people, `json` for machines: an object a line, with what it is about."""


def listened_at(address: str) -> str:
    """The same, if it is `HOST:PORT` or empty. Raises ValueError."""
    host, _, port = address.rpartition(":")
    if address and not (host and port.isascii() and port.isdigit() and 0 < int(port) <= MOST_PORT):
        raise ValueError("a host and a port from 1 to 65535, as in 127.0.0.1:8081")
    return address
