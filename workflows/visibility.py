"""What an operator sees in the Temporal web UI: search attributes, current details, summaries."""

from temporalio import workflow
from temporalio.common import SearchAttributeKey, SearchAttributePair, TypedSearchAttributes

from instar.domain.lifecycle.state import ScaleSetState
from instar.domain.lifecycle.steps import Step
from instar.domain.machines.instance_ids import InstanceIds
from instar.domain.messages.os_upgrade import BatchLine, UpgradeState, Verdict
from instar.domain.records.progress import Outcome, Progress
from instar.domain.records.set_state import PARKED_ACTIONS
from instar.domain.records.upgrades import UpgradeKind, UpgradeStatus
from instar.domain.sets.names import LOOKS, Attribute, keeper_workflow_id
from instar.domain.sets.scale_sets import ScaleSetIdentity

SCALE_SET_ID = SearchAttributeKey.for_keyword(Attribute.SCALE_SET_ID)
SCALE_SET = SearchAttributeKey.for_keyword(Attribute.SCALE_SET)
PHASE = SearchAttributeKey.for_keyword(Attribute.PHASE)
TARGET_VERSION = SearchAttributeKey.for_keyword(Attribute.TARGET_VERSION)

LONGEST_KEYWORD = 255

PARKED = "Parked"
"""The phase of an upgrade that waits before its next batch; any other is its status."""


def scale_set_attributes(scale_set: ScaleSetIdentity) -> TypedSearchAttributes:
    """Attributes of a set's own workflow."""
    return TypedSearchAttributes(_whose(scale_set))


def upgrade_attributes(state: UpgradeState) -> TypedSearchAttributes:
    """Attributes of an upgrade at its start."""
    return TypedSearchAttributes(
        [
            *_whose(state.scale_set),
            SearchAttributePair(PHASE, UpgradeStatus.ROLLING_FORWARD),
            SearchAttributePair(TARGET_VERSION, state.plan.target.version[:LONGEST_KEYWORD]),
        ],
    )


def _whose(scale_set: ScaleSetIdentity) -> list[SearchAttributePair[str]]:
    return [
        SearchAttributePair(SCALE_SET_ID, scale_set.resource_id[:LONGEST_KEYWORD]),
        SearchAttributePair(SCALE_SET, scale_set.name[:LONGEST_KEYWORD]),
    ]


def phase_of(status: UpgradeStatus, action: str) -> str:
    """What lists show of an upgrade after that decision.

    >>> phase_of(UpgradeStatus.ROLLING_FORWARD, "batch"), phase_of(UpgradeStatus.ROLLING_FORWARD, "parked")
    ('RollingForward', 'Parked')
    """
    return PARKED if action in PARKED_ACTIONS else status.value


def show_phase(phase: str) -> None:
    """Put it where lists of workflows can be filtered by it."""
    workflow.upsert_search_attributes([PHASE.value_set(phase)])


def upgrade_summary(state: UpgradeState) -> str:
    """One line for the list of workflows."""
    what = f"upgrade {state.number} to {state.plan.target}"
    if state.plan.kind is UpgradeKind.MODEL_CHANGE:
        what = f"upgrade {state.number} to model generation {state.plan.generation}"
    if state.plan.kind is UpgradeKind.ROLLBACK:
        what = f"rollback {state.number} to {state.plan.target}"
    return f"{state.scale_set.name}: {what} ({state.started_by.lower()})"


def upgrade_began_with(state: UpgradeState) -> str:
    """Markdown: what does not change while it runs, and where one reads more."""
    lines = [
        f"Set `{state.scale_set.resource_id}`.",
        f"Started by {state.started_by.value.lower()}; target {state.plan.target}, generation {state.plan.generation}.",
        f"`instar history {state.scale_set.name} --number {state.number}` tells every decision and every machine.",
    ]
    return "\n\n".join(lines)


