"""Who belongs to an upgrade, and who is left out and why."""

from instar.domain.decisions.enrolment import PROTECTED, SKIPS, enrol, enrolled_anew, left_out_sentence
from instar.domain.machines.instances import HealthState
from instar.domain.records.progress import Outcome, Progress
from instar.domain.sets.policies import StartedBy
from tests.support.looks import look, plan, view

SICK = HealthState.UNHEALTHY


def test_b6_protected_instances_are_left_out_with_their_reason() -> None:
    progress = enrol(look(view(0), view(1, protected=True)), plan(), StartedBy.USER)
    assert progress.of(Outcome.SKIPPED).ranges == "1"
    assert progress.of(Outcome.PENDING).ranges == "0"
    assert {reason: ids.ranges for reason, ids in progress.left_out.items()} == {PROTECTED: "1"}
    assert left_out_sentence(progress) == f"1 left out (1: {PROTECTED})"


def test_b6_one_that_comes_under_protection_later_is_left_out_then() -> None:
    progress = enrol(look(view(0), view(1)), plan(), StartedBy.USER)
    assert left_out_sentence(progress) == ""
    later = enrolled_anew(look(view(0), view(1, protected=True)), progress, plan(), StartedBy.USER)
    assert later.of(Outcome.SKIPPED).ranges == "1"
    assert later.left_out[PROTECTED].ranges == "1"


def test_b5_skip_upgrade_is_left_out_and_said_so() -> None:
    progress = enrol(look(view(0), view(1, skip=True), view(2, phase=3)), plan(), StartedBy.USER)
    assert progress.of(Outcome.SKIPPED).ranges == "1"
    assert progress.left_out[SKIPS].ranges == "1"
    assert progress.of(Outcome.PENDING).ranges == "0,2"


def test_b5_phases_are_pinned_as_ranges_at_the_start() -> None:
    progress = enrol(look(*(view(n, phase=n // 3) for n in range(6)), view(6)), plan(), StartedBy.USER)
    assert {phase: ids.ranges for phase, ids in progress.phases.items()} == {0: "0-2", 1: "3-5"}


def test_b5_custom_metrics_are_read_at_the_start_only() -> None:
    progress = enrol(look(view(0, phase=1), view(1)), plan(), StartedBy.USER)
    later = enrolled_anew(look(view(0, phase=9), view(1, skip=True, phase=0)), progress, plan(), StartedBy.USER)
    assert later == progress


def test_b5_custom_metrics_of_an_instance_that_is_not_healthy_mean_nothing() -> None:
    views = [view(0, SICK, phase=0, skip=True), view(1, HealthState.INITIALIZING, phase=0), view(2, phase=0)]
    progress = enrol(look(*views), plan(), StartedBy.USER)
    assert progress.of(Outcome.PENDING).ranges == "0-2"
    assert progress.phases[0].ranges == "2"


def test_p14_phases_and_reasons_survive_continue_as_new_in_little_space() -> None:
    views = [view(n, phase=n // 2500, protected=n % 10 == 0) for n in range(10_000)]
    progress = enrol(look(*views), plan(), StartedBy.USER)
    written = progress.model_dump_json()
    assert Progress.model_validate_json(written) == progress
    moved = progress.moved(progress.of(Outcome.PENDING), Outcome.UPGRADED)
    assert (moved.phases, moved.left_out) == (progress.phases, progress.left_out)
    whole = enrol(look(*(view(n, phase=n // 2500) for n in range(10_000))), plan(), StartedBy.USER)
    assert len(whole.model_dump_json()) < 300


def test_p12_an_instance_on_version_and_generation_is_current() -> None:
    views = look(view(0, version="2.0.0"), view(1, version="2.0.0", generation=0), view(2))
    progress = enrol(views, plan(), StartedBy.USER)
    assert progress.of(Outcome.CURRENT).ranges == "0"
    assert progress.of(Outcome.PENDING).ranges == "1-2"


def test_p12_one_that_came_to_the_target_meanwhile_is_current() -> None:
    progress = enrol(look(view(0), view(1)), plan(), StartedBy.USER)
    later = enrolled_anew(look(view(0), view(1, version="2.0.0")), progress, plan(), StartedBy.USER)
    assert later.of(Outcome.CURRENT).ranges == "1"
    assert later.of(Outcome.PENDING).ranges == "0"


def test_t1_mode_manual_skips_instances_on_an_old_model_unless_somebody_started_it() -> None:
    views = look(view(0), view(1, generation=0))
    by_itself = enrol(views, plan(manual_mode=True), StartedBy.PLATFORM)
    assert by_itself.of(Outcome.SKIPPED).ranges == "1"
    assert "waits for manualupgrade" in left_out_sentence(by_itself)
    assert not enrol(views, plan(manual_mode=True), StartedBy.USER).of(Outcome.SKIPPED)


def test_t7_never_by_itself_to_a_lower_version() -> None:
    views = look(view(0, version="10.0.0"))
    assert enrol(views, plan(), StartedBy.PLATFORM).of(Outcome.SKIPPED).ranges == "0"
    assert enrol(views, plan(), StartedBy.USER).of(Outcome.PENDING).ranges == "0"
