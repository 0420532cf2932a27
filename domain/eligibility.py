"""May this model be stored, and may an upgrade start? Every reason against it, not only the first.

A check answers with all its blockers; none means yes. Where Azure's own sentence is known it is used word for word
(contract.md 2.8), so that a client that looks for it finds it.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta

from domain.extensions import extension_problems
from domain.instances import Instance
from domain.policies import UpgradeMode
from domain.scale_sets import HealthSource, ScaleSetModel

CAPACITY_AT_MOST = 10_000
"""Instances in one set: what the upgrade is made and measured for."""

DATA_DISKS_AT_MOST = 64
"""Of one machine, as the largest of Azure's sizes has."""

INTERVAL_SECONDS = range(5, 61)
PROBES = range(1, 25)
GRACE_PERIOD_AT_MOST = timedelta(seconds=14_400)

BAD_REQUEST = "BadRequest"
INVALID_PARAMETER = "InvalidParameter"
PROPERTY_CHANGE_NOT_ALLOWED = "PropertyChangeNotAllowed"
OPERATION_NOT_ALLOWED = "OperationNotAllowed"

IMAGE = "virtualMachineProfile.storageProfile.imageReference"
DATA_DISKS = "virtualMachineProfile.storageProfile.dataDisks"
EXTENSIONS = "virtualMachineProfile.extensionProfile.extensions"


@dataclass(frozen=True, slots=True)
class Blocker:
    """One reason why not. `code` is the ARM error code, `target` the property at fault ("" where none is)."""

    code: str
    message: str
    target: str = ""


def model_blockers(model: ScaleSetModel, health_wait: timedelta) -> tuple[Blocker, ...]:
    """Why this model cannot be stored: ranges, health sources, and what automatic upgrades need (I3, H1, H2, P6).

    `health_wait` is how long a batch has to become healthy: by default 5 minutes.
    """
    automatic = model.upgrade_policy.automatic.enable_automatic_os_upgrade
    return (
        *_shape_blockers(model),
        *(
            Blocker(INVALID_PARAMETER, one, EXTENSIONS)
            for one in extension_problems(model.extension_profile.extensions)
        ),
        *(blocker for source in model.health_sources for blocker in _probe_blockers(source)),
        *_source_blockers(model, automatic=automatic),
        *(_automatic_blockers(model, health_wait) if automatic else ()),
    )


def change_blockers(before: ScaleSetModel, after: ScaleSetModel, *, upgrade_running: bool) -> tuple[Blocker, ...]:
    """Why a set cannot be changed from one model to the other: what may never change (I4), or not just now (P1)."""
    was, will = before.image, after.image
    found = []
    if bool(was.id) != bool(will.id):
        message = "The Image type for a Virtual Machine Scale Set may not be changed."
        found.append(Blocker(PROPERTY_CHANGE_NOT_ALLOWED, message, "imageReference"))
    else:
        pairs = (("publisher", was.publisher, will.publisher), ("offer", was.offer, will.offer))
        found += [
            Blocker(
                PROPERTY_CHANGE_NOT_ALLOWED,
                f"Changing property 'imageReference.{name}' is not allowed.",
                f"imageReference.{name}",
            )
            for name, had, has in pairs
            if had.lower() != has.lower()
        ]
    if upgrade_running and (was.line, was.version.lower()) != (will.line, will.version.lower()):
        found.append(
            Blocker(
                OPERATION_NOT_ALLOWED,
                "Changing property 'imageReference' is not allowed while a Rolling Upgrade is in progress: "
                "wait for its end, or cancel it.",
                "imageReference",
            ),
        )
    return tuple(found)


