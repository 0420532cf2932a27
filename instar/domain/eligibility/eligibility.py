"""May this model be stored, and may an upgrade start? Every reason against it, not only the first.

A check answers with all its blockers; none means yes. Where Azure's own sentence is known it is used word for word
(docs/rules.md K6), so that a client that looks for it finds it.
"""

from collections.abc import Iterable
from datetime import timedelta

from instar.domain.eligibility.automatic_rules import automatic_blockers
from instar.domain.eligibility.blockers import (
    BAD_REQUEST,
    EXTENSIONS,
    INVALID_PARAMETER,
    OPERATION_NOT_ALLOWED,
    PROPERTY_CHANGE_NOT_ALLOWED,
    Blocker,
)
from instar.domain.eligibility.health_rules import Probe, settings_blockers, source_blockers
from instar.domain.eligibility.model_rules import shape_blockers
from instar.domain.images.images import LATEST, ImageReference
from instar.domain.machines.instances import Instance
from instar.domain.sets.extensions import extension_problems
from instar.domain.sets.scale_sets import ScaleSetModel
from instar.domain.sets.service_fabric import FabricCluster, objections


def model_blockers(
    model: ScaleSetModel,
    health_wait: timedelta,
    probe: Probe | None = None,
    cluster: FabricCluster | None = None,
) -> tuple[Blocker, ...]:
    """Why this model cannot be stored: ranges, health sources, what automatic upgrades need (I3, I6, H1-H3, P6, S).

    `health_wait` is how long a batch has to become healthy, by default 5 minutes; `probe` the load-balancer probe that
    the model names, None if it names none; `cluster` the one that a Service Fabric set names.
    """
    automatic = model.upgrade_policy.automatic.enable_automatic_os_upgrade
    kinds = [source.kind for source in model.health_sources]
    return (
        *shape_blockers(model),
        *(
            Blocker(INVALID_PARAMETER, extension_problem, EXTENSIONS)
            for extension_problem in extension_problems(model.extension_profile.extensions)
        ),
        *settings_blockers(model),
        *source_blockers(model, automatic=automatic),
        *(automatic_blockers(model, health_wait, probe) if automatic else ()),
        *(
            Blocker(BAD_REQUEST, why, EXTENSIONS)
            for why in objections(model.service_fabric, cluster, kinds)
            if automatic
        ),
    )


def change_blockers(before: ScaleSetModel, after: ScaleSetModel, *, upgrade_running: bool) -> tuple[Blocker, ...]:
    """Why a set cannot be changed from one model to the other: what may never change (I4), or not just now (P1).

    One gallery image may follow another: publisher and offer are no part of such a reference, and the kind stays.
    """
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
    if upgrade_running and _wish(was) != _wish(will):
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


def _wish(image: ImageReference) -> tuple[tuple[str, ...], str]:
    return (image.line, LATEST if image.follows_latest else image.version)
