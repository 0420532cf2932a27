"""What a deployment tells its client besides success: resources of it that do less here than in Azure."""

from typing import Any

from api.deployments.resource_types import EXTENSIONS, MAKERS, SCALE_SETS
from api.kept.kinds import NOTHING_ACTS, what_fails
from api.templates.planned import DEPLOYMENTS, Planned
from api.templates.secrets import reaches_listing
from api.templates.template import Template
from instar.store.deployments import TYPE as DEPLOYMENTS_TYPE

Json = dict[str, Any]

KEPT, WITHOUT_EFFECT, MADE_UP, HIDDEN = "ResourceKept", "ResourceWithoutEffect", "ValueMadeUp", "OutputNotShown"
_SETS = (SCALE_SETS.lower(), EXTENSIONS.lower())


def diagnostics_of(template: Template) -> list[Json]:
    """A warning for each resource that is kept and nothing more, and for each set that is given made-up keys.

    Nested templates are among it as far as they could be read; each of the others has its own.
    """
    return [warning for resource in template.everything for warning in _of(resource)] + _hidden(template)


def _hidden(template: Template) -> list[Json]:
    """A warning for each output that is shown without its value."""
    place = template.scope.place
    target = f"{place.group_id}/providers/{DEPLOYMENTS_TYPE}/{place.deployment}"
    message = "The output '{}' is made of a secret: it is shown without its value. Azure shows it."
    mine = [
        {"level": "Warning", "code": HIDDEN, "message": message.format(name[:80]), "target": target}
        for name in template.hidden_outputs
    ]
    return mine + [warning for inner in template.inner for warning in _hidden(inner)]


def _of(resource: Planned) -> list[Json]:
    kind = resource.type.lower()
    if kind == DEPLOYMENTS:
        return []
    if kind not in MAKERS or resource.added_to:
        fails = what_fails(resource.type)
        message = f"{resource.type} '{'/'.join(resource.names)}': {NOTHING_ACTS}"
        return [_warning(resource, WITHOUT_EFFECT if fails else KEPT, f"{message}{fails and f'; {fails}'}.")]
    if kind in _SETS and reaches_listing(resource.body, resource.scope):
        message = (
            f"{resource.type} '{'/'.join(resource.names)}' is given what a 'list…' function says: that is made up, "
            "and a machine that uses it reaches nothing."
        )
        return [_warning(resource, MADE_UP, message)]
    return []


def _warning(resource: Planned, code: str, message: str) -> Json:
    return {"level": "Warning", "code": code, "message": message, "target": resource.resource_id}
