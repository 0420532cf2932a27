"""Where the health of a set's instances comes from (docs/rules.md H1 to H6).

A source asks each instance the same question: `protocol`, `port` and `path` say which, `interval` and
`number_of_probes` how often before an answer is believed. How an answer is read is in its neighbour `probe_answers`.
"""

from collections.abc import Mapping
from datetime import timedelta
from enum import StrEnum
from typing import Any

from pydantic import BaseModel, ConfigDict

HEALTH_PUBLISHER = "microsoft.managedservices"
HEALTH_TYPES = ("applicationhealthlinux", "applicationhealthwindows")

PORTS = range(1, 65_536)
PATH_AT_MOST = 2_048
"""Characters of a request path."""

ANSWER_AT_LEAST = timedelta(seconds=1)
ANSWER_AT_MOST = timedelta(seconds=30)
"""A probe's time-out, where its interval is not shorter: so that probes of one instance never overlap."""

LOOK_AT_MOST = timedelta(minutes=10)
"""Beyond that no look is made longer for the sake of one odd answer."""

PROBE_INTERVAL = timedelta(seconds=15)
"""Of a load-balancer probe that says nothing else."""


class SourceKind(StrEnum):
    """Who says how an instance is."""

    DEFAULT = "default"
    """Nobody: power state and extensions (H2)."""
    APPLICATION_HEALTH = "applicationHealth"
    """The Application Health extension (H4, H5)."""
    LOAD_BALANCER = "loadBalancerProbe"
    """A load balancer's probe, from outside (H3)."""


class Protocol(StrEnum):
    """What a probe speaks."""

    HTTP = "http"
    HTTPS = "https"
    TCP = "tcp"


DEFAULT_PORTS = {Protocol.HTTP: 80, Protocol.HTTPS: 443}


class ProbeSettings(BaseModel):
    """A load balancer's probe as it is stored: what the requirements of H3 are judged by.

    `threshold` is how many equal answers in a row change the state, `lb_sku` the load balancer's: Basic or Standard.
    """

    model_config = ConfigDict(frozen=True)

    interval: timedelta = PROBE_INTERVAL
    threshold: int = 1
    protocol: Protocol = Protocol.TCP
    port: int = 0
    path: str = ""
    lb_sku: str = "Basic"


class HealthSource(BaseModel):
    """The source of a set (H1). A load balancer's probe without a port is one that does not exist."""

    model_config = ConfigDict(frozen=True)

    kind: SourceKind = SourceKind.DEFAULT
    rich: bool = False
    """Application Health 2.0 (H5)."""
    interval: timedelta = timedelta(seconds=5)
    number_of_probes: int = 1
    """Equal answers in a row until one is believed (H6): the threshold of a load balancer's probe."""
    grace_period: timedelta = timedelta(seconds=5)
    protocol: Protocol = Protocol.HTTP
    port: int = 0
    path: str = ""
    name: str = ""
    """Of the extension, or the id of the load balancer's probe."""

    @property
    def timeout(self) -> timedelta:
        """How long a probe waits for its answer.

        >>> [HealthSource(interval=timedelta(seconds=seconds)).timeout.seconds for seconds in (0, 5, 60)]
        [1, 5, 30]
        """
        return min(max(self.interval, ANSWER_AT_LEAST), ANSWER_AT_MOST)

    @property
    def reads_bodies(self) -> bool:
        """Whether the application's own words are read: its state, and its custom metrics (docs/rules.md B5)."""
        return self.rich and self.protocol is not Protocol.TCP

    @property
    def probes_at_most(self) -> int:
        """Probes of one look: enough for a run of equal answers after any single odd answer, where time allows.

        >>> HealthSource(number_of_probes=3).probes_at_most
        5
        >>> HealthSource(number_of_probes=24, interval=timedelta(seconds=60)).probes_at_most
        24
        """
        patient = max(1, 2 * self.number_of_probes - 1)
        return patient if self.interval * patient <= LOOK_AT_MOST else self.number_of_probes

    def with_probe(self, probe: ProbeSettings) -> "HealthSource":
        """A load balancer's probe with its settings (H3)."""
        return self.model_copy(
            update={
                "interval": probe.interval,
                "number_of_probes": probe.threshold,
                "protocol": probe.protocol,
                "port": probe.port,
                "path": probe.path,
            }
        )


