"""What automatic OS upgrades need of a model besides a health source (docs/rules.md I3, I6, H3, P6, K6).

Each rule gives its reasons against the model; Azure's own sentence where it is known.
"""

from collections.abc import Iterator
from datetime import timedelta

from instar.domain.eligibility.blockers import BAD_REQUEST, EXTENSIONS, HEALTH_PROBE, IMAGE, OS_PROFILE, Blocker
from instar.domain.eligibility.health_rules import APPLICATION_HEALTH, LOAD_BALANCER_PROBE, Probe, probing_blockers
from instar.domain.sets.scale_sets import ScaleSetModel

PROBE_INTERVAL_BELOW = timedelta(minutes=2)
"""Of a load-balancer probe (H3)."""

PATCHED_BY_PLATFORM = "automaticbyplatform"
"""A patch mode, lower case: the platform would patch the very disk that an upgrade replaces."""


def automatic_blockers(model: ScaleSetModel, health_wait: timedelta, probe: Probe | None) -> tuple[Blocker, ...]:
    """Why automatic upgrades cannot be enabled on this model."""
    return (
        *_latest(model),
        *_in_time(model, health_wait, probe),
        *_often_enough(probe),
        *_standard_load_balancer(model, probe),
        *_windows_updates(model),
        *_patch_mode(model),
    )


def _latest(model: ScaleSetModel) -> Iterator[Blocker]:
    """I3."""
    if not model.image.follows_latest:
        message = (
            "virtualMachineScaleSets with Automatic OS Upgrade enabled must use Platform or Gallery Image with version "
            "set to 'latest'."
        )
        yield Blocker(BAD_REQUEST, message, f"{IMAGE}.version")


def _in_time(model: ScaleSetModel, health_wait: timedelta, probe: Probe | None) -> Iterator[Blocker]:
    """P6: a source that cannot answer while a batch is waited for would fail every batch."""
    answers = [
        (source.interval * source.number_of_probes, EXTENSIONS)
        for source in model.health_sources
        if source.kind == APPLICATION_HEALTH and not probing_blockers(source)  # may be too large to multiply
    ]
    if probe is not None:
        answers.append((probe.interval * probe.threshold, HEALTH_PROBE))
    for answer, target in answers:
        if answer > health_wait:
            yield _unsupported(
                f"its health source needs {int(answer.total_seconds())} seconds for an answer (intervalInSeconds x "
                f"numberOfProbes), and a batch has {int(health_wait.total_seconds())} seconds to become healthy",
                target,
            )


def _often_enough(probe: Probe | None) -> Iterator[Blocker]:
    """H3."""
    if probe is not None and probe.interval >= PROBE_INTERVAL_BELOW:
        yield _unsupported(
            f"the interval of its health probe is {int(probe.interval.total_seconds())} seconds; it must be less than "
            f"{int(PROBE_INTERVAL_BELOW.total_seconds())} seconds",
            HEALTH_PROBE,
        )


def _standard_load_balancer(model: ScaleSetModel, probe: Probe | None) -> Iterator[Blocker]:
    """H3: a Basic load balancer reaches one placement group only."""
    probed = any(source.kind == LOAD_BALANCER_PROBE for source in model.health_sources)
    if probed and model.single_placement_group is False and (probe is None or probe.lb_sku.lower() != "standard"):
        yield _unsupported(
            "it can have several placement groups (singlePlacementGroup is false), which needs a health probe of a "
            "load balancer of sku Standard",
            HEALTH_PROBE,
        )


def _windows_updates(model: ScaleSetModel) -> Iterator[Blocker]:
    """I6."""
    if model.windows_updates:
        message = (
            "windowsConfiguration.enableAutomaticUpdates cannot be set to true if upgradePolicy."
            "automaticOSUpgradePolicy.enableAutomaticOSUpgrade is already true, starting from APIversion 2019-03-01"
        )
        yield Blocker(BAD_REQUEST, message, f"{OS_PROFILE}.windowsConfiguration.enableAutomaticUpdates")


def _patch_mode(model: ScaleSetModel) -> Iterator[Blocker]:
    if PATCHED_BY_PLATFORM in [patch_mode.lower() for patch_mode in model.patch_modes]:
        yield _unsupported("its patchSettings.patchMode is 'AutomaticByPlatform'", OS_PROFILE)


def _unsupported(reason: str, target: str) -> Blocker:
    message = f"Automatic OS Upgrade is not supported for this Virtual Machine Scale Set because {reason}."
    return Blocker(BAD_REQUEST, message, target)
