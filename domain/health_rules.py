"""What health sources a model may have, and how they may be set (behaviour.md H1, H2; contract.md 1.4)."""

from datetime import timedelta
from typing import Any, Protocol

from domain.blockers import BAD_REQUEST, EXTENSIONS, INVALID_PARAMETER, Blocker
from domain.policies import UpgradeMode
from domain.scale_sets import APPLICATION_HEALTH, LOAD_BALANCER_PROBE, HealthSource, ScaleSetModel

INTERVAL_SECONDS = range(5, 61)
PROBES = range(1, 25)
GRACE_PERIOD_AT_MOST = timedelta(seconds=14_400)
PORTS = range(1, 65_536)
PROTOCOLS = ("http", "https", "tcp")


class Probe(Protocol):
    """What the rules need to know of a load-balancer probe."""

    @property
    def interval(self) -> timedelta:
        """From one probe to the next."""

    @property
    def threshold(self) -> int:
        """Equal answers in a row that make a change."""

    @property
    def lb_sku(self) -> str:
        """Basic or Standard: its load balancer's."""


def settings_blockers(model: ScaleSetModel) -> tuple[Blocker, ...]:
    """Settings out of range, of every application health extension."""
    return tuple(blocker for source in model.health_sources for blocker in probing_blockers(source))


def probing_blockers(source: HealthSource) -> tuple[Blocker, ...]:
    """Settings out of range: how often, how many, how long, and where to ask."""
    if source.kind != APPLICATION_HEALTH:
        return ()
    seconds = int(source.interval.total_seconds())
    protocol = str(source.settings.get("protocol") or "").lower()
    port, path = source.settings.get("port"), source.settings.get("requestPath")
    checks = (
        ("intervalInSeconds", seconds in INTERVAL_SECONDS, "must be from 5 to 60 seconds"),
        ("numberOfProbes", source.number_of_probes in PROBES, "must be from 1 to 24"),
        ("gracePeriod", timedelta(0) <= source.grace_period <= GRACE_PERIOD_AT_MOST, "must be from 0 to 14400 seconds"),
        ("protocol", protocol in PROTOCOLS, "must be http, https or tcp"),
        ("port", port is not None or protocol != "tcp", "is required where its protocol is tcp"),
        ("port", port is None or _is_port(port), "must be from 1 to 65535"),
        ("requestPath", not path or protocol != "tcp", "cannot be given where its protocol is tcp"),
        (
            "requestPath",
            bool(path) or protocol not in ("http", "https"),
            f"is required where its protocol is {protocol}",
        ),
        ("requestPath", isinstance(path, str | None), "must be a string"),
    )
    return tuple(
        Blocker(INVALID_PARAMETER, f"The application health extension's '{name}' {rule}.", EXTENSIONS)
        for name, holds, rule in checks
        if not holds
    )


def source_blockers(model: ScaleSetModel, *, automatic: bool) -> tuple[Blocker, ...]:
    """At most one source (H1), and one where instances are replaced by the health of others (H2)."""
    kinds = [source.kind for source in model.health_sources]
    if len(kinds) > 1 and automatic and LOAD_BALANCER_PROBE in kinds:
        message = (
            "Automatic OS Upgrade is not supported for this Virtual Machine Scale Set because both a health probe and "
            "a health extension were provided. Remove the health probe or health extension prior to enabling automatic "
            "OS upgrade."
        )
        return (Blocker(BAD_REQUEST, message),)
    if len(kinds) > 1:
        message = (
            "A Virtual Machine Scale Set can have one source of application health only: one health probe or one "
            "health extension."
        )
        return (Blocker(BAD_REQUEST, message),)
    if kinds:
        return ()
    found = []
    if automatic:
        message = (
            "Automatic OS Upgrade is not supported for this Virtual Machine Scale Set because a health probe or health "
            "extension was not specified."
        )
        found.append(Blocker(BAD_REQUEST, message))
    if model.upgrade_policy.mode is UpgradeMode.ROLLING:
        message = (
            "Rolling Upgrade mode is not supported for this Virtual Machine Scale Set because a health probe or health "
            "extension was not provided."
        )
        found.append(Blocker(BAD_REQUEST, message))
    return tuple(found)


def _is_port(given: Any) -> bool:
    r"""A number, or its text: templates write numbers as strings.

    >>> [_is_port(one) for one in (80, "443", 0, 65536, True, "x", 8.5, "\u0663")]
    [True, True, False, False, False, False, False, False]
    """
    digits = str(given)
    is_whole = isinstance(given, int | str) and digits.isascii() and digits.isdigit()
    return is_whole and len(digits) <= len(str(PORTS[-1])) and int(digits) in PORTS