def health_sources(profile: Mapping[str, Any]) -> tuple[HealthSource, ...]:
    """Every source that a `virtualMachineProfile` names. Raises ValueError for one that cannot be read.

    >>> health_sources({"networkProfile": {"healthProbe": {"id": "/probes/p"}}})[0].name
    '/probes/p'
    """
    sources = []
    network = _mapping(profile, "networkProfile")
    if probe := _mapping(network, "healthProbe").get("id"):
        sources.append(HealthSource(kind=SourceKind.LOAD_BALANCER, name=str(probe)))
    for extension in _mapping(profile, "extensionProfile").get("extensions") or ():
        body = _mapping(extension, "properties")
        if is_application_health(body):
            sources.append(_application_health(str(extension.get("name") or ""), body))
    return tuple(sources)


def is_application_health(extension: Mapping[str, Any]) -> bool:
    """Whether an extension's properties are those of the Application Health extension."""
    publisher, kind = str(extension.get("publisher", "")).lower(), str(extension.get("type", "")).lower()
    return publisher == HEALTH_PUBLISHER and kind in HEALTH_TYPES


def settings_fault(settings: Mapping[str, Any]) -> tuple[str, str]:
    """What is wrong with the question that an Application Health extension is to ask: the setting, and a sentence.

    >>> settings_fault({"protocol": "tcp", "port": 80, "requestPath": "/"})
    ('requestPath', 'must not be set where the protocol is tcp')
    >>> settings_fault({"protocol": "http", "requestPath": "/health"})
    ('', '')
    """
    protocol = str(settings.get("protocol") or "").lower()
    port, path = settings.get("port"), settings.get("requestPath")
    if protocol not in list(Protocol):
        return "protocol", "must be http, https or tcp"
    if port is None and protocol == Protocol.TCP:
        return "port", "is required where the protocol is tcp"
    if port is not None and port_number(port) == 0:
        return "port", "must be a whole number from 1 to 65535"
    fault = path_fault(protocol, path)
    return ("requestPath", fault) if fault else ("", "")


def path_fault(protocol: str, path: object) -> str:
    """What is wrong with the path that a probe of that protocol asks for, "" if nothing is.

    >>> path_fault("http", None)
    'is required where the protocol is http'
    """
    if protocol == Protocol.TCP:
        return "must not be set where the protocol is tcp" if path else ""
    if path is None or path == "":
        return f"is required where the protocol is {protocol}"
    if not isinstance(path, str) or len(path) > PATH_AT_MOST or not path.isprintable():
        return f"must be a printable string of at most {PATH_AT_MOST} characters"
    return ""


def port_number(value: object) -> int:
    """A port, or 0 for what is none; templates write numbers as strings.

    >>> port_number(80), port_number("80"), port_number(65536), port_number(True), port_number("x")
    (80, 80, 0, 0, 0)
    """
    text = str(value)
    number = int(text) if text.isascii() and text.isdigit() and len(text) <= len(str(PORTS.stop)) else 0
    return number if number in PORTS else 0


def _application_health(name: str, body: Mapping[str, Any]) -> HealthSource:
    settings = _mapping(body, "settings")
    interval = timedelta(seconds=int(settings.get("intervalInSeconds", 5)))
    probes = int(settings.get("numberOfProbes", 1))
    grace = settings.get("gracePeriod")
    spelt = str(settings.get("protocol") or Protocol.HTTP).lower()
    protocol = Protocol(spelt) if spelt in list(Protocol) else Protocol.HTTP
    return HealthSource(
        kind=SourceKind.APPLICATION_HEALTH,
        rich=str(body.get("typeHandlerVersion", "1.0")).split(".")[0] != "1",
        interval=interval,
        number_of_probes=probes,
        grace_period=interval * probes if grace is None else timedelta(seconds=int(grace)),
        protocol=protocol,
        port=port_number(settings.get("port")) or DEFAULT_PORTS.get(protocol, 0),
        path=str(settings.get("requestPath") or ""),
        name=name,
    )


def _mapping(parent: Mapping[str, Any], key: str) -> dict[str, Any]:
    value = parent.get(key)
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise ValueError(f"'{key}' must be an object")  # noqa: TRY004  # a bad document is a value, not a type, here
    return value
