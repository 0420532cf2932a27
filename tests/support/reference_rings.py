"""Which sets a version reaches by rings, written from rule W5 alone. Like `reference_model` it knows no time."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from tests.support.reference_model import ReferenceModel


@dataclass
class ReferenceRings:
    """The sets of each ring, the first ring first."""

    rings: Sequence[Sequence[ReferenceModel]]
    published: dict[int, set[int] | None] = field(default_factory=dict)

    def publish(self, version: int, sickens: set[int] | None) -> None:
        """It is offered to a ring once every set of the rings before has completed with it unless one excludes it."""
        self.published[version] = sickens
        self.settle()

    def settle(self) -> None:
        """What may go on goes on."""
        for version, sickens in self.published.items():
            for number, ring in enumerate(self.rings):
                fresh = [one for one in ring if version not in one.offered]
                if self._lets_on(version, number):
                    for one in fresh:
                        one.publish(version, sickens)

    def _lets_on(self, version: int, number: int) -> bool:
        earlier = [one for ring in self.rings[:number] for one in ring]
        everybody = [one for ring in self.rings for one in ring]
        done = all(any(self._completed(one, version)) for one in earlier)
        return done and not any(version in one.quarantined for one in everybody)

    def _completed(self, one: ReferenceModel, version: int) -> list[bool]:
        return [a.status == "Completed" and a.version == str(version) for a in one.history]
