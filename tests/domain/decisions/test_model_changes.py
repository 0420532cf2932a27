"""Who is on the model already, who keeps its disk, and whom an action concerns."""

from dataclasses import replace
from typing import Any

import pytest

from instar.domain.decisions.enrolment import enrol, is_current
from instar.domain.decisions.instance_actions import chosen
from instar.domain.decisions.model_changes import is_on_model, keeps_its_disk, needs_image
from instar.domain.images.images import ImageReference
from instar.domain.machines.actions import ActionKind
from instar.domain.machines.instance_ids import InstanceIds
from instar.domain.machines.instances import InstanceView, OsDisk
from instar.domain.machines.machine_part import machine_part
from instar.domain.messages.instance_actions import InstanceAction
from instar.domain.records.progress import Outcome
from instar.domain.records.upgrades import UpgradeKind
from instar.domain.sets.policies import StartedBy
from tests.support.looks import IMAGE, look, plan, view

FOLLOWING = plan().model_copy(update={"kind": UpgradeKind.MODEL_CHANGE, "generation": 2, "any_version": True})
EXACT = FOLLOWING.model_copy(update={"any_version": False})
OTHER_SKU = ImageReference(publisher="Canonical", offer="UbuntuServer", sku="20.04-LTS", version="2.0.0")


def on(image: ImageReference, generation: int = 2) -> InstanceView:
    found = view(0, generation=generation)
    return InstanceView(replace(found.instance, os_disk=OsDisk("disk", image)), found.health)


@pytest.mark.parametrize(
    ("image", "exact", "keeps"),
    [
        (IMAGE, False, True),
        (IMAGE.at("1.0.0"), False, True),
        (IMAGE.at("1.0.0"), True, False),
        (IMAGE, True, True),
        (IMAGE.model_copy(update={"sku": "18.04-lts"}), True, True),
        (OTHER_SKU, False, False),
    ],
)
def test_2_5_a_disk_stays_unless_the_image_must_change(image: ImageReference, exact: bool, keeps: bool) -> None:
    wished = EXACT if exact else FOLLOWING
    assert keeps_its_disk(on(image).instance, wished) is keeps
    assert is_on_model(on(image).instance, wished) is keeps
    assert not is_on_model(on(image, generation=1).instance, wished)
    assert needs_image([on(image).instance], wished) is not keeps


def test_an_os_upgrade_never_keeps_a_disk() -> None:
    assert not keeps_its_disk(on(IMAGE).instance, plan())


def test_p12_a_model_change_and_an_os_upgrade_differ_in_who_is_current() -> None:
    older = on(IMAGE.at("1.0.0"))
    assert is_current(older, FOLLOWING)
    assert not is_current(older, plan().model_copy(update={"generation": 2}))


def test_p16_enrolment_for_a_model_change() -> None:
    views = (view(0, generation=2), view(1, generation=1), view(2, generation=1, protected=True))
    progress = enrol(look(*views), FOLLOWING, StartedBy.USER)
    assert progress.of(Outcome.CURRENT).ranges == "0"
    assert progress.of(Outcome.PENDING).ranges == "1"
    assert progress.of(Outcome.SKIPPED).ranges == "2"


@pytest.mark.parametrize(
    "change",
    [
        {"tags": {"a": "b"}},
        {"sku": {"name": "B2", "capacity": 99}},
        {"properties": {"upgradePolicy": {"mode": "Rolling"}, "virtualMachineProfile": {"userData": "x"}}},
        {
            "properties": {
                "virtualMachineProfile": {
                    "userData": "x",
                    "scheduledEventsProfile": {"terminateNotificationProfile": {"enable": True}},
                    "osProfile": {"windowsConfiguration": {"enableAutomaticUpdates": False}},
                }
            }
        },
    ],
)
def test_machines_do_not_see(change: dict[str, Any]) -> None:
    base = {"sku": {"name": "B2", "capacity": 3}, "properties": {"virtualMachineProfile": {"userData": "x"}}}
    assert machine_part(base | change) == machine_part(base)


@pytest.mark.parametrize(
    "change",
    [
        {"zones": ["1"]},
        {"sku": {"name": "B4", "capacity": 3}},
        {"properties": {"virtualMachineProfile": {"userData": "y"}}},
        {"properties": {}},
    ],
)
def test_machines_see(change: dict[str, Any]) -> None:
    base = {"sku": {"name": "B2", "capacity": 3}, "properties": {"virtualMachineProfile": {"userData": "x"}}}
    assert machine_part(base | change) != machine_part(base)


def action(*ids: str, on_instance: bool = False) -> InstanceAction:
    return InstanceAction(
        operation_id="o",
        kind=ActionKind.REIMAGE,
        ids=InstanceIds.of(ids),
        everyone=not ids,
        on_instance=on_instance,
    )


def test_1_7_what_is_asked_of_the_set_exempts_the_protected_named_or_not() -> None:
    instances = [view(0).instance, view(1, protected=True).instance, view(2).instance]
    assert chosen(action(), instances).ids.ranges == "0,2"
    assert chosen(action("1", "2"), instances).ids.ranges == "2"
    assert "1 left out: protected" in chosen(action("1", "2"), instances).reason
    assert chosen(action("1", on_instance=True), instances).ids.ranges == "1"


def test_unknown_ids_are_an_error_and_nothing_is_chosen() -> None:
    found = chosen(action("0", "7", "9"), [view(0).instance])
    assert found.error == "instances that do not exist (any more): 7,9"
    assert not found.ids
