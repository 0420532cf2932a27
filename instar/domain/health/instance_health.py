"""How an instance is: what its source says, and what the instance itself shows (docs/rules.md H2)."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from instar.domain.health.sources import HealthSource, SourceKind
from instar.domain.machines.instances import ExtensionStatus, HealthObservation, HealthState, Instance, PowerState

REASON_AT_MOST = 200
"""Characters of an extension's own words that are repeated."""


def health_of(instance: Instance, source: HealthSource, said: HealthObservation) -> HealthObservation:
    """The observation as decisions and readers get it.

    An extension that failed makes its instance unhealthy whatever the source says. Without a source, healthy is a
    machine that runs and is provisioned, and nothing more is known of it.
    """
    if failed := [extension for extension in instance.extensions if extension.error]:
        return _unhealthy(said, _failed(failed))
    if source.kind is SourceKind.DEFAULT and said.state is HealthState.HEALTHY:
        if instance.power is not PowerState.RUNNING:
            return _unhealthy(said, "the machine does not run")
        if not instance.provisioned:
            return _unhealthy(said, "the machine is not provisioned")
    return said


def boots(instance: Instance, within: timedelta, now: datetime) -> bool:
    """Whether its newest start, or move to another disk, is younger than that (P2a).

    A moment in the future is that of a clock that was set back: it counts like one in the past, as far as it is away.

    >>> from datetime import UTC
    >>> noon = datetime(2026, 11, 27, 12, tzinfo=UTC)
    >>> started = Instance("0", "", None, 1, booted_at=noon)
    >>> five = timedelta(minutes=5)
    >>> [boots(started, five, noon + timedelta(minutes=minutes)) for minutes in (0, 4, 5, -4, -60)]
    [True, True, False, True, False]
    """
    return instance.booted_at is not None and abs(now - instance.booted_at) < within


def _unhealthy(said: HealthObservation, detail: str) -> HealthObservation:
    """Custom metrics count of a healthy instance only."""
    return replace(
        said,
        state=HealthState.UNHEALTHY,
        detail=detail,
        settles_by=None,
        phase=None,
        skip=False,
        custom_metrics="",
    )


def _failed(extensions: Sequence[ExtensionStatus]) -> str:
    """Which extensions failed, and how.

    >>> _failed([ExtensionStatus("setup", "exit 1"), ExtensionStatus("agent", "its credentials have expired")])
    "extension 'setup' failed: exit 1; extension 'agent' failed: its credentials have expired"
    """
    return "; ".join(
        f"extension '{extension.name}' failed: {extension.error[:REASON_AT_MOST]}" for extension in extensions
    )
