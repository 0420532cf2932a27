"""A start by hand with wishes, decided (docs/rules.md C4)."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from instar.domain.decisions.enrolment import NOT_NAMED, PROTECTED, enrol, enrolled_anew
from instar.domain.decisions.starts import rolls_back, version_asked
from instar.domain.decisions.verdicts import check_whole_set
from instar.domain.images.images import ImageReference
from instar.domain.machines.instance_ids import InstanceIds
from instar.domain.machines.instances import HealthState
from instar.domain.records.progress import Outcome
from instar.domain.records.quarantine import EndOfUpgrade, LeftBehind, Quarantine, QuarantinedVersion
from instar.domain.records.upgrades import ErrorCode, UpgradeStatus
from instar.domain.sets.policies import RollingUpgradePolicy, StartedBy
from instar.domain.sets.scale_sets import ScaleSetModel
from instar.domain.steering.next_step import Known, ParkedFor, may_not_begin, next_step
from instar.domain.steering.rollout_policy import RolloutPolicy
from instar.domain.steering.start_wishes import Limit, StartWishes
from instar.domain.steering.wishes import Hold, Pause, Wishes
from tests.support.looks import NOON, look, plan, view
from tests.support.models import arm

IMAGE = ImageReference(publisher="C", offer="W", sku="s", version="latest")
HELD = Wishes(holds=(Hold(name="freeze", scope="/", reason="no", by="ann", since=NOON),))
PAUSED = Wishes(pause=Pause(reason="full", by="ann", since=NOON))
CLOSED = RolloutPolicy(windows=[{"days": ["Sun"], "from": "01:00", "to": "01:30", "timeZone": "UTC"}])


def quarantined(version: str) -> Quarantine:
    entry = QuarantinedVersion(version=version, since=NOON, number=3, generation=1, reason="all sick")
    return Quarantine(versions=(entry,), left_behind=(LeftBehind(version=version, generation=1, ids=ids("0-9")),))


def ids(ranges: str) -> InstanceIds:
    return InstanceIds(ranges=ranges)


def test_c4_only_the_limit_that_is_named_is_waived() -> None:
    everything_but: dict[Limit, tuple[Limit, ...]] = {
        one: tuple(other for other in Limit if other is not one) for one in Limit
    }
    assert may_not_begin(HELD, (Limit.HOLD,)) is None
    assert may_not_begin(HELD, everything_but[Limit.HOLD]) is not None
    assert may_not_begin(PAUSED, tuple(Limit)) is not None, "a pause is waived by nothing"
    outside = Known(now=NOON, policy=CLOSED, batch_takes=timedelta(minutes=5))
    step = next_step(outside)
    assert step is not None
    assert next_step(outside.model_copy(update={"waived": (Limit.WINDOW,)})) is None
    assert next_step(outside.model_copy(update={"waived": everything_but[Limit.WINDOW]})) == step
    gate = Known(now=NOON, policy=RolloutPolicy(approval="first"), waived=tuple(Limit))
    waits = next_step(gate)
    assert waits is not None, "a gate is waived by nothing"
    assert getattr(waits, "what", None) is ParkedFor.APPROVAL


def test_c4_p2_p3_a_sick_set_stops_nothing_where_that_is_waived_and_is_told() -> None:
    sick = look(*(view(number, HealthState.UNHEALTHY if number < 5 else HealthState.HEALTHY) for number in range(10)))
    policy = RollingUpgradePolicy()
    for code in (ErrorCode.UNHEALTHY_BEFORE, ErrorCode.UNHEALTHY_DURING):
        reason, breach = check_whole_set(sick, policy, code, "web", (Limit.UNHEALTHY_SET,))
        assert breach is None
        assert reason == "go on: 5 of 10 instances unhealthy (50 %), limit 20 %, which is waived (unhealthySet)"
        others = tuple(limit for limit in Limit if limit is not Limit.UNHEALTHY_SET)
        assert check_whole_set(sick, policy, code, "web", others)[1] is not None
    well = look(*(view(number) for number in range(10)))
    assert "waived" not in check_whole_set(well, policy, ErrorCode.UNHEALTHY_BEFORE, "web", tuple(Limit))[0]


def test_c4_only_the_named_take_part_and_each_other_one_says_why() -> None:
    views = [view(0), view(1, protected=True), view(2), view(3, protected=True), view(4, version="2.0.0")]
    wished = plan().model_copy(update={"wishes": StartWishes(instances=ids("0-1"))})
    progress = enrol(look(*views), wished, StartedBy.USER)
    assert progress.of(Outcome.PENDING).ranges == "0"
    assert progress.of(Outcome.CURRENT).ranges == "4", "it needs nothing"
    assert {why: named.ranges for why, named in progress.left_out.items()} == {PROTECTED: "1", NOT_NAMED: "2-3"}
    again = enrolled_anew(look(*views), progress, wished, StartedBy.USER)
    assert again == progress
    assert enrol(look(*views), plan(), StartedBy.USER).of(Outcome.PENDING).ranges == "0,2"
    all_of_them = plan().model_copy(update={"wishes": StartWishes()})
    assert enrol(look(*views), all_of_them, StartedBy.USER).of(Outcome.PENDING).ranges == "0,2"


@pytest.mark.parametrize(
    ("wished", "version", "refused"),
    [
        (StartWishes(), "1.2", False),
        (StartWishes(version="1.0"), "1.0", False),
        (StartWishes(version="1.2"), "1.2", True),
        (StartWishes(version="1.02"), "1.2", True),
        (StartWishes(version="1.2", override=(Limit.HOLD, Limit.UNHEALTHY_SET, Limit.WINDOW)), "1.2", True),
        (StartWishes(version="1.2", override=(Limit.QUARANTINE,)), "1.2", False),
        (StartWishes(version="1.1"), "", True),
    ],
)
def test_c4_t4_the_version_that_a_start_goes_to(wished: StartWishes, version: str, *, refused: bool) -> None:
    asked = version_asked(IMAGE, "west", ["1.0", "1.2"], wished, quarantined("1.2"))
    assert (asked.version, bool(asked.refusal)) == (version, refused)
    assert asked.quarantined is (refused and bool(version))


def test_c4_nothing_on_offer_says_how_to_publish() -> None:
    assert "instar images publish C W s" in version_asked(IMAGE, "west", [], StartWishes(), Quarantine()).refusal


@pytest.mark.parametrize(
    ("started_by", "wished", "disabled", "expected"),
    [
        (StartedBy.PLATFORM, None, False, True),
        (StartedBy.PLATFORM, None, True, False),
        (StartedBy.USER, None, False, False),
        (StartedBy.USER, StartWishes(), False, True),
        (StartedBy.USER, StartWishes(rolls_back=False), False, False),
        (StartedBy.USER, StartWishes(), True, False),
    ],
)
def test_c4_p7_who_rolls_back(
    started_by: StartedBy, wished: StartWishes | None, *, disabled: bool, expected: bool
) -> None:
    model = ScaleSetModel.from_arm(arm(3, automatic={"disableAutomaticRollback": disabled}), 1)
    assert rolls_back(model, started_by, wished) is expected


def end(**more: Any) -> EndOfUpgrade:
    return EndOfUpgrade(
        version="1.2", number=4, generation=1, started_by=StartedBy.USER, status=UpgradeStatus.COMPLETED,
        at=datetime(2026, 11, 25, tzinfo=UTC), **more,
    )  # fmt: skip


def test_c4_t5_a_success_of_some_frees_them_and_not_the_version() -> None:
    before = quarantined("1.2")
    some = before.after(end(instances=ids("3-4")))
    assert some.of("1.2") is not None
    assert some.behind("1.2").ranges == "0-2,5-9"
    all_of_them = before.after(end())
    assert all_of_them.of("1.2") is None
    assert not all_of_them.behind("1.2")


def test_c4_p1_wishes_leave_no_trace_in_messages_without_any() -> None:
    assert "wishes" not in plan().model_dump_json()
    wished = plan().model_copy(update={"wishes": StartWishes(version="2.0.0", by="ann")})
    assert type(wished).model_validate_json(wished.model_dump_json()) == wished
    assert plan().waived == ()
