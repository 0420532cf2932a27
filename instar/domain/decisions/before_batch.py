"""What is known before a batch, from what an upgrade is pinned to and how far it is (docs/rules.md C1 to W4).

In one place: whoever asks for the next step of an upgrade, runs it or only thinks of it, asks with the same.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta

from instar.domain.records.progress import Outcome, Progress
from instar.domain.records.upgrade_plan import UpgradePlan
from instar.domain.steering.next_step import Known
from instar.domain.steering.outside.answers import JudgeAnswer, JudgeOutcome
from instar.domain.steering.waves import canaries_due
from instar.domain.steering.wishes import Approval, Gate, Wishes


def known_before(  # noqa: PLR0917  # all that is known
    plan: UpgradePlan,
    progress: Progress,
    begun: int,
    wishes: Wishes,
    now: datetime,
    batch_takes: timedelta,
    judged: Sequence[JudgeAnswer] | None = None,
) -> Known:
    """What `next_step` is asked with. `judged`: what judges have just said; None: nobody has asked them."""
    return Known(
        now=now,
        wishes=wishes,
        policy=plan.rollout,
        goes_back=plan.way_back is not None,
        begun=begun,
        canary_batches=progress.canary_batches,
        canaries_due=awaits_canaries(plan, progress, begun),
        batch_takes=batch_takes,
        waived=plan.waived,
        judged=None if judged is None else tuple(judged),
    )


def if_all_say_yes(plan: UpgradePlan, progress: Progress, begun: int, now: datetime, batch_takes: timedelta) -> Known:
    """The same if whoever is asked says yes, at gates (G3) and as a judge (G2), and nobody pauses or holds anything."""
    said = tuple(Approval(gate=gate, approved=True, by="", at=now) for gate in Gate)
    judges = plan.rollout.judges if plan.rollout else ()
    yes = [JudgeAnswer(outcome=JudgeOutcome.YES, reason="") for _ in judges]
    return known_before(plan, progress, begun, Wishes(approvals=said), now, batch_takes, yes)


def awaits_canaries(plan: UpgradePlan, progress: Progress, begun: int) -> bool:
    """Whether canaries come next, as far as is known without a look (W1)."""
    due = canaries_due(
        plan.rollout, begun=begun, canary_batches=progress.canary_batches, due=progress.of(Outcome.PENDING)
    )
    return bool(due)
