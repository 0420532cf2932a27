"""What strangers may take of a server: connections, and time for each part of a request (`INSTAR_CONNECTIONS__…`)."""

import resource
from datetime import timedelta
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, field_validator

from instar.domain.delays import seconds_as_text

OTHER_FILES = 256
"""Open files that a process needs beside its connections: the store, Temporal, libvirt, logs."""

LONGEST = timedelta(hours=1)


class ConnectionSettings(BaseModel):
    """How many connections a server keeps, and how long each may take over what; times in ISO 8601, or seconds."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    most: int = Field(default=512, ge=4, le=100_000)
    """Connections in all. One more takes the place of whichever has waited longest without a request."""

    per_address: int = Field(default=128, ge=2, le=100_000)
    """Of one IPv4 address, or of one IPv6 network of 64 bits. A proxy in front counts as one address."""

    handshake: timedelta = timedelta(seconds=20)
    """For the TLS handshake."""

    head: timedelta = timedelta(seconds=20)
    """For request line and headers, from the first byte of the connection on."""

    body: timedelta = timedelta(minutes=1)
    """For the whole body of a request."""

    reading: timedelta = timedelta(minutes=1)
    """For a client to take its answer."""

    idle: timedelta = timedelta(seconds=5)
    """Between an answer and the next request."""

    @field_validator("handshake", "head", "body", "reading", "idle", mode="before")
    @classmethod
    def _seconds_as_text(cls, given: Any) -> Any:
        return seconds_as_text(given)

    @field_validator("handshake", "head", "body", "reading", "idle")
    @classmethod
    def _sensible(cls, given: timedelta) -> timedelta:
        if not timedelta(seconds=1) <= given <= LONGEST:
            raise ValueError("from one second to one hour")
        return given


def fitting(wanted: int) -> int:
    """As many connections as this process can open, at most `wanted`, at least four.

    The limit of open files is raised where that is allowed.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    needed = wanted + OTHER_FILES
    if soft != resource.RLIM_INFINITY and soft < needed:
        raised = needed if hard == resource.RLIM_INFINITY else min(needed, hard)
        if raised > soft:
            resource.setrlimit(resource.RLIMIT_NOFILE, (raised, hard))
            soft = raised
    return wanted if soft == resource.RLIM_INFINITY else max(4, min(wanted, soft - OTHER_FILES))
