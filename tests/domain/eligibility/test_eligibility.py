from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest

from instar.domain.eligibility.blockers import Blocker
from instar.domain.eligibility.eligibility import change_blockers, model_blockers, start_blockers
from instar.domain.health.sources import HealthSource
from instar.domain.images.images import ImageReference
from instar.domain.machines.instances import Instance
from instar.domain.sets.policies import AutomaticOSUpgradePolicy, RollingUpgradePolicy, UpgradeMode, UpgradePolicy
from instar.domain.sets.scale_sets import ScaleSetModel

IMAGE = ImageReference(publisher="Canonical", offer="UbuntuServer", sku="18.04-LTS", version="latest")
GALLERY = ImageReference(id="/galleries/g/images/i")
PINNED = ImageReference(id="/galleries/g/images/i/versions/1.0.0")
EXTENSION = HealthSource(kind="applicationHealth")
PROBE = HealthSource(kind="loadBalancerProbe", name="/probes/p")
AUTOMATIC = UpgradePolicy(automatic_os_upgrade_policy=AutomaticOSUpgradePolicy(enable_automatic_os_upgrade=True))
WAIT = timedelta(minutes=5)
UPDATES_REFUSED = (
    "windowsConfiguration.enableAutomaticUpdates cannot be set to true if upgradePolicy.automaticOSUpgradePolicy."
    "enableAutomaticOSUpgrade is already true, starting from APIversion 2019-03-01"
)


def model(**changes: Any) -> ScaleSetModel:
    good = ScaleSetModel(generation=1, capacity=3, image=IMAGE, health_sources=(EXTENSION,))
    return good.model_copy(update=changes)


def words(blockers: tuple[Blocker, ...]) -> str:
    return " | ".join(f"{one.code}: {one.message}" for one in blockers)


def slow(interval: int, probes: int) -> HealthSource:
    return EXTENSION.model_copy(update={"interval": timedelta(seconds=interval), "number_of_probes": probes})


@dataclass(frozen=True)
class LoadBalancerProbe:
    """As the load balancer's document says it."""

    interval: timedelta = timedelta(seconds=5)
    threshold: int = 2
    lb_sku: str = "Standard"


@pytest.mark.parametrize(
    "good",
    [
        model(),
        model(capacity=0),
        model(capacity=10_000),
        model(data_disks=64),
        model(image=GALLERY),
        model(image=IMAGE.at("18.04.1")),
        model(image=PINNED),
        model(orchestration_mode="flexible"),
        model(windows=True, windows_updates=True),
        model(patch_modes=("AutomaticByPlatform",)),
        model(single_placement_group=False, health_sources=(PROBE,)),
        model(upgrade_policy=AUTOMATIC, windows=True, windows_updates=False),
        model(upgrade_policy=AUTOMATIC, patch_modes=("AutomaticByOS", "ImageDefault")),
        model(upgrade_policy=AUTOMATIC, single_placement_group=False),
        model(health_sources=()),
        model(health_sources=(PROBE,)),
        model(upgrade_policy=AUTOMATIC),
        model(upgrade_policy=AUTOMATIC, image=GALLERY),
        model(upgrade_policy=AUTOMATIC, health_sources=(PROBE,)),
        model(upgrade_policy=AUTOMATIC, health_sources=(slow(60, 5),)),
        model(health_sources=(slow(60, 24),)),
        model(upgrade_policy=UpgradePolicy(mode=UpgradeMode.ROLLING)),
    ],
)
def test_nothing_stands_against_a_good_model(good: ScaleSetModel) -> None:
    assert model_blockers(good, WAIT) == ()


