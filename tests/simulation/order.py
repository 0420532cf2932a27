"""Judges the order of rings by the rule's text alone: no set takes a version before it is its ring's turn (W5)."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from isodate import parse_duration

from instar.domain.records.upgrades import UpgradeStatus
from instar.domain.sets.policies import StartedBy
from tests.simulation.flown import Flown
from tests.simulation.logbook import Rings
from tests.simulation.returns import versions_left

P2_CODE = "MaxUnhealthyInstancePercentExceededBeforeRollingUpgrade"
"""The set was sick before anything was touched: that says nothing of the version."""


@dataclass
class Order:
    """`saw`: how old what rings go by may be, for their keeper looks now and then."""

    everybody: Sequence[Flown]
    rings: Sequence[Rings]
    saw: timedelta

    def judged(self, upgrade: Flown) -> Iterator[str]:
        """Why it should not have begun when it did."""
        if upgrade.record.started_by is not StartedBy.PLATFORM:
            return
        written: dict[str, Rings] = {one.name: one for one in self.rings if one.at <= upgrade.resolved}
        for rings in written.values():
            sets = [unique_id for ring, _ in rings.rings for unique_id in ring]
            if upgrade.unique_id not in sets:
                continue
            yield from self._too_early(upgrade, rings)
            version = upgrade.record.target.version
            for one in sets:
                if self._excluded(one, version, upgrade.resolved - self.saw, upgrade.resolved):
                    yield f"it took {version}, which is quarantined in {self._name(one)}"

    def _too_early(self, upgrade: Flown, rings: Rings) -> Iterator[str]:
        version = upgrade.record.target.version
        for ring, bake in rings.rings:
            if upgrade.unique_id in ring:
                return
            for one in ring:
                if not any(
                    its.record.status is UpgradeStatus.COMPLETED
                    and its.record.target.version == version
                    and its.record.ended_at
                    and its.record.ended_at + parse_duration(bake) <= upgrade.resolved
                    for its in self._of(one)
                ):
                    yield f"it took {version} before {self._name(one)} had completed and baked it for {bake}"

    def _excluded(self, unique_id: str, version: str, since: datetime, until: datetime) -> bool:
        """Whether a version was quarantined in a set all that time."""
        words = sorted(self._words(unique_id, version))
        before = [bad for at, bad in words if at <= since]
        return bool(before) and before[-1] and all(bad for at, bad in words if since < at <= until)

    def _words(self, unique_id: str, version: str) -> Iterator[tuple[datetime, bool]]:
        """What speaks against a version in a set, and what lifts that."""
        for its in self._of(unique_id):
            record = its.record
            if its.goes_back and version in versions_left(its, self._of(unique_id)):
                yield record.started_at, True
            if record.target.version != version:
                continue
            if record.started_by is StartedBy.USER:
                yield record.started_at, False
            if record.ended_at is None or its.goes_back:
                continue
            code = record.error.code if record.error else ""
            if record.status is UpgradeStatus.CANCELLED or (record.status is UpgradeStatus.FAULTED and code != P2_CODE):
                yield record.ended_at, True

    def _of(self, unique_id: str) -> list[Flown]:
        return [one for one in self.everybody if one.unique_id == unique_id]

    def _name(self, unique_id: str) -> str:
        return next((one.site.name for one in self._of(unique_id)), unique_id)
