"""A set for which looks are made never forgets to look by itself (docs/rules.md T1, T2, T3, F10)."""

from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from hypothesis import example, given
from hypothesis import strategies as st

from instar.domain.delays import Delays
from instar.domain.lifecycle import requests, results, upgrades
from instar.domain.lifecycle.next_step import next_step
from instar.domain.lifecycle.state import Automatic, Free, RunningUpgrade, ScaleSetState
from instar.domain.lifecycle.status import status_of
from instar.domain.lifecycle.steps import Look
from instar.domain.messages.scale_set import (
    ApplyModel,
    CancelUpgrade,
    DeleteScaleSet,
    Resolution,
    StartUpgrade,
    UpgradeEnded,
)
from instar.domain.records.upgrades import UpgradeStatus
from instar.domain.sets.policies import StartedBy
from tests.domain.lifecycle.driver import IMAGE, NOON, WEB

BY_ITSELF_AT_MOST = timedelta(days=3)
NOTHING = Resolution(plan=None, reason="nothing newer")


@dataclass
class Set:
    """One set whose first trigger is over, and the time."""

    state: ScaleSetState = field(
        default_factory=lambda: ScaleSetState(
            scale_set=WEB, automatic=Automatic(enabled=True, first_trigger_at=NOON, first_trigger_done=True)
        )
    )
    now: datetime = NOON
    count: int = 0

    def do(self, what: str) -> None:
        self.count += 1
        with suppress(requests.Refused):
            self.state = getattr(self, what)()
        self.state = results.with_next_look(self.state, self.now, 0.999)

    def look(self, *, watched: bool = True) -> ScaleSetState:
        if not isinstance(self.state.lock, Free) or not self.state.automatic.enabled:
            return self.state
        this = results.Looking(self.now, self.state.automatic.next_look_at, 0.999)
        return results.looked(self.state, NOTHING.model_copy(update={"watched": watched}), this, self.now)

    def look_alone(self) -> ScaleSetState:
        return self.look(watched=False)

    def told(self) -> ScaleSetState:
        return requests.told_to_look(self.state, self.now)

    def nudge(self) -> ScaleSetState:
        return requests.nudged(self.state, self.now, 0.5)

    def on(self) -> ScaleSetState:
        return self._model(automatic=True)

    def off(self) -> ScaleSetState:
        return self._model(automatic=False)

    def _model(self, *, automatic: bool) -> ScaleSetState:
        asked = ApplyModel(generation=self.count, operation_id=f"put-{self.count}", automatic=automatic)
        return requests.apply_model(self.state, asked, self.now)

    def start(self) -> ScaleSetState:
        return requests.start(self.state, StartUpgrade(operation_id=f"start-{self.count}"))

    def cancel(self) -> ScaleSetState:
        return requests.cancel(self.state, CancelUpgrade(operation_id=f"cancel-{self.count}"), self.now)

    def begin(self) -> ScaleSetState:
        if self.state.running:
            return self.state
        running = RunningUpgrade(
            number=self.count, workflow_id="w", operation_id="o", started_by=StartedBy.USER, target=IMAGE
        )
        return upgrades.upgrade_begun(self.state, running, self.now)

    def end(self) -> ScaleSetState:
        number = self.state.running.number if self.state.running else 0
        ended = UpgradeEnded(number=number, ended_at=self.now, status=UpgradeStatus.COMPLETED)
        return upgrades.upgrade_ended(self.state, ended, self.now)

    def delete(self) -> ScaleSetState:
        return requests.delete(self.state, DeleteScaleSet(operation_id=f"delete-{self.count}"), self.now)

    def an_hour(self) -> ScaleSetState:
        self.now += timedelta(hours=1)
        return self.state


OFTEN = ("look", "look_alone", "told", "nudge", "on", "off", "start", "cancel", "begin", "end", "an_hour")


@given(st.lists(st.sampled_from((*OFTEN, "delete")), max_size=30))
@example(["look", "begin", "end"])
@example(["look", "start", "cancel"])
@example(["look", "off", "on"])
def test_t2_f10_whatever_is_asked_of_it_a_free_set_looks_by_itself_within_three_days(asked: list[str]) -> None:
    one = Set()
    for what in asked:
        one.do(what)
        state, automatic = one.state, one.state.automatic
        if automatic.watched:
            assert automatic.enabled
            assert not state.running, "the row of a set that upgrades is taken away"
            assert status_of(state).next_look_at is None, "readers are told of the looks that are made for it"
        if not automatic.enabled or state.deletion or not isinstance(state.lock, Free):
            continue
        assert automatic.next_look_at is not None
        longest = BY_ITSELF_AT_MOST if automatic.watched else Delays().look_most
        assert automatic.next_look_at <= one.now + longest


@given(st.lists(st.sampled_from(OFTEN), max_size=30))
def test_t2_told_to_it_looks_as_the_next_step_once_it_is_free(asked: list[str]) -> None:
    one = Set()
    for what in asked:
        one.do(what)
    one.do("told")
    state = one.state
    settled = state.model_copy(
        update={"recorded": status_of(state), "ends": (), "model": state.model.model_copy(update={"open": ()})}
    )
    settled = settled.model_copy(
        update={"model": settled.model.model_copy(update={"applied_generation": settled.model.generation})}
    )
    if settled.automatic.enabled and isinstance(settled.lock, Free):
        assert next_step(settled, one.now) == Look()


def test_t2_readers_hear_nothing_new_of_a_set_that_is_told_and_finds_nothing() -> None:
    one = Set()
    one.do("look")
    before = status_of(one.state)
    one.do("told")
    assert status_of(one.state) == before
    one.do("look")
    assert status_of(one.state).next_look_at is None


def test_t2_a_word_during_a_look_has_it_look_again_within_minutes() -> None:
    one = Set()
    one.do("look")
    this = results.Looking(one.now, one.state.automatic.next_look_at, 0.5)
    one.do("told")
    watched = NOTHING.model_copy(update={"watched": True})
    after = results.looked(one.state, watched, this, one.now + timedelta(seconds=1)).automatic
    assert after.next_look_at is not None
    assert after.next_look_at <= one.now + timedelta(minutes=5)
    assert not after.watched


def test_f8_a_state_of_before_is_read_and_one_of_now_is_as_small() -> None:
    assert "watched" not in Automatic().model_dump()
    assert Automatic.model_validate(Automatic(watched=True).model_dump()).watched
    assert "look_by_itself" not in Delays().model_dump(), "a worker of before refuses what it does not know"
    assert Delays.model_validate({"look_by_itself": "P3D"}).model_dump(mode="json")["look_by_itself"] == "P3D"


def test_t2_a_start_that_was_cancelled_before_it_began_may_have_ended_the_looks_that_are_made() -> None:
    one = Set()
    for what in ("look", "start", "cancel"):
        one.do(what)
    assert not one.state.automatic.watched
    assert one.state.automatic.next_look_at is not None
    assert one.state.automatic.next_look_at <= one.now + Delays().look_most
