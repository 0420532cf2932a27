"""`properties.upgradePolicy`: what is filled in when it is stored, and what is shown besides (docs/rules.md K5)."""

from typing import Any

from api.wire.api_versions import SCALE_SET, shaped
from instar.domain.sets.policies import AutomaticOSUpgradePolicy, RollingUpgradePolicy, UpgradeMode, UpgradePolicy

Json = dict[str, Any]

AUTOMATIC = "automaticOSUpgradePolicy"
ROLLING = "rollingUpgradePolicy"
ONLY_IF_SET = ("enableCrossZoneUpgrade", "prioritizeUnhealthyInstances")
OFF: Json = AutomaticOSUpgradePolicy().model_dump(by_alias=True)


def filled_in(given: Json, policy: UpgradePolicy) -> Json:
    """What is stored: `given` with defaults, in the types of `policy`, which was read from it.

    The rolling policy is filled in where the mode is Rolling or an automatic policy is given, and stays from then on.
    """
    result = given | {"mode": policy.mode.value}
    asked = given.get(ROLLING)
    if given.get(AUTOMATIC) is not None:
        result[AUTOMATIC] = _typed(given[AUTOMATIC]) | policy.automatic.model_dump(mode="json", by_alias=True)
    if asked or policy.mode is UpgradeMode.ROLLING or AUTOMATIC in result:
        in_force = policy_body(policy.rolling_upgrade_policy or RollingUpgradePolicy())
        result[ROLLING] = {"maxSurge": False} | _typed(asked or {}) | in_force
    return result


def echoed(stored: Json) -> Json:
    """What is shown: the automatic policy always, since `az vmss update --set` needs it there (docs/rules.md K7)."""
    return stored | {AUTOMATIC: stored.get(AUTOMATIC) or OFF}


def without_echo(given: Json, stored: Json, api_version: str) -> Json:
    """`given` without an automatic policy that was only shown and is now put back; else every put back is a change."""
    shown = shaped({"properties": {"upgradePolicy": {AUTOMATIC: OFF}}}, SCALE_SET, api_version)
    if given.get(AUTOMATIC) == shown["properties"]["upgradePolicy"][AUTOMATIC] and not stored.get(AUTOMATIC):
        return {key: value for key, value in given.items() if key != AUTOMATIC}
    return given


def policy_body(policy: RollingUpgradePolicy) -> Json:
    """A rolling upgrade policy; what Azure shows only if it is set appears only if it is."""
    body: Json = policy.model_dump(mode="json", by_alias=True)
    return {key: value for key, value in body.items() if value or key not in ONLY_IF_SET}


def _typed(given: Json) -> Json:
    """Truths that no decision reads, in their type too: templates write them as text. Checked by `check_shape`."""
    truths = {
        key: str(given[key]).lower() == "true" for key in ("maxSurge", "osRollingUpgradeDeferral") if key in given
    }
    return given | truths
