"""Which resource types a deployment takes."""

from collections.abc import Callable, Collection
from dataclasses import dataclass

from api.templates.checks import named
from api.templates.errors import TemplateError
from api.templates.planned import DEPLOYMENTS, Planned


def keeps_nothing(_kind: str) -> bool:
    """No type is kept."""
    return False


def no_reason(_kind: str) -> str:
    """Nothing more is known of it."""
    return ""


@dataclass(frozen=True)
class Types:
    """What can be made, what is kept, why the rest is refused."""

    made: Collection[str]
    """Those that can be made, in lower case."""
    refused: Callable[[str], str] = no_reason
    """Why one cannot be made, or nothing where there is no more to say."""
    kept: Callable[[str], bool] = keeps_nothing
    """Whether one that cannot be made is kept as a document."""
    nested: bool = False
    """Whether deployments may stand in it."""

    def takes(self, resource: Planned) -> bool:
        """Whether this resource can be made or kept."""
        kind = resource.type.lower()
        if kind == DEPLOYMENTS:
            return self.nested and not resource.added_to
        return not resource.added_to if kind in self.made else self.kept(resource.type)


def check_types(resources: list[Planned], types: Types) -> None:
    """Raises TemplateError that names every type which is not taken."""
    strange = {resource.type.lower(): resource for resource in resources if not types.takes(resource)}
    if not strange:
        return
    reasons = {resource.type: _why(resource, types) for resource in strange.values()}
    several = len(reasons) > 1
    why = "; ".join(f"{kind}: {reason}" if several else reason for kind, reason in reasons.items() if reason)
    raise TemplateError(
        f"the {named('resource type', reasons)} not supported{why and f': {why}'}", "InvalidResourceType"
    )


def _why(resource: Planned, types: Types) -> str:
    if resource.added_to and resource.type.lower() in types.made:
        return "it cannot have a 'scope'"
    return types.refused(resource.type)
