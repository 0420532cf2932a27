"""What every model must be like, whatever is switched on in it."""

from instar.domain.eligibility.blockers import DATA_DISKS, HEALTH_PROBE, IMAGE, INVALID_PARAMETER, Blocker
from instar.domain.eligibility.health_rules import LOAD_BALANCER_PROBE
from instar.domain.sets.scale_sets import ScaleSetModel

CAPACITY_AT_MOST = 10_000
"""Instances in one set: what the upgrade is made and measured for."""

DATA_DISKS_AT_MOST = 64
"""Of one machine, as the largest of Azure's sizes has."""

UNIFORM, FLEXIBLE = "uniform", "flexible"
"""Orchestration modes, lower case."""


def shape_blockers(model: ScaleSetModel) -> tuple[Blocker, ...]:
    """Capacity, disks, image, orchestration mode, and how upgrades are asked to go."""
    return (*_size(model), *_image(model), *_orchestration(model), *_promises(model))


def _size(model: ScaleSetModel) -> list[Blocker]:
    found = []
    if not 0 <= model.capacity <= CAPACITY_AT_MOST:
        message = f"The value of 'sku.capacity' is {model.capacity}; it must be from 0 to {CAPACITY_AT_MOST}."
        found.append(Blocker(INVALID_PARAMETER, message, "sku.capacity"))
    if model.data_disks > DATA_DISKS_AT_MOST:
        message = f"A machine can have {DATA_DISKS_AT_MOST} data disks at most, not {model.data_disks}."
        found.append(Blocker(INVALID_PARAMETER, message, DATA_DISKS))
    return found


def _image(model: ScaleSetModel) -> list[Blocker]:
    """A platform image by its four names, or a gallery image by its id, not both."""
    image = model.image
    named = {name: getattr(image, name) for name in ("publisher", "offer", "sku")}
    if not image.id:
        missing = [name for name, given in (named | {"version": image.version}).items() if not given]
        return [
            Blocker(INVALID_PARAMETER, f"Required parameter 'imageReference.{name}' is missing.", f"{IMAGE}.{name}")
            for name in missing
        ]
    return [
        Blocker(
            INVALID_PARAMETER,
            f"'imageReference.{name}' and 'imageReference.id' cannot both be given: an image is named by publisher, "
            "offer and sku, or by its id.",
            f"{IMAGE}.{name}",
        )
        for name, given in named.items()
        if given
    ]


def _orchestration(model: ScaleSetModel) -> list[Blocker]:
    """Uniform or Flexible; what a Flexible set cannot have (docs/rules.md K5, H1)."""
    mode = model.orchestration_mode.lower()
    if mode not in (UNIFORM, FLEXIBLE):
        message = "The value of 'orchestrationMode' must be Uniform or Flexible."
        return [Blocker(INVALID_PARAMETER, message, "orchestrationMode")]
    if mode == UNIFORM:
        return []
    found = []
    if any(source.kind == LOAD_BALANCER_PROBE for source in model.health_sources):
        message = (
            "A Virtual Machine Scale Set with orchestrationMode 'Flexible' cannot have a health probe: use the "
            "application health extension."
        )
        found.append(Blocker(INVALID_PARAMETER, message, HEALTH_PROBE))
    policy = model.upgrade_policy.rolling_upgrade_policy
    if policy and policy.rollback_failed_instances_on_policy_breach:
        message = "'rollbackFailedInstancesOnPolicyBreach' needs orchestrationMode 'Uniform'."
        target = "upgradePolicy.rollingUpgradePolicy.rollbackFailedInstancesOnPolicyBreach"
        found.append(Blocker(INVALID_PARAMETER, message, target))
    return found


def _promises(model: ScaleSetModel) -> list[Blocker]:
    """Ways of upgrading that Azure has and Instar has not: an upgrade must not go another way than was asked for."""
    found = []
    if model.max_surge:
        message = (
            "'maxSurge' is not supported by Instar, which upgrades every machine in its place: leave it out, or set it "
            "to false."
        )
        found.append(Blocker(INVALID_PARAMETER, message, "upgradePolicy.rollingUpgradePolicy.maxSurge"))
    if model.deferral:
        message = (
            "'osRollingUpgradeDeferral' is not supported by Instar: no upgrade waits for approval. Leave automatic "
            "upgrades off and start them at your own time: POST osRollingUpgrade."
        )
        target = "upgradePolicy.automaticOSUpgradePolicy.osRollingUpgradeDeferral"
        found.append(Blocker(INVALID_PARAMETER, message, target))
    return found
