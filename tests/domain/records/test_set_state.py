"""The one word for what a set does."""

from datetime import UTC, datetime

import pytest

from instar.domain.images.images import ImageReference
from instar.domain.records.set_state import SetState, Standing, is_parked, standing_of
from instar.domain.records.upgrades import Decision, UpgradeRecord, UpgradeStatus
from instar.domain.sets.policies import RollingUpgradePolicy, StartedBy
from instar.domain.sets.scale_sets import ScaleSetIdentity
from instar.domain.steering.wishes import Hold, Pause, Wishes

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
PAUSE = Pause(reason="full", by="ann", since=NOW)
HOLDS = tuple(Hold(name=name, scope="/", reason="r", by="bob", since=NOW) for name in ("a", "b"))
ALL = Wishes(pause=PAUSE, holds=HOLDS)


def upgrade(status: UpgradeStatus = UpgradeStatus.ROLLING_FORWARD) -> UpgradeRecord:
    return UpgradeRecord(
        scale_set=ScaleSetIdentity(resource_id="/web", name="web", unique_id="u", location="west"),
        number=1,
        operation_id="",
        started_by=StartedBy.USER,
        target=ImageReference(publisher="p", offer="o", sku="s", version="1.0"),
        generation=1,
        policy=RollingUpgradePolicy(),
        status=status,
        started_at=NOW,
    )


def decided(action: str) -> Decision:
    return Decision(sequence=1, at=NOW, batch=0, action=action, reason=f"{action}: because")


@pytest.mark.parametrize("action", ["parked", "approval"])
def test_c1_g3_an_upgrade_that_waits_is_parked_and_says_what_for(action: str) -> None:
    decision = Decision(sequence=1, at=NOW, batch=0, action=action, reason="parked: paused by ann")
    parked = standing_of(upgrade(), decision, ALL, "behind", deleting=False)
    assert parked == Standing(SetState.PARKED, "paused by ann")
    assert is_parked(upgrade(), decision)
    assert not is_parked(upgrade(UpgradeStatus.CANCELLED), decision), "its last word was that it waits, and it ended"


@pytest.mark.parametrize("status", [UpgradeStatus.ROLLING_FORWARD, UpgradeStatus.ROLLING_BACK])
def test_what_runs_is_told_before_what_keeps_the_next_one_back(status: UpgradeStatus) -> None:
    told = standing_of(upgrade(status), decided("batch"), ALL, "behind", deleting=False)
    assert told == Standing(SetState.UPGRADING, "batch: because")
    assert standing_of(upgrade(status), None, ALL, "", deleting=False) == Standing(SetState.UPGRADING, "")


@pytest.mark.parametrize("status", [UpgradeStatus.COMPLETED, UpgradeStatus.CANCELLED, UpgradeStatus.FAULTED])
def test_what_has_ended_keeps_nothing_back(status: UpgradeStatus) -> None:
    assert standing_of(upgrade(status), decided("parked"), Wishes(), "", deleting=False) == Standing(SetState.IDLE)


def test_c1_c2_f7_what_keeps_an_idle_set_back() -> None:
    held = standing_of(None, None, ALL, "the records are older", deleting=False)
    assert held.state is SetState.HELD
    assert held.reason == "; ".join(["the records are older", *(hold.sentence for hold in HOLDS)])
    assert standing_of(None, None, ALL, "", deleting=False).reason == "; ".join(hold.sentence for hold in HOLDS)
    assert standing_of(None, None, Wishes(), "behind", deleting=False) == Standing(SetState.HELD, "behind")
    paused = standing_of(None, None, Wishes(pause=PAUSE), "", deleting=False)
    assert paused == Standing(SetState.PAUSED, PAUSE.sentence)


def test_a_deletion_is_told_before_all() -> None:
    assert standing_of(upgrade(), decided("parked"), ALL, "behind", deleting=True) == Standing(SetState.DELETING)
