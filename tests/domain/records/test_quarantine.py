from datetime import timedelta

import pytest

from instar.domain.delays import Delays
from instar.domain.lifecycle.lessons import learned
from instar.domain.lifecycle.state import RunningUpgrade
from instar.domain.machines.instance_ids import InstanceIds
from instar.domain.messages.scale_set import UpgradeEnded
from instar.domain.records.quarantine import VERSIONS_KEPT, EndOfUpgrade, Quarantine, QuarantinedVersion
from instar.domain.records.triggers import HeldBack
from instar.domain.records.upgrades import ErrorCode, UpgradeStatus
from instar.domain.sets.policies import StartedBy
from tests.support.looks import IMAGE, NOON

COMPLETED, CANCELLED, FAULTED = UpgradeStatus.COMPLETED, UpgradeStatus.CANCELLED, UpgradeStatus.FAULTED
USER, PLATFORM = StartedBy.USER, StartedBy.PLATFORM


def end(
    status: UpgradeStatus = FAULTED,
    code: str = "",
    by: StartedBy = PLATFORM,
    *,
    behind: str = "",
    version: str = "2.0.0",
    number: int = 1,
    generation: int = 1,
) -> EndOfUpgrade:
    return EndOfUpgrade(
        version=version,
        number=number,
        generation=generation,
        started_by=by,
        status=status,
        error_code=code,
        reason="stopped: 2 of 2",
        at=NOON,
        left_behind=InstanceIds(ranges=behind),
    )


BAD = end(code=ErrorCode.UNHEALTHY_UPGRADED)


@pytest.mark.parametrize(
    ("status", "code", "quarantined"),
    [
        (FAULTED, ErrorCode.UNHEALTHY_UPGRADED, True),
        (FAULTED, ErrorCode.IMAGE_UNUSABLE, True),
        (CANCELLED, ErrorCode.CANCELED, True),
        (FAULTED, ErrorCode.UNHEALTHY_BEFORE, False),
        (FAULTED, ErrorCode.UNHEALTHY_DURING, False),
        (FAULTED, ErrorCode.TERMINATED, False),
        (COMPLETED, "", False),
    ],
)
@pytest.mark.parametrize("by", [USER, PLATFORM])
def test_t5_p9_p19_and_a_cancel_speak_against_a_version(
    status: UpgradeStatus, code: str, quarantined: bool, by: StartedBy
) -> None:
    after = Quarantine().after(end(status, code, by))
    assert after.excluded == (("2.0.0",) if quarantined else ())


@pytest.mark.parametrize("code", [ErrorCode.UNHEALTHY_BEFORE, ErrorCode.UNHEALTHY_DURING, ErrorCode.TERMINATED])
def test_t5_what_says_nothing_of_the_image_frees_nothing_either(code: str) -> None:
    assert Quarantine().after(BAD).after(end(code=code, by=USER)).excluded == ("2.0.0",)


def test_t5_t4_a_success_by_hand_clears_the_version_and_its_instances() -> None:
    before = Quarantine().after(end(code=ErrorCode.UNHEALTHY_UPGRADED, behind="0-1"))
    assert before.behind("2.0.0").ranges == "0-1"
    assert before.after(end(COMPLETED, by=USER)) == Quarantine()


def test_t5_instances_that_the_platform_rolled_back_add_up() -> None:
    after = Quarantine().after(end(COMPLETED, behind="5")).after(end(COMPLETED, behind="9", number=2))
    assert after.excluded == ()
    assert after.behind("2.0.0").ranges == "5,9"
    assert after.behind("2.0.1").ranges == ""


def test_i1_a_version_is_the_same_however_its_numbers_are_written() -> None:
    quarantine = Quarantine().after(BAD)
    assert quarantine.of("2.00.0") is not None
    assert quarantine.without("02.0.0") == Quarantine()


def test_t5_only_the_newest_fifty_versions_are_kept() -> None:
    quarantine = Quarantine()
    for minor in range(VERSIONS_KEPT + 5):
        one = end(code=ErrorCode.UNHEALTHY_UPGRADED, behind="0", version=f"1.{minor}")
        quarantine = quarantine.after(one)
    assert len(quarantine.versions) == len(quarantine.left_behind) == VERSIONS_KEPT
    assert quarantine.of("1.4") is None
    assert quarantine.of("1.5") is not None


def test_t5_generations_whose_machines_were_others_are_forgotten() -> None:
    quarantine = Quarantine().after(BAD).after(end(COMPLETED, behind="3", version="2.1", generation=2))
    assert quarantine.generations == (1, 2)
    assert quarantine.without_generations((1,)).excluded == ()
    assert quarantine.without_generations((1,)).behind("2.1").ranges == "3"
    assert quarantine.without_generations((2,)).behind("2.1").ranges == ""


def test_p17_a_long_reason_is_cut() -> None:
    long = BAD.model_copy(update={"reason": "x" * 10_000})
    [entry] = Quarantine().after(long).versions
    assert isinstance(entry, QuarantinedVersion)
    assert len(entry.reason) == 300


def held_after(by: StartedBy, end: UpgradeEnded, before: HeldBack | None = None) -> HeldBack | None:
    return learned(running(by), end, Quarantine(), before, Delays()).held


def ended(code: str, status: UpgradeStatus = FAULTED) -> UpgradeEnded:
    return UpgradeEnded(number=1, ended_at=NOON, status=status, error_code=code, reason="why", generation=1)


def running(by: StartedBy) -> RunningUpgrade:
    return RunningUpgrade(number=1, workflow_id="w", operation_id="", started_by=by, target=IMAGE)


@pytest.mark.parametrize("code", [ErrorCode.UNHEALTHY_BEFORE, ErrorCode.UNHEALTHY_DURING, ErrorCode.TERMINATED])
def test_t5_no_fault_of_the_image_is_tried_again_later_and_later(code: str) -> None:
    first = held_after(PLATFORM, ended(code))
    assert first is not None
    assert first.not_before == NOON
    second = held_after(PLATFORM, ended(code), first)
    assert second is not None
    assert second.not_before == NOON + timedelta(hours=1)


@pytest.mark.parametrize(
    ("by", "status", "code"),
    [
        (USER, FAULTED, ErrorCode.UNHEALTHY_BEFORE),
        (PLATFORM, FAULTED, ErrorCode.UNHEALTHY_UPGRADED),
        (PLATFORM, CANCELLED, ErrorCode.CANCELED),
        (PLATFORM, COMPLETED, ""),
    ],
)
def test_t5_every_other_end_keeps_nobody_waiting(by: StartedBy, status: UpgradeStatus, code: str) -> None:
    held = HeldBack(version="2.0.0", ends=5, not_before=NOON + timedelta(hours=8), reason="stopped")
    assert held_after(by, ended(code, status), held) is None


def test_an_operation_without_an_exact_version_teaches_nothing_of_one() -> None:
    other = running(PLATFORM).model_copy(update={"target": IMAGE.at("latest")})
    end = ended(ErrorCode.UNHEALTHY_UPGRADED)
    assert learned(other, end, Quarantine(), None, Delays()) == (Quarantine(), None)


def test_an_older_workers_word_teaches_nothing() -> None:
    older = UpgradeEnded(number=1, ended_at=NOON)
    assert learned(running(PLATFORM), older, Quarantine(), None, Delays()) == (Quarantine(), None)
