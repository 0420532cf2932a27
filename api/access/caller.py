"""Whoever sent a request, with the roles that it has: for routes whose body reaches further than their path.

The guard has checked the path when a route begins. What else a request names (a probe, an image, the resources of a
template) the route asks for here, with the caller's own roles.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from api.access.principals import Principal
from api.wire.errors import ArmError
from instar.domain.access import Grant, Need, allowed


@dataclass(frozen=True, slots=True)
class Caller:
    """A verified principal and its roles, as they were when the request came."""

    principal: Principal
    grants: tuple[Grant, ...] = ()

    def may(self, need: Need) -> bool:
        """Whether one of its roles suffices."""
        return allowed(self.grants, need)

    def require(self, need: Need) -> None:
        """Raises ArmError 403 AuthorizationFailed."""
        if not self.may(need):
            raise ArmError(
                403,
                "AuthorizationFailed",
                f"{self._who} does not have authorization to perform action '{need.action}' over scope '{need.scope}' "
                f"or the scope is invalid. The role {need.role} there, or above, is needed.",
            )

    def require_linked(self, own: Need, linked: Iterable[Need]) -> None:
        """For what a resource names outside itself. Raises ArmError 403 LinkedAuthorizationFailed."""
        for need in linked:
            if not self.may(need):
                raise ArmError(
                    403,
                    "LinkedAuthorizationFailed",
                    f"{self._who} has permission to perform action '{own.action}' on scope '{own.scope}'; however, it "
                    f"does not have permission to perform action '{need.action}' on the linked scope(s) "
                    f"'{need.scope}' or the linked scope(s) are invalid. The role {need.role} there, or above, is "
                    "needed.",
                )

    def require_deployed(self, deployed: Iterable[tuple[str, Need]]) -> None:
        """For each resource of a template, its type and what it needs. Raises 403 InvalidTemplateDeployment."""
        for kind, need in deployed:
            if not self.may(need):
                name = need.scope.rpartition("/")[2]
                raise ArmError(
                    403,
                    "InvalidTemplateDeployment",
                    "Deployment failed with multiple errors: 'Authorization failed for template resource "
                    f"'{name}' of type '{kind}'. {self._who} does not have permission to perform action "
                    f"'{need.action}' at scope '{need.scope}'.'",
                    target=need.scope,
                )

    @property
    def _who(self) -> str:
        return f"The client '{self.principal.name}' with object id '{self.principal.subject}'"


NOBODY = Caller(Principal("", "", ()))
"""May do nothing: whose request no guard has let through."""
