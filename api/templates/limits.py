"""What a template may ask for together with all that are nested in it."""

from dataclasses import dataclass, field

from api.templates.budget import Budget
from api.templates.errors import TemplateError

DEPLOYMENTS_AT_MOST = 100
"""Nested ones of one template, and of those in them."""

NESTED_AT_MOST = 8
"""How deep deployments may stand in deployments."""


@dataclass(frozen=True)
class Share:
    """Of one template. Each nested one has an equal part of the numbers; all work is paid out of one purse."""

    resources: int | None
    """None where that was asked before."""
    deployments: int = DEPLOYMENTS_AT_MOST
    budget: Budget = field(default_factory=Budget, compare=False)
    depth: int = 0
    """How deep it stands in others."""

    def divided(self, made: int, among: int) -> "Share":
        """What each of so many nested ones may, after so many resources were made. Raises TemplateError.

        How deep they stand is counted here, too: a template that is fetched may link to itself.

        >>> part = Share(800).divided(20, 10)
        >>> part.resources, part.deployments
        (78, 9)
        """
        if self.depth >= NESTED_AT_MOST:
            raise TemplateError(f"the template nests deployments deeper than {NESTED_AT_MOST} levels")
        resources = max((self.resources or 0) - made, 0) // among
        return Share(resources, max(self.deployments - among, 0) // among, self.budget, self.depth + 1)