def batch_line(batch: int, ids: InstanceIds, verdict: Verdict) -> BatchLine:
    """What the table says of a batch of these instances, after its verdict."""
    failed = ids & verdict.progress.of(Outcome.FAILED, Outcome.SICK_BEFORE)
    rolled_back = ids & verdict.progress.of(Outcome.ROLLED_BACK, Outcome.ROLLBACK_FAILED)
    return BatchLine(
        batch=batch, size=len(ids), failed=len(failed), rolled_back=len(rolled_back), reason=verdict.reason
    )


def upgrade_details(state: UpgradeState, status: UpgradeStatus, reason: str) -> str:
    """Markdown: where the upgrade stands, and its newest batches."""
    lines = [f"**{status}**: {reason}", "", f"Target {state.plan.target}, model generation {state.plan.generation}."]
    if state.progress is not None:
        counts = state.progress.counts()
        lines += [
            "",
            (
                f"{counts.successful} successful · {counts.failed} failed ({_of_the_failed(state, state.progress)}) · "
                f"{counts.in_progress} in progress · {counts.pending} pending · {counts.skipped} skipped"
            ),
        ]
    if state.batches:
        lines += ["", "| batch | machines | failed | rolled back | reason |", "|---|---|---|---|---|"]
        lines += [
            f"| {batch.batch} | {batch.size} | {batch.failed} | {batch.rolled_back} | {batch.reason} |"
            for batch in state.batches
        ]
    return "\n".join(lines)


def _of_the_failed(state: UpgradeState, progress: Progress) -> str:
    """Somebody has to look at those that are sick, on whichever disk (P8); of some nothing is known (P14)."""
    sick = progress.of(Outcome.FAILED, Outcome.SICK_BEFORE) - state.unmade - state.unconfirmed
    told = {
        "rolled back": progress.of(Outcome.ROLLED_BACK),
        "not confirmed": progress.of(Outcome.FAILED) & state.unconfirmed,
        "without a new disk": progress.of(Outcome.FAILED) & state.unmade,
        "need a person": progress.of(Outcome.ROLLBACK_FAILED) | sick,
    }
    always = {"rolled back", "need a person"}
    return ", ".join(f"{len(ids)} {what}" for what, ids in told.items() if ids or what in always)


def scale_set_details(state: ScaleSetState, step: Step) -> str:
    """Markdown: what the set is doing, what holds its lock, and what comes next."""
    automatic = state.automatic
    lines = [f"Now: {step.reason}.", f"Automatic upgrades **{'on' if automatic.enabled else 'off'}**."]
    if state.held:
        lines.append(f"**Held**: {state.held}.")
    if state.deletion:
        lines.append("The scale set is being deleted.")
    if state.running:
        lines.append(f"Upgrade {state.running.number} to {state.running.target} runs: `{state.running.workflow_id}`.")
    if state.start_asked:
        lines.append(f"Upgrade {state.start_asked.number} was started by hand and is about to begin.")
    if state.actions:
        lines.append(f"Asked of instances: {', '.join(action.action.kind for action in state.actions)}.")
    if state.model.waiting:
        lines.append("A changed model waits for its turn.")
    if automatic.enabled and automatic.first_trigger_at and not automatic.first_trigger_done:
        lines.append(f"First upgrade not before {automatic.first_trigger_at.isoformat(timespec='seconds')}.")
    if automatic.enabled and automatic.first_trigger_done and automatic.next_look_at and not state.running:
        moment = automatic.next_look_at.isoformat(timespec="seconds")
        made = f"Looks are made for it by `{keeper_workflow_id(LOOKS)}`, which tells it what there is to do"
        lines.append(f"{made}; by itself it looks at {moment}." if automatic.watched else f"Next look at {moment}.")
    if automatic.last_look:
        lines.append(f"Last look: {automatic.last_look}.")
    lines += [
        f"Quarantined: {version.version} since upgrade {version.number}: {version.reason}."
        for version in automatic.quarantine.versions
    ]
    return "\n\n".join(lines)
