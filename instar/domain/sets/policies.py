"""Upgrade policies of a scale set, with Azure's names, ranges and defaults (docs/rules.md B8, B9, K5)."""

from datetime import timedelta
from enum import StrEnum
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, model_validator
from pydantic.alias_generators import to_camel


class UpgradeMode(StrEnum):
    """How model changes reach instances. OS upgrades never use it, but for the skip of T1 in MANUAL."""

    AUTOMATIC = "Automatic"
    MANUAL = "Manual"
    ROLLING = "Rolling"


class StartedBy(StrEnum):
    """Who started an upgrade, as `startedBy` spells it."""

    USER = "User"
    PLATFORM = "Platform"


class _Policy(BaseModel):
    model_config = ConfigDict(frozen=True, alias_generator=to_camel, populate_by_name=True, extra="ignore")


class RollingUpgradePolicy(_Policy):
    """Limits of a rolling upgrade. Percentages of instances; the pause is an ISO 8601 duration on the wire.

    Raises pydantic.ValidationError outside the ranges of B8, and when a batch could break its own limit.
    """

    max_batch_instance_percent: Annotated[int, Field(ge=5, le=100)] = 20
    max_unhealthy_instance_percent: Annotated[int, Field(ge=5, le=100)] = 20
    max_unhealthy_upgraded_instance_percent: Annotated[int, Field(ge=0, le=100)] = 20
    pause_time_between_batches: Annotated[timedelta, Field(ge=timedelta(0), le=timedelta(days=30))] = timedelta(0)
    enable_cross_zone_upgrade: bool = False
    """Batches and their share count the whole set, whatever the zones (B4)."""
    prioritize_unhealthy_instances: bool = False
    rollback_failed_instances_on_policy_breach: bool = False

    @model_validator(mode="after")
    def _batch_within_its_own_limit(self) -> "RollingUpgradePolicy":
        if self.max_batch_instance_percent > self.max_unhealthy_instance_percent:
            raise ValueError(
                f"maxBatchInstancePercent ({self.max_batch_instance_percent}) must not exceed "
                f"maxUnhealthyInstancePercent ({self.max_unhealthy_instance_percent}): "
                "a batch would break its own limit",
            )
        return self


class AutomaticOSUpgradePolicy(_Policy):
    """Whether newer image versions are applied without anyone's hand, and how."""

    model_config = ConfigDict(
        frozen=True,
        populate_by_name=True,
        extra="ignore",
        alias_generator=lambda name: to_camel(name).replace("Os", "OS"),
    )

    enable_automatic_os_upgrade: bool = False
    disable_automatic_rollback: bool = False
    use_rolling_upgrade_policy: bool = False


class UpgradePolicy(_Policy):
    """`properties.upgradePolicy` of a scale set."""

    mode: UpgradeMode = UpgradeMode.MANUAL
    rolling_upgrade_policy: RollingUpgradePolicy | None = None
    automatic_os_upgrade_policy: AutomaticOSUpgradePolicy | None = Field(
        default=None,
        alias="automaticOSUpgradePolicy",
    )

    @property
    def automatic(self) -> AutomaticOSUpgradePolicy:
        """The automatic policy, with its defaults where the model has none."""
        return self.automatic_os_upgrade_policy or AutomaticOSUpgradePolicy()


def policy_in_force(policy: UpgradePolicy, started_by: StartedBy) -> RollingUpgradePolicy:
    """The limits of one upgrade (B9): by hand the set's own, by the platform the default unless told to use the set's.

    >>> own = RollingUpgradePolicy(max_batch_instance_percent=10)
    >>> policy_in_force(UpgradePolicy(rolling_upgrade_policy=own), StartedBy.PLATFORM).max_batch_instance_percent
    20
    >>> policy_in_force(UpgradePolicy(rolling_upgrade_policy=own), StartedBy.USER).max_batch_instance_percent
    10
    """
    own = policy.rolling_upgrade_policy or RollingUpgradePolicy()
    if started_by is StartedBy.USER or policy.automatic.use_rolling_upgrade_policy:
        return own
    return RollingUpgradePolicy()