@pytest.mark.parametrize(
    ("bad", "code", "part"),
    [
        (model(capacity=-1), "InvalidParameter", "'sku.capacity' is -1"),
        (model(capacity=10_001), "InvalidParameter", "from 0 to 10000"),
        (model(data_disks=65), "InvalidParameter", "64 data disks"),
        (model(image=IMAGE.model_copy(update={"offer": ""})), "InvalidParameter", "'imageReference.offer'"),
        (model(health_sources=(slow(4, 1),)), "InvalidParameter", "intervalInSeconds"),
        (model(health_sources=(slow(61, 1),)), "InvalidParameter", "intervalInSeconds"),
        (model(health_sources=(slow(5, 0),)), "InvalidParameter", "numberOfProbes"),
        (model(health_sources=(slow(5, 25),)), "InvalidParameter", "numberOfProbes"),
        (
            model(health_sources=(EXTENSION.model_copy(update={"grace_period": timedelta(seconds=14_401)}),)),
            "InvalidParameter",
            "gracePeriod",
        ),
        (model(health_sources=(EXTENSION, PROBE)), "BadRequest", "one source of application health only"),
        (model(health_sources=(EXTENSION, EXTENSION)), "BadRequest", "one source of application health only"),
        (
            model(upgrade_policy=AUTOMATIC, health_sources=(EXTENSION, PROBE)),
            "BadRequest",
            "because both a health probe and a health extension were provided",
        ),
        (
            model(upgrade_policy=AUTOMATIC, health_sources=()),
            "BadRequest",
            "because a health probe or health extension was not specified",
        ),
        (model(upgrade_policy=AUTOMATIC, image=IMAGE.at("18.04.1")), "BadRequest", "with version set to 'latest'"),
        (
            model(upgrade_policy=AUTOMATIC, image=PINNED),
            "BadRequest",
            "must use Platform or Gallery Image with version set to 'latest'.",
        ),
        (model(image=GALLERY.model_copy(update={"sku": "x"})), "InvalidParameter", "cannot both be given"),
        (model(max_surge=True), "InvalidParameter", "'maxSurge' is not supported by Instar"),
        (model(deferral=True), "InvalidParameter", "no upgrade waits for approval"),
        (model(orchestration_mode="None"), "InvalidParameter", "must be Uniform or Flexible"),
        (
            model(orchestration_mode="Flexible", health_sources=(PROBE,)),
            "InvalidParameter",
            "cannot have a health probe",
        ),
        (
            model(
                orchestration_mode="Flexible",
                upgrade_policy=UpgradePolicy(
                    rolling_upgrade_policy=RollingUpgradePolicy(rollback_failed_instances_on_policy_breach=True)
                ),
            ),
            "InvalidParameter",
            "needs orchestrationMode 'Uniform'",
        ),
        (
            model(upgrade_policy=AUTOMATIC, windows=True, windows_updates=True),
            "BadRequest",
            UPDATES_REFUSED,
        ),
        (
            model(upgrade_policy=AUTOMATIC, patch_modes=("", "automaticByPlatform")),
            "BadRequest",
            "patchMode is 'AutomaticByPlatform'",
        ),
        (model(upgrade_policy=AUTOMATIC, health_sources=(slow(60, 6),)), "BadRequest", "needs 360 seconds"),
        (
            model(upgrade_policy=UpgradePolicy(mode=UpgradeMode.ROLLING), health_sources=()),
            "BadRequest",
            "Rolling Upgrade mode is not supported",
        ),
    ],
)
def test_one_fault_is_one_reason_i3_h1_h2_p6(bad: ScaleSetModel, code: str, part: str) -> None:
    [blocker] = model_blockers(bad, WAIT)
    assert blocker.code == code
    assert part in blocker.message


def test_every_reason_is_told_not_only_the_first() -> None:
    found = model_blockers(model(upgrade_policy=AUTOMATIC, image=IMAGE.at("1.2"), health_sources=(), capacity=-1), WAIT)
    assert len(found) == 3, words(found)


def test_p6_the_limit_is_the_health_wait_that_is_set() -> None:
    enabled = model(upgrade_policy=AUTOMATIC, health_sources=(slow(10, 3),))
    assert model_blockers(enabled, timedelta(seconds=30)) == ()
    assert len(model_blockers(enabled, timedelta(seconds=29))) == 1


SECONDS = timedelta(seconds=1)


