"""Who belongs to an upgrade, in which phase, and who is left out and why (rules P12, P16, B5, B6, C4, T1, T7)."""

from collections.abc import Iterable, Mapping
from dataclasses import replace

from instar.domain.decisions.model_changes import is_on_model
from instar.domain.images.images import version_key
from instar.domain.machines.instance_ids import InstanceIds
from instar.domain.machines.instances import InstanceView, Look, Standing
from instar.domain.records.progress import Outcome, Progress
from instar.domain.records.upgrade_plan import UpgradePlan
from instar.domain.records.upgrades import UpgradeKind
from instar.domain.sets.policies import StartedBy

PROTECTED = "protected from scale-set actions (protectFromScaleSetActions)"
SKIPS = "SkipUpgrade in its custom metrics"
NOT_NAMED = "not among the instances that were asked for"


def enrol(look: Look, plan: UpgradePlan, started_by: StartedBy) -> Progress:
    """Who belongs to the upgrade, fixed at its start (P16): pending, already current (P12), or left out.

    Custom metrics are read here and never again (docs/rules.md B5), and only of whoever is healthy: from a sick
    instance they mean nothing, so it is in the last phase. Where the start named instances, they are all that takes
    part (C4).
    """
    current, rest = _parted(look.views, plan)
    progress = Progress().moved(current, Outcome.CURRENT)
    progress = progress.moved(InstanceIds.of(view.instance_id for view in rest), Outcome.PENDING)
    phases: dict[int, list[str]] = {}
    reasons: dict[str, list[str]] = {}
    named = dict.fromkeys(plan.wishes.instances) if plan.wishes else {}
    for view in rest:
        speaks = view.standing is Standing.HEALTHY
        if named and view.instance_id not in named:
            reasons.setdefault(NOT_NAMED, []).append(view.instance_id)
        elif reason := skip_reason(view, plan, started_by) or (SKIPS if speaks and view.health.skip else ""):
            reasons.setdefault(reason, []).append(view.instance_id)
        elif speaks and view.health.phase is not None:
            phases.setdefault(view.health.phase, []).append(view.instance_id)
    pinned = {phase: InstanceIds.of(phases[phase]) for phase in sorted(phases)}
    return _left_out(progress.model_copy(update={"phases": pinned}), reasons)


def enrolled_anew(look: Look, progress: Progress, plan: UpgradePlan, started_by: StartedBy) -> Progress:
    """Pending instances that came to the target, or under protection, since the last look (P12, B6)."""
    pending = [look.by_id[instance_id] for instance_id in progress.of(Outcome.PENDING) if instance_id in look.by_id]
    current, rest = _parted(pending, plan)
    progress = progress.moved(current, Outcome.CURRENT)
    reasons: dict[str, list[str]] = {}
    for view in rest:
        if reason := skip_reason(view, plan, started_by):
            reasons.setdefault(reason, []).append(view.instance_id)
    return _left_out(progress, reasons)


def left_out_sentence(progress: Progress) -> str:
    """How many are left out and why (B6); empty if nobody is.

    >>> left_out_sentence(Progress().leaving_out({"busy": InstanceIds.of("12"), "not now": InstanceIds.of("3")}))
    '3 left out (2: busy; 1: not now)'
    """
    skipped = progress.of(Outcome.SKIPPED)
    told = [f"{count}: {reason}" for reason, ids in progress.left_out.items() if (count := len(ids & skipped))]
    return f"{len(skipped)} left out ({'; '.join(told)})" if told else ""


def is_current(view: InstanceView, plan: UpgradePlan) -> bool:
    """On the target version and the pinned generation (P12); for a model change, on an image that the model allows.

    In a rollback each machine has a target of its own (R2).
    """
    if plan.way_back is not None:
        return plan.way_back.is_back(view.instance)
    if plan.kind is UpgradeKind.MODEL_CHANGE:
        return is_on_model(view.instance, plan)
    disk = view.instance.os_disk
    return disk is not None and disk.image.same_as(plan.target) and view.instance.generation == plan.generation


def skip_reason(view: InstanceView, plan: UpgradePlan, started_by: StartedBy) -> str:
    """Why an instance is left out of an upgrade, as a sentence; empty if it is not.

    A start by hand is somebody's will: it takes instances off an old model (T1) and down to a lower version (T7) too.
    """
    if view.instance.protected:
        return PROTECTED
    if started_by is StartedBy.USER:
        return plan.way_back.why_left_out(view.instance_id) if plan.way_back else ""
    if view.instance_id in plan.left_behind:
        return f"could not stay on {plan.target.version} before: it is not offered it again by itself"
    if plan.manual_mode and view.instance.generation != plan.generation:
        return (
            f"on model generation {view.instance.generation}, not {plan.generation}: "
            "in mode Manual it waits for manualupgrade"
        )
    disk = view.instance.os_disk
    if disk and disk.image.line == plan.target.line and _newer(disk.image.version, plan.target.version):
        return f"already on {disk.image.version}, newer than {plan.target.version}"
    return ""


def _parted(views: Iterable[InstanceView], plan: UpgradePlan) -> tuple[InstanceIds, list[InstanceView]]:
    """Who is current, and the others."""
    current, rest = list[str](), list[InstanceView]()
    for view in views:
        if is_current(view, plan):
            current.append(view.instance_id)
        else:
            rest.append(view)
    return InstanceIds.of(current), rest


def _left_out(progress: Progress, reasons: Mapping[str, list[str]]) -> Progress:
    return progress.leaving_out({reason: InstanceIds.of(ids) for reason, ids in reasons.items()})


def _newer(version: str, than: str) -> bool:
    return bool(version) and bool(than) and version_key(version) > version_key(than)


def without_boots(look: Look, ids: InstanceIds) -> Look:
    """The same look, in which these instances are no machines that boot (P2a): what they show counts."""
    if not any(view.boots and view.instance_id in ids for view in look.views):
        return look
    views = tuple(replace(view, boots=view.boots and view.instance_id not in ids) for view in look.views)
    return Look(views=views, taken_at=look.taken_at)
