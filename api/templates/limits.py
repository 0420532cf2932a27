"""What a template may ask for together with all that are nested in it."""

from dataclasses import dataclass, field

from api.templates.budget import Budget

DEPLOYMENTS_AT_MOST = 100
"""Nested ones of one template, and of those in them."""


@dataclass(frozen=True)
class Share:
    """Of one template. Each nested one has an equal part of the numbers; all work is paid out of one purse."""

    resources: int | None
    """None where that was asked before."""
    deployments: int = DEPLOYMENTS_AT_MOST
    budget: Budget = field(default_factory=Budget, compare=False)

    def divided(self, made: int, among: int) -> "Share":
        """What each of so many nested ones may, after so many resources were made.

        >>> part = Share(800).divided(20, 10)
        >>> part.resources, part.deployments
        (78, 9)
        """
        resources = max((self.resources or 0) - made, 0) // among
        return Share(resources, max(self.deployments - among, 0) // among, self.budget)
