"""What becomes of a held set once its records have taken over what its machines have (docs/rules.md F7)."""

from datetime import UTC, datetime, timedelta

import pytest

from instar.domain.delays import Delays
from instar.domain.images.images import ImageReference
from instar.domain.lifecycle import actions, requests, results, upgrades
from instar.domain.lifecycle.lessons import learned
from instar.domain.lifecycle.next_step import next_step
from instar.domain.lifecycle.state import Deletion, EndedUpgrade, Model, Rolling, RunningUpgrade, ScaleSetState
from instar.domain.lifecycle.status import status_of
from instar.domain.lifecycle.steps import ApplyCapacity, Record
from instar.domain.machines.instance_ids import InstanceIds
from instar.domain.messages.instance_actions import Chosen
from instar.domain.messages.reconciliation import OperationOfDisks, Reconcile
from instar.domain.messages.scale_set import UpgradeEnded
from instar.domain.records.quarantine import Quarantine
from instar.domain.records.upgrades import ErrorCode, UpgradeStatus
from instar.domain.sets.policies import StartedBy, UpgradeMode
from instar.domain.sets.scale_sets import ScaleSetIdentity
from tests.domain.lifecycle.driver import Driver

NOON = datetime(2026, 11, 27, 12, tzinfo=UTC)
WEB = ScaleSetIdentity(resource_id="/web", name="web", unique_id="u", location="here")
TARGET = ImageReference(publisher="Canonical", offer="UbuntuServer", sku="18.04-LTS", version="18.04.2")
HELD = ScaleSetState(
    scale_set=WEB,
    last_number=1,
    held="the records are old",
    model=Model(generation=2, machine_generation=1, applied_generation=2),
    collect=(EndedUpgrade(number=1, ended_at=NOON - timedelta(hours=1), key="a"),),
)


def running(number: int = 1, key: str = "a", started_by: StartedBy = StartedBy.PLATFORM) -> RunningUpgrade:
    return RunningUpgrade(
        number=number, workflow_id="w", operation_id="o", started_by=started_by, target=TARGET, key=key
    )


def reconcile(state: ScaleSetState = HELD, *collect: OperationOfDisks) -> ScaleSetState:
    request = Reconcile(
        operation_id="r",
        last_number=5,
        generation=7,
        machine_generation=1,
        mode=UpgradeMode.ROLLING,
        automatic=True,
        collect=collect,
    )
    return requests.reconcile(state, request, NOON)


def test_f7_numbers_go_on_above_all_that_machines_have_seen_and_the_set_is_held_no_more() -> None:
    state = reconcile()
    assert (state.last_number, state.held) == (5, "")
    assert (
        requests.reconcile(
            state, Reconcile(operation_id="s", last_number=3, generation=7, machine_generation=1), NOON
        ).last_number
        == 5
    )
    assert status_of(HELD).held == "the records are old"
    assert isinstance(next_step(HELD, NOON), Record), "readers are told first"


def test_f7_the_model_is_the_one_that_was_stored_and_its_capacity_is_looked_at_once_more() -> None:
    state = reconcile()
    model = state.model
    assert (model.generation, model.machine_generation, model.mode) == (7, 1, UpgradeMode.ROLLING)
    assert state.automatic.enabled
    told = results.recorded(state, status_of(state))
    assert next_step(told, NOON) == ApplyCapacity(7)
    assert model.waiting == (), "no instance is brought to it for that"


def test_f7_disks_that_no_record_knew_wait_their_time_and_those_of_what_runs_are_left_alone() -> None:
    state = HELD.model_copy(update={"lock": Rolling(upgrade=running(), look_after_at=NOON)})
    after = reconcile(
        state,
        OperationOfDisks(number=1, key="a"),
        OperationOfDisks(number=3, key="x"),
        OperationOfDisks(number=2),
    )
    assert [(one.number, one.key, one.ended_at) for one in after.collect[1:]] == [(3, "x", NOON), (2, "", NOON)]
    assert reconcile(after, OperationOfDisks(number=3, key="x")).collect == after.collect


def test_f7_two_operations_of_one_number_are_collected_together_and_none_too_early() -> None:
    after = reconcile(HELD, OperationOfDisks(number=1, key="b"))
    assert [(one.key, one.ended_at) for one in after.collect] == [("a", NOON), ("b", NOON)]
    assert [one.key for one in results.to_collect(after, [1])] == ["a", "b"]


def test_f7_a_set_in_deletion_is_not_reconciled() -> None:
    with pytest.raises(requests.Refused, match="being deleted"):
        reconcile(HELD.model_copy(update={"deletion": Deletion(operations=("d",))}))


@pytest.mark.parametrize("started_by", list(StartedBy))
def test_f7_an_end_by_old_records_quarantines_nothing_and_holds_the_set(started_by: StartedBy) -> None:
    ended = UpgradeEnded(
        number=1,
        ended_at=NOON,
        status=UpgradeStatus.FAULTED,
        error_code=ErrorCode.RECORDS_BEHIND,
        reason="stopped: the records are older",
        generation=1,
        left_behind=InstanceIds(ranges="0-3"),
    )
    upgrade = running(started_by=started_by)
    lesson = learned(upgrade, ended, Quarantine(), None, Delays())
    assert lesson.quarantine == Quarantine()
    state = HELD.model_copy(update={"held": "", "lock": Rolling(upgrade=upgrade, look_after_at=NOON)})
    after = upgrades.upgrade_ended(state, ended, NOON)
    assert after.held == "stopped: the records are older"
    assert after.running is None


def test_f7_an_action_is_known_by_the_key_that_was_drawn_outside_of_its_workflow() -> None:
    """A workflow that is put back from a backup draws the same again."""
    set_ = Driver()
    operation = set_.act()
    set_.state = actions.begun(set_.state, operation, set_.now, "drawn by the workflow")
    set_.state = actions.chosen(set_.state, operation, Chosen(ids=InstanceIds(ranges="0"), key="drawn outside"))
    asked = actions.asked(set_.state, operation)
    assert asked is not None
    assert asked.begun is not None
    assert asked.begun.key == "drawn outside"
