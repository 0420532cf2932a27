"""What health sources a model may have, and how they may be set (docs/rules.md H1, H2)."""

from datetime import timedelta
from typing import Protocol

from instar.domain.eligibility.blockers import BAD_REQUEST, EXTENSIONS, INVALID_PARAMETER, Blocker
from instar.domain.health.sources import HealthSource
from instar.domain.sets.policies import UpgradeMode
from instar.domain.sets.scale_sets import ScaleSetModel

APPLICATION_HEALTH = "applicationHealth"
LOAD_BALANCER_PROBE = "loadBalancerProbe"
"""Kinds of health source."""

INTERVAL_SECONDS = range(5, 61)
PROBES = range(1, 25)
GRACE_PERIOD_AT_MOST = timedelta(seconds=14_400)


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
    """Settings out of range: how often, how many, how long."""
    if source.kind != APPLICATION_HEALTH:
        return ()
    seconds = int(source.interval.total_seconds())
    checks = (
        ("intervalInSeconds", seconds in INTERVAL_SECONDS, "must be from 5 to 60 seconds"),
        ("numberOfProbes", source.number_of_probes in PROBES, "must be from 1 to 24"),
        ("gracePeriod", timedelta(0) <= source.grace_period <= GRACE_PERIOD_AT_MOST, "must be from 0 to 14400 seconds"),
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
    if automatic and model.service_fabric is None:
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
    if model.automatic_repairs and model.service_fabric is None:
        message = (
            "Automatic repairs not supported for this Virtual Machine Scale Set because a health probe or health "
            "extension was not provided."
        )
        found.append(Blocker(BAD_REQUEST, message))
    return tuple(found)
