"""What a template deployment still needs to know, sealed: its template and parameters hold secrets (docs/rules.md F5).

The deployment itself is a document among the resources. It holds the seal while it runs and not a moment longer.
"""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from instar.store.database.columns import written
from instar.store.database.sealing import SealerProtocol
from instar.store.errors import Conflict
from instar.store.quotas import DEPLOYMENTS_TYPE
from instar.store.resources import Resources, StoredResource

TYPE = DEPLOYMENTS_TYPE
SEAL = "sealed"
"""The member of the document that holds it."""


class Deployments:
    """Methods are synchronous and short: call them by `asyncio.to_thread` from a loop."""

    def __init__(self, resources: Resources, sealer: SealerProtocol) -> None:
        self._resources = resources
        self._sealer = sealer

    def sealed(self, plan: Mapping[str, Any]) -> str:
        """A token for what is still needed. Raises Unstorable."""
        return self._sealer.seal(written(plan))

    def opened(self, stored: StoredResource) -> dict[str, Any]:
        """What is still needed of one that runs. Raises SealingError."""
        plan: dict[str, Any] = json.loads(self._sealer.open(stored.document[SEAL]))
        return plan

    def unfinished(self) -> list[StoredResource]:
        """Those that run, by id."""
        return [one for one in self._resources.with_member(TYPE, SEAL) if one.document.get(SEAL)]

    def operations(self) -> set[str]:
        """Those that the ones that run wait for, or have waited for."""
        return {one for deployment in self.unfinished() for one in _operations_in(deployment.document)}

    def tokens(self) -> list[str]:
        """The seals of those that run."""
        return [resource.document[SEAL] for resource in self.unfinished()]

    def rotated(self) -> dict[str, str]:
        """Id -> its seal made with the first key. Raises SealingError."""
        return {resource.resource_id: self._sealer.rotate(resource.document[SEAL]) for resource in self.unfinished()}

    def reseal(self, resource_id: str, token: str) -> None:
        """Put a seal in the place of the old one; of one that has ended meanwhile nothing is kept."""
        while (stored := self._resources.find(resource_id)) is not None and stored.document.get(SEAL):
            try:
                self._resources.replace(stored, {**stored.document, SEAL: token})
            except Conflict:
                continue
            return


def _operations_in(document: Any) -> Iterator[str]:
    """Whatever an unfinished deployment waits for, however deep it is nested."""
    if isinstance(document, dict):
        for name, value in document.items():
            if name == "operation" and isinstance(value, str):
                yield value
            else:
                yield from _operations_in(value)
    elif isinstance(document, list):
        for value in document:
            yield from _operations_in(value)