@pytest.mark.parametrize(
    ("interval", "threshold", "sku", "part"),
    [
        (119, 2, "Standard", ""),
        (120, 2, "Standard", "it must be less than 120 seconds"),
        (100, 3, "Standard", ""),
        (100, 4, "Standard", "needs 400 seconds for an answer"),
        (5, 2, "standard", ""),
        (5, 2, "Basic", "which needs a health probe of a load balancer of sku Standard"),
    ],
)
def test_h3_p6_what_a_load_balancer_probe_must_be_like(interval: int, threshold: int, sku: str, part: str) -> None:
    probe = LoadBalancerProbe(interval * SECONDS, threshold, sku)
    enabled = model(upgrade_policy=AUTOMATIC, health_sources=(PROBE,), single_placement_group=False)
    found = model_blockers(enabled, WAIT, probe)
    assert [part in one.message for one in found] == ([True] if part else [])
    assert {one.code for one in found} <= {"BadRequest"}
    assert model_blockers(enabled.model_copy(update={"upgrade_policy": UpgradePolicy()}), WAIT, probe) == ()


def test_h3_one_placement_group_is_reached_by_a_basic_load_balancer() -> None:
    for single in (True, None):
        enabled = model(upgrade_policy=AUTOMATIC, health_sources=(PROBE,), single_placement_group=single)
        assert model_blockers(enabled, WAIT, LoadBalancerProbe(lb_sku="Basic")) == ()


@pytest.mark.parametrize(
    ("change", "messages"),
    [
        ({}, []),
        ({"sku": "16.04-LTS"}, []),
        ({"version": "18.04.1"}, []),
        ({"publisher": "CANONICAL", "offer": "ubuntuserver"}, []),
        ({"publisher": "x"}, ["Changing property 'imageReference.publisher' is not allowed."]),
        ({"offer": "x"}, ["Changing property 'imageReference.offer' is not allowed."]),
        (
            {"publisher": "x", "offer": "x"},
            [
                "Changing property 'imageReference.publisher' is not allowed.",
                "Changing property 'imageReference.offer' is not allowed.",
            ],
        ),
        ({"id": "/galleries/g"}, ["The Image type for a Virtual Machine Scale Set may not be changed."]),
    ],
)
def test_i4_what_may_never_change(change: dict[str, str], messages: list[str]) -> None:
    after = model(image=IMAGE.model_copy(update=change))
    found = change_blockers(model(), after, upgrade_running=False)
    assert [one.message for one in found] == messages
    assert {one.code for one in found} <= {"PropertyChangeNotAllowed"}


def test_i4_one_gallery_image_may_follow_another_but_the_kind_stays() -> None:
    other = model(image=ImageReference(id="/galleries/other/images/i"))
    assert change_blockers(model(image=GALLERY), other, upgrade_running=False) == ()
    [blocker] = change_blockers(other, model(), upgrade_running=False)
    assert blocker.message == "The Image type for a Virtual Machine Scale Set may not be changed."


def test_p1_a_gallery_image_does_not_change_during_an_upgrade() -> None:
    for after in (PINNED, ImageReference(id="/galleries/g/images/other")):
        [blocker] = change_blockers(model(image=GALLERY), model(image=after), upgrade_running=True)
        assert blocker.code == "OperationNotAllowed"
    same = model(image=ImageReference(id=GALLERY.id.upper(), version="latest"))
    assert change_blockers(model(image=GALLERY), same, upgrade_running=True) == ()


@pytest.mark.parametrize("change", [{"sku": "16.04-LTS"}, {"version": "18.04.1"}])
def test_p1_the_image_does_not_change_during_an_upgrade(change: dict[str, str]) -> None:
    after = model(image=IMAGE.model_copy(update=change))
    [blocker] = change_blockers(model(), after, upgrade_running=True)
    assert blocker.code == "OperationNotAllowed"
    assert change_blockers(model(), model(capacity=9), upgrade_running=True) == ()


def machine(number: int, *, protected: bool) -> Instance:
    return Instance(instance_id=str(number), vm_id="v", os_disk=None, generation=1, protected=protected)


def test_b6_a_start_needs_latest_and_an_unprotected_instance() -> None:
    free, kept = machine(0, protected=False), machine(1, protected=True)
    assert start_blockers(model(), [free, kept]) == ()
    assert start_blockers(model(image=GALLERY), [free]) == ()
    for refused in (
        start_blockers(model(), []),
        start_blockers(model(), [kept]),
        start_blockers(model(image=IMAGE.at("1.2")), [free]),
    ):
        assert [one.code for one in refused] == ["OperationNotAllowed"]
        assert "some unprotected instances which have imageReference.version set to latest" in refused[0].message