def start_blockers(model: ScaleSetModel, instances: Iterable[Instance]) -> tuple[Blocker, ...]:
    """Why an upgrade cannot start on a set: no unprotected instance follows `latest`, so none of an empty one (B6)."""
    if model.image.follows_latest and any(not instance.protected for instance in instances):
        return ()
    message = (
        "The OS Rolling Upgrade API cannot be used on a Virtual Machine Scale Set unless the Virtual Machine Scale Set "
        "has some unprotected instances which have imageReference.version set to latest."
    )
    return (Blocker(OPERATION_NOT_ALLOWED, message),)


def _shape_blockers(model: ScaleSetModel) -> list[Blocker]:
    found = []
    if not 0 <= model.capacity <= CAPACITY_AT_MOST:
        message = f"The value of 'sku.capacity' is {model.capacity}; it must be from 0 to {CAPACITY_AT_MOST}."
        found.append(Blocker(INVALID_PARAMETER, message, "sku.capacity"))
    if model.data_disks > DATA_DISKS_AT_MOST:
        message = f"A machine can have {DATA_DISKS_AT_MOST} data disks at most, not {model.data_disks}."
        found.append(Blocker(INVALID_PARAMETER, message, DATA_DISKS))
    image = model.image
    if not image.id:
        missing = [name for name in ("publisher", "offer", "sku", "version") if not getattr(image, name)]
        found += [
            Blocker(INVALID_PARAMETER, f"Required parameter 'imageReference.{name}' is missing.", f"{IMAGE}.{name}")
            for name in missing
        ]
    return found


def _probe_blockers(source: HealthSource) -> list[Blocker]:
    """Ranges of the Application Health extension (contract.md 1.4)."""
    if source.kind != "applicationHealth":
        return []
    seconds = int(source.interval.total_seconds())
    checks = (
        ("intervalInSeconds", seconds in INTERVAL_SECONDS, "from 5 to 60 seconds"),
        ("numberOfProbes", source.number_of_probes in PROBES, "from 1 to 24"),
        ("gracePeriod", timedelta(0) <= source.grace_period <= GRACE_PERIOD_AT_MOST, "from 0 to 14400 seconds"),
    )
    return [
        Blocker(INVALID_PARAMETER, f"The application health extension's '{name}' must be {allowed}.", EXTENSIONS)
        for name, fits, allowed in checks
        if not fits
    ]


def _source_blockers(model: ScaleSetModel, *, automatic: bool) -> list[Blocker]:
    """At most one source (H1), and one where instances are replaced by the health of others."""
    kinds = [source.kind for source in model.health_sources]
    if len(kinds) > 1 and automatic and "loadBalancerProbe" in kinds:
        message = (
            "Automatic OS Upgrade is not supported for this Virtual Machine Scale Set because both a health probe and "
            "a health extension were provided. Remove the health probe or health extension prior to enabling automatic "
            "OS upgrade."
        )
        return [Blocker(BAD_REQUEST, message)]
    if len(kinds) > 1:
        message = (
            "A Virtual Machine Scale Set can have one source of application health only: one health probe or one "
            "health extension."
        )
        return [Blocker(BAD_REQUEST, message)]
    if kinds:
        return []
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
    return found


def _automatic_blockers(model: ScaleSetModel, health_wait: timedelta) -> list[Blocker]:
    found = []
    if not model.image.follows_latest:
        message = (
            "virtualMachineScaleSets with Automatic OS Upgrade enabled must use Platform or Gallery Image with version "
            "set to 'latest'."
        )
        found.append(Blocker(BAD_REQUEST, message, f"{IMAGE}.version"))
    for source in model.health_sources:
        if _probe_blockers(source):
            continue  # out of range already, and perhaps too large to multiply
        answer = source.interval * source.number_of_probes
        if answer > health_wait:
            message = (
                "Automatic OS Upgrade is not supported for this Virtual Machine Scale Set because its health source "
                f"needs {int(answer.total_seconds())} seconds for an answer (intervalInSeconds x numberOfProbes), and "
                f"a batch has {int(health_wait.total_seconds())} seconds to become healthy."
            )
            found.append(Blocker(BAD_REQUEST, message, EXTENSIONS))
    return found
