"""Load balancers, as far as health goes: the probes of one, and how a scale set names them (docs/rules.md H3)."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from instar.domain.health.sources import PROBE_INTERVAL, ProbeSettings, Protocol, path_fault, port_number

LOAD_BALANCER = "Microsoft.Network/loadBalancers"

INTERVAL_SECONDS = range(5, 1_441)
THRESHOLDS = range(1, 101)
ANSWER_AT_MOST = 1_440
"""Seconds until a probe's answer is believed: what the slowest Application Health extension may take, 24 times 60."""

THRESHOLD_NAMES = ("probeThreshold", "numberOfProbes")
"""The first that is given counts: the older name stands for the same."""

SPELLING = {Protocol.HTTP: "Http", Protocol.HTTPS: "Https", Protocol.TCP: "Tcp"}

_PROBE_ID = re.compile(
    r"(/subscriptions/([^/]+)/resourceGroups/[^/]+/providers/Microsoft\.Network/loadBalancers/[^/]+)/probes/([^/]+)",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class ProbeId:
    """Which probe of which load balancer a scale set names."""

    load_balancer: str
    subscription: str
    probe: str

    @classmethod
    def read(cls, resource_id: str) -> "ProbeId | None":
        """None for what is no probe's id.

        >>> front = "/subscriptions/s/resourceGroups/g/providers/Microsoft.Network/loadBalancers/front"
        >>> ProbeId.read(f"{front}/probes/web").probe
        'web'
        >>> ProbeId.read(front) is None
        True
        """
        found = _PROBE_ID.fullmatch(resource_id)
        return cls(found[1], found[2], found[3]) if found else None


def probe_documents(document: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """The probes of a load balancer's document."""
    yield from (document.get("properties") or {}).get("probes") or ()


def rules_of_probe(document: Mapping[str, Any], probe: str | None) -> list[str]:
    """Names of a load balancer's rules that name that probe of it, in any case; of all its rules where it is None.

    >>> rule = {"name": "web", "properties": {"probe": {"id": "/…/loadBalancers/front/probes/Up"}}}
    >>> rules_of_probe({"properties": {"loadBalancingRules": [rule]}}, "up")
    ['web']
    """
    given = (document.get("properties") or {}).get("loadBalancingRules")
    rules = [rule for rule in (given if isinstance(given, list) else ()) if isinstance(rule, Mapping)]
    return [str(rule.get("name")) for rule in rules if probe is None or _probe_name(rule) == probe.lower()]


def _probe_name(rule: Mapping[str, Any]) -> str:
    properties = rule.get("properties")
    probe = properties.get("probe") if isinstance(properties, Mapping) else None
    return str(probe.get("id")).rpartition("/")[2].lower() if isinstance(probe, Mapping) else ""


def probe_settings(document: Mapping[str, Any], probe: str) -> ProbeSettings | None:
    """The settings of a probe of that load balancer, by name in any case; None if it has none of that name.

    >>> probe = {"name": "Web", "properties": {"protocol": "Http", "port": 80, "requestPath": "/", "probeThreshold": 3}}
    >>> probe_settings({"properties": {"probes": [probe]}}, "web").threshold
    3
    """
    for probe_document in probe_documents(document):
        if str(probe_document.get("name")).lower() == probe.lower():
            return _settings(
                probe_document.get("properties") or {}, str((document.get("sku") or {}).get("name") or "Basic")
            )
    return None


def _settings(probe: Mapping[str, Any], sku: str) -> ProbeSettings:
    seconds = probe.get("intervalInSeconds")
    return ProbeSettings(
        interval=PROBE_INTERVAL if seconds is None else timedelta(seconds=int(seconds)),
        threshold=next((int(probe[name]) for name in THRESHOLD_NAMES if probe.get(name) is not None), 1),
        protocol=Protocol(str(probe.get("protocol")).lower()),
        port=port_number(probe.get("port")),
        path=str(probe.get("requestPath") or ""),
        lb_sku=sku,
    )


def probe_fault(probe: Mapping[str, Any]) -> tuple[str, str]:
    """What is wrong with a probe's properties: which one, and a sentence; ("", "") if nothing is.

    >>> probe_fault({"protocol": "Tcp", "port": 22, "intervalInSeconds": 4})
    ('intervalInSeconds', 'must be a whole number of at least 5, and at most 1440')
    >>> probe_fault({"protocol": "Tcp", "port": "22"})
    ('', '')
    """
    protocol = str(probe.get("protocol") or "").lower()
    if protocol not in list(Protocol):
        return "protocol", "must be Http, Https or Tcp"
    if port_number(probe.get("port")) == 0:
        return "port", "must be a whole number from 1 to 65535"
    if not _within(probe.get("intervalInSeconds"), INTERVAL_SECONDS):
        return (
            "intervalInSeconds",
            f"must be a whole number of at least {INTERVAL_SECONDS.start}, and at most {INTERVAL_SECONDS.stop - 1}",
        )
    for name in THRESHOLD_NAMES:
        if not _within(probe.get(name), THRESHOLDS):
            return name, f"must be a whole number from {THRESHOLDS.start} to {THRESHOLDS.stop - 1}"
    settings = _settings(probe, "")
    if settings.interval * settings.threshold > timedelta(seconds=ANSWER_AT_MOST):
        return "intervalInSeconds", f"times the threshold must not be more than {ANSWER_AT_MOST} seconds"
    fault = path_fault(protocol, probe.get("requestPath"))
    return ("requestPath", fault) if fault else ("", "")


def normal_probe(probe: Mapping[str, Any]) -> dict[str, Any]:
    """The properties of a good probe, in ARM's spelling, with numbers as numbers and the interval filled in.

    >>> normal_probe({"protocol": "tcp", "port": "22"})
    {'intervalInSeconds': 15, 'protocol': 'Tcp', 'port': 22}
    """
    numbers = ("port", "intervalInSeconds", *THRESHOLD_NAMES)
    return {
        "intervalInSeconds": int(PROBE_INTERVAL.total_seconds()),
        **{name: value for name, value in probe.items() if value is not None},
        "protocol": SPELLING[Protocol(str(probe["protocol"]).lower())],
        **{name: int(probe[name]) for name in numbers if probe.get(name) is not None},
    }


def _within(value: object, allowed: range) -> bool:
    """Whether a number, or its text, is in a range; an absent one is."""
    text = str(value)
    if value is None:
        return True
    return text.isascii() and text.isdigit() and len(text) <= len(str(allowed.stop)) and int(text) in allowed
