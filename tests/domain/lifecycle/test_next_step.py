"""What a set does next, and what it drops for it (docs/rules.md F10, P15, P1)."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from instar.domain.lifecycle import actions, requests, upgrades
from instar.domain.lifecycle.next_step import PATIENCE, next_step
from instar.domain.lifecycle.status import status_of
from instar.domain.lifecycle.steps import (
    URGENCY,
    Act,
    ApplyCapacity,
    Begin,
    Bring,
    Collect,
    Delete,
    EndOperations,
    Leave,
    Look,
    LookAfter,
    Record,
    Step,
    TellUpgrade,
    Wait,
)
from instar.domain.machines.actions import ActionKind
from instar.domain.messages.scale_set import StartUpgrade
from instar.domain.sets.policies import UpgradeMode
from tests.domain.lifecycle.driver import NOON, Driver

TAKES_NO_MACHINE = (EndOperations, TellUpgrade, LookAfter, Record, Wait, Leave)


def stuck_in_capacity(set_: Driver) -> None:
    set_.put()
    assert isinstance(set_.step, ApplyCapacity)


def stuck_in_an_action(set_: Driver) -> None:
    set_.act()
    assert isinstance(set_.step, Act)


def stuck_in_a_start(set_: Driver) -> None:
    set_.start()
    assert isinstance(set_.step, Begin)


def stuck_in_bringing(set_: Driver) -> None:
    set_.put(UpgradeMode.AUTOMATIC)
    set_.carry_out()
    assert isinstance(set_.step, Bring)


def stuck_in_a_look(set_: Driver) -> None:
    set_.put(automatic=True)
    set_.settle()
    set_.now += timedelta(hours=3)
    assert isinstance(set_.step, Look)


def stuck_in_a_collection(set_: Driver) -> None:
    set_.act()
    set_.settle()
    set_.now += timedelta(days=2)
    assert isinstance(set_.step, Collect)


STUCK = [
    stuck_in_capacity,
    stuck_in_an_action,
    stuck_in_a_start,
    stuck_in_bringing,
    stuck_in_a_look,
    stuck_in_a_collection,
]


@pytest.mark.parametrize("stuck", STUCK)
def test_f10_a_deletion_waits_for_no_machine_whatever_the_set_is_at(stuck: Callable[[Driver], None]) -> None:
    set_ = Driver()
    stuck(set_)
    deletion = set_.delete()
    while not isinstance(set_.step, Delete):
        assert isinstance(set_.step, TAKES_NO_MACHINE)
        set_.carry_out()
    set_.settle()
    assert set_.gone
    assert set_.ended[deletion] == 1
    assert set_.ended.keys() == set(set_.accepted)


@pytest.mark.parametrize("stuck", STUCK)
def test_f10_a_newer_model_waits_for_no_machine_whatever_the_set_is_at(stuck: Callable[[Driver], None]) -> None:
    set_ = Driver()
    stuck(set_)
    set_.put()
    newest = set_.state.model.generation
    while isinstance(set_.step, TAKES_NO_MACHINE):
        set_.carry_out()
    assert set_.step == ApplyCapacity(newest)
    set_.settle()
    assert set_.ended.keys() == set(set_.accepted)


@pytest.mark.parametrize("stuck", [stuck_in_capacity, stuck_in_an_action, stuck_in_a_look])
def test_f10_a_cancel_of_a_running_upgrade_waits_for_no_machine(stuck: Callable[[Driver], None]) -> None:
    set_ = Driver()
    set_.start()
    set_.carry_out()
    if stuck is stuck_in_an_action:
        set_.act(ActionKind.DELETE)
    elif stuck is stuck_in_capacity:
        set_.put()
    set_.cancel()
    assert set_.step == TellUpgrade(1)


def test_p14_where_one_upgrade_is_meant_no_other_is_cancelled() -> None:
    set_ = Driver()
    set_.start()
    before = set_.state
    assert not set_.cancel(2), "1 has not begun yet, and is not meant"
    assert set_.state == before
    set_.carry_out()
    running = set_.state
    assert not set_.cancel(2)
    assert set_.state == running
    assert set_.cancel(1)
    assert set_.step == TellUpgrade(1)


def test_f10_what_was_interrupted_comes_back_where_it_was() -> None:
    set_ = Driver()
    set_.act()
    interrupted = set_.step
    set_.put()
    assert set_.carry_out() == ApplyCapacity(1)
    assert set_.carry_out() == EndOperations()
    assert set_.step == interrupted


@pytest.mark.parametrize("mode", [UpgradeMode.AUTOMATIC, UpgradeMode.ROLLING])
def test_f10_a_changed_model_waits_for_an_action_that_hangs_but_not_for_long(mode: UpgradeMode) -> None:
    set_ = Driver()
    action = set_.act()
    hanging = set_.step
    set_.state = actions.begun(set_.state, action, set_.now)
    put = set_.put(mode)
    set_.carry_out()
    assert set_.step == hanging
    set_.now += PATIENCE
    assert isinstance(set_.step, Bring)
    set_.settle()
    assert set_.ended == {action: 1, put: 1}


def test_f10_a_set_that_is_left_alone_only_waits() -> None:
    set_ = Driver()
    assert next_step(set_.state, NOON) == Wait(None)


def test_p15_a_deletion_waits_for_the_end_of_an_upgrade_and_for_nothing_else() -> None:
    set_ = Driver()
    set_.start()
    set_.carry_out()
    set_.delete()
    assert set_.carry_out() == TellUpgrade(1)
    waits = set_.step
    assert isinstance(waits, Wait)
    set_.end_upgrade()
    assert set_.step == Delete()


def test_p15_f1_a_terminated_upgrade_does_not_keep_a_set_from_being_deleted() -> None:
    set_ = Driver()
    started = set_.start()
    set_.carry_out()
    set_.delete()
    set_.carry_out()
    set_.carry_out()
    assert set_.step == LookAfter(1)
    set_.carry_out(well=False)
    set_.settle()
    assert set_.gone
    assert set_.ended[started] == 1


def test_p1_what_instances_are_brought_to_waits_for_the_upgrade_that_runs() -> None:
    set_ = Driver()
    set_.start()
    set_.carry_out()
    put = set_.put(UpgradeMode.ROLLING)
    set_.carry_out()
    assert isinstance(set_.step, Wait)
    assert put not in set_.ended
    set_.end_upgrade()
    assert isinstance(set_.step, Bring)


REQUESTS: list[Callable[[Driver], object]] = [
    Driver.start,
    Driver.cancel,
    Driver.delete,
    Driver.put,
    lambda set_: set_.put(UpgradeMode.ROLLING),
    lambda set_: set_.put(UpgradeMode.AUTOMATIC, automatic=True),
    Driver.act,
    lambda set_: set_.act(ActionKind.DELETE),
    Driver.end_upgrade,
]
WELL: Callable[[Driver], object] = Driver.carry_out


def badly(set_: Driver) -> None:
    set_.carry_out(well=False)


@settings(max_examples=400, deadline=None)
@given(st.lists(st.sampled_from([*REQUESTS, WELL, WELL, WELL, badly]), max_size=40))
def test_f6_f10_every_accepted_operation_ends_once_whatever_is_asked_and_whatever_goes_wrong(
    events: list[Callable[[Driver], object]],
) -> None:
    set_ = Driver()
    for event in events:
        if not set_.gone:
            event(set_)
    set_.settle()
    assert {one: count for one, count in set_.ended.items() if count != 1} == {}
    assert set(set_.ended) == set(set_.accepted)
    assert set_.state.ends == ()


@settings(max_examples=400, deadline=None)
@given(st.lists(st.sampled_from([*REQUESTS, WELL, WELL, badly]), max_size=30), st.sampled_from(REQUESTS))
def test_f10_a_request_never_makes_less_urgent_what_is_under_way(
    events: list[Callable[[Driver], object]], request_: Callable[[Driver], object]
) -> None:
    set_ = Driver()
    for event in events:
        if not set_.gone:
            event(set_)
    before = set_.step
    request_(set_)
    after = set_.step
    no_more_wanted = isinstance(before, Record | Look | Begin | LookAfter | TellUpgrade | Collect)
    assert after == before or no_more_wanted or URGENCY.index(type(after)) <= URGENCY.index(type(before))


@settings(max_examples=200, deadline=None)
@given(st.lists(st.sampled_from([*REQUESTS, WELL, WELL, badly]), max_size=30))
def test_f10_whatever_happened_before_a_deletion_comes_through(events: list[Callable[[Driver], object]]) -> None:
    set_ = Driver()
    for event in events:
        if not set_.gone:
            event(set_)
    if set_.gone:
        return
    set_.delete()
    while not set_.gone:
        if isinstance(set_.step, Wait):
            set_.end_upgrade()
        assert isinstance(set_.step, (*TAKES_NO_MACHINE, Delete))
        set_.carry_out()


def test_every_step_has_its_urgency_and_its_reason() -> None:
    assert set(URGENCY) == set(TAKES_NO_MACHINE) | {Delete, ApplyCapacity, Act, Begin, Bring, Look, Collect}
    steps: list[Step] = [
        Act("op", "restart"),
        ApplyCapacity(2),
        Begin(1),
        Bring(2),
        Collect((1,)),
        Delete(),
        EndOperations(),
    ]
    steps += [Leave(), Look(), LookAfter(1), Record(), TellUpgrade(1), Wait(None)]
    assert {type(one) for one in steps} == set(URGENCY)
    assert all(one.reason for one in steps)


def test_f1_a_look_after_an_upgrade_that_ended_meanwhile_does_not_free_the_lock_of_a_newer_one() -> None:
    set_ = Driver()
    set_.start()
    set_.carry_out()
    looked_after = set_.state.running
    assert looked_after is not None
    set_.end_upgrade()
    set_.start()
    while set_.state.running is None:
        set_.carry_out()
    newer = set_.state
    assert upgrades.upgrade_closed(newer, looked_after, "TERMINATED", set_.now) == newer


def test_f2_answers_are_kept_for_more_than_the_newest_start() -> None:
    set_ = Driver()
    requests_ = [StartUpgrade(operation_id=f"start-{number}") for number in range(5)]
    for request in requests_:
        set_.state = requests.start(set_.state, request)
        while set_.state.running is None:
            set_.carry_out()
        set_.end_upgrade()
        set_.settle()
    numbers = [one.number for one in set_.state.answered]
    for request in requests_:
        assert requests.start(set_.state, request) == set_.state
    assert numbers == [1, 2, 3, 4, 5]


def test_a4_a_stale_record_is_written_before_the_set_does_anything_that_can_wait() -> None:
    set_ = Driver()
    set_.put(automatic=True)
    assert isinstance(set_.step, Record)
    for _ in range(20):
        set_.carry_out()
        if isinstance(set_.step, Wait):
            assert set_.state.recorded == status_of(set_.state)
