"""When a set asks whether kept disks have had their time, and what becomes of a wish to go back (P5, R1, C1, C5)."""

from datetime import timedelta

from instar.domain.lifecycle import requests, results, upgrades
from instar.domain.lifecycle.next_step import due_for_collection, next_moment
from instar.domain.lifecycle.state import Asked, Begun, EndedUpgrade, Free, Rolling, RunningUpgrade, ScaleSetState
from instar.domain.machines.actions import ActionKind
from instar.domain.messages.instance_actions import InstanceAction, ModelChange
from instar.domain.messages.scale_set import CancelUpgrade, Collected, UpgradeEnded
from instar.domain.records.operations import OperationStatus
from instar.domain.records.upgrades import UpgradeKind, UpgradeStatus
from instar.domain.sets.policies import StartedBy
from tests.domain.lifecycle.driver import IMAGE, NOON, PLAN, Driver

DAY = timedelta(days=1)
ENDED = EndedUpgrade(number=1, ended_at=NOON, key="a")


def with_kept(**facts: object) -> ScaleSetState:
    return Driver().state.model_copy(update={"collect": (ENDED,), **facts})


def rolling(kind: UpgradeKind = UpgradeKind.OS_UPGRADE) -> Rolling:
    running = RunningUpgrade(
        number=2,
        workflow_id="w",
        operation_id="started",
        started_by=StartedBy.USER,
        target=IMAGE,
        kind=kind,
        key="drawn",
    )
    return Rolling(upgrade=running, look_after_at=NOON + 9 * DAY)


def test_p5_kept_disks_are_asked_about_when_their_day_is_over() -> None:
    state = with_kept()
    assert next_moment(state) == NOON + DAY
    assert due_for_collection(state, NOON + DAY - timedelta(seconds=1)) == ()
    assert due_for_collection(state, NOON + DAY) == (1,)


def test_c1_nothing_is_asked_while_something_rolls() -> None:
    state = with_kept(lock=rolling())
    assert due_for_collection(state, NOON + 5 * DAY) == ()
    assert next_moment(state) == NOON + 9 * DAY, "and nothing wakes the set up for it"


def test_r1_what_the_answer_said_is_what_is_done_next() -> None:
    later = results.collected(with_kept(), Collected(ask_at=NOON + 3 * DAY, keep=3 * DAY))
    assert (later.collect, next_moment(later)) == ((ENDED,), NOON + 3 * DAY)
    fresh = results.put_aside(later, EndedUpgrade(number=2, ended_at=NOON + DAY))
    assert next_moment(fresh) == NOON + 3 * DAY
    gone = results.collected(fresh, Collected(numbers=(1, 2), keep=3 * DAY))
    assert (gone.collect, next_moment(gone)) == ((), None)
    after = results.put_aside(gone, EndedUpgrade(number=3, ended_at=NOON + 9 * DAY))
    assert next_moment(after) == NOON + 12 * DAY, "as it heard last"
    told = requests.disks_asked_about(after, NOON + 10 * DAY)
    assert due_for_collection(told, NOON + 10 * DAY) == (3,)


def test_r1_a_set_that_keeps_nothing_is_not_woken_up() -> None:
    state = Driver().state
    assert requests.disks_asked_about(state, NOON) == state


def ended(number: int = 2) -> UpgradeEnded:
    return UpgradeEnded(number=number, ended_at=NOON, status=UpgradeStatus.CANCELLED, error_code="x", reason="c")


def asked(*wishes: tuple[str, bool]) -> ScaleSetState:
    state = Driver().state.model_copy(update={"lock": rolling(), "last_number": 2})
    for operation, revert in wishes:
        request = CancelUpgrade(operation_id=operation, revert=revert, reason="bad", by="ann")
        state = requests.cancel(state, request, NOON)
    return state


def test_c5_the_lock_goes_from_the_upgrade_to_its_undoing() -> None:
    state = asked(("plain", False), ("back", True), ("back", True), ("again", True))
    assert {"plain", "back", "again"} <= set(requests.operations_in_hand(state))
    after = upgrades.upgrade_ended(state, ended(), NOON)
    start = after.start_asked
    assert start is not None
    assert (start.number, start.operations) == (3, ("back", "again"))
    assert start.wishes is not None
    wishes = start.wishes
    key = f"{state.scale_set.unique_id}/2/drawn"
    assert (wishes.goes_back, wishes.undoes, wishes.reason, wishes.by) == (True, key, "bad", "ann")
    assert [one.operation_id for one in after.ends] == ["plain"]
    assert {"back", "again"} <= set(requests.operations_in_hand(after))
    assert upgrades.upgrade_ended(after, ended(), NOON) == after, "a word that comes twice changes nothing"


def test_c5_nothing_to_go_back_ends_well() -> None:
    after = upgrades.start_refused(upgrades.upgrade_ended(asked(("back", True)), ended(), NOON), 3, "", NOON)
    assert isinstance(after.lock, Free)
    assert [(one.operation_id, one.status) for one in after.ends] == [("back", OperationStatus.SUCCEEDED)]


def test_t5_the_end_of_a_rollback_says_something_of_a_version_only_if_all_went_well() -> None:
    state = Driver().state.model_copy(update={"lock": rolling(UpgradeKind.ROLLBACK), "last_number": 2})
    bad = state.automatic.quarantine.left([IMAGE.version], 1, 1, "bad", NOON)
    state = state.model_copy(update={"automatic": state.automatic.model_copy(update={"quarantine": bad})})
    assert upgrades.upgrade_ended(state, ended(), NOON).automatic.quarantine == bad
    well = ended().model_copy(update={"status": UpgradeStatus.COMPLETED, "error_code": ""})
    assert upgrades.upgrade_ended(state, well, NOON).automatic.quarantine.versions == ()


def test_p5_f7_what_an_interrupted_action_put_aside_is_collected_by_its_own_key() -> None:
    action = InstanceAction(operation_id="reimage", kind=ActionKind.REIMAGE, everyone=True)
    begun = Begun(at=NOON, number=2, key="drawn")
    state = with_kept(actions=(Asked(action=action, begun=begun),), collect_at=NOON + 9 * DAY)
    after = results.brought(state, ModelChange(plan=PLAN, generation=2, rolling=True), ("put",), NOON)
    assert after.actions == ()
    assert after.collect == (ENDED, EndedUpgrade(number=2, ended_at=NOON, key="drawn"))
    assert after.collect_at == NOON + DAY, "sooner than what else is kept"
