"""Whom an action concerns: named or all, unknown ones, protected ones (docs/rules.md B6)."""

from collections.abc import Iterable

from instar.domain.machines.actions import ActionKind
from instar.domain.machines.instance_ids import InstanceIds
from instar.domain.machines.instances import Instance
from instar.domain.messages.instance_actions import Chosen, InstanceAction


def chosen(action: InstanceAction, instances: Iterable[Instance]) -> Chosen:
    """The instances to act on, and the sentence that says so.

    An instance that is protected from scale-set actions is left out of what is asked of the set, named or not; a call
    on the instance itself is its owner's own will.
    """
    there = {instance.instance_id: instance for instance in instances}
    unknown = (
        InstanceIds()
        if action.everyone
        else InstanceIds.of(instance_id for instance_id in action.ids if instance_id not in there)
    )
    if unknown:
        return Chosen(error=f"instances that do not exist (any more): {unknown.ranges[:200]}")
    wanted = [one for one in there.values() if action.everyone or one.instance_id in action.ids]
    exempt = InstanceIds()
    if not action.on_instance and action.kind is not ActionKind.PROTECT:
        exempt = InstanceIds.of(one.instance_id for one in wanted if one.protected)
    ids = InstanceIds.of(one.instance_id for one in wanted) - exempt
    reason = f"{action.kind}: {ids.ranges[:100] or 'no instance'}"
    if exempt:
        reason += f"; {exempt.ranges[:100]} left out: protected from scale-set actions (protectFromScaleSetActions)"
    return Chosen(ids=ids, reason=reason)
