"""Where metrics are shown, how the log is written, where traces are sent."""

from enum import StrEnum

from pydantic import BaseModel, ConfigDict, Field, field_validator

from instar.connection.setting_groups import is_web_url

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


class TracesSettings(BaseModel):
    """Where traces are sent (`INSTAR_TRACES__ENDPOINT`, `INSTAR_TRACES__RATIO`)."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    endpoint: str = ""
    """URL of a collector that takes OTLP over HTTP, without its `/v1/traces`; empty: nothing is traced."""

    ratio: float = Field(default=1.0, ge=0.0, le=1.0)
    """Which share of all traces is sent. It follows from a trace's id: the same everywhere, whatever a caller asks."""

    @field_validator("endpoint")
    @classmethod
    def _a_collector(cls, url: str) -> str:
        if url and not is_web_url(url):
            raise ValueError("must be a URL, as in http://127.0.0.1:4318")
        return url.rstrip("/").removesuffix("/v1/traces")


def listened_at(address: str) -> str:
    """The same, if it is `HOST:PORT` or empty. Raises ValueError."""
    host, _, port = address.rpartition(":")
    if address and not (host and port.isascii() and port.isdigit() and 0 < int(port) <= MOST_PORT):
        raise ValueError("a host and a port from 1 to 65535, as in 127.0.0.1:8081")
    return address
