"""What could be gone back to, as it is shown (docs/rules.md R1)."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from isodate import duration_isoformat

from api.shapes.answers import going_back_body
from api.wire.moments import moment
from instar.domain.machines.instances import Instance, OsDisk
from instar.domain.records.operation_keys import number_and_drawn
from instar.domain.records.way_back import WayBack
from instar.domain.sets.scale_sets import ScaleSetIdentity
from instar.domain.steering.retention import Retention, kept_until
from instar.store.sets.stored_scale_set import StoredScaleSet
from instar.store.store import Store

Json = dict[str, Any]


@dataclass(frozen=True)
class Kept:
    """How long the kept disks of a set are kept."""

    setting: timedelta
    wish: Retention | None
    why_all: str
    """Why nothing is deleted at all just now; "" where that is not so."""
    ended: dict[int, datetime | None]
    """When the operations ended that put disks aside; None of one that runs."""

    @classmethod
    def of(
        cls, store: Store, scale_set: ScaleSetIdentity, instances: Iterable[Instance], now: datetime, setting: timedelta
    ) -> "Kept":
        """Read what is needed to tell it: blocks."""
        unique_id = scale_set.unique_id
        numbers = {number_and_drawn(disk.replaced_by)[0] for one in instances for disk in one.previous_os_disks}
        records = [record for number in sorted(numbers) if (record := store.upgrades.get(unique_id, number))]
        latest, pause = store.upgrades.latest(unique_id), store.wishes.pause_of(unique_id)
        why = "while an upgrade runs" if latest and not latest.status.ended else ""
        if pause and pause.lasts(now):
            why = "while the set is paused"
        return cls(setting, store.retentions.get(unique_id), why, {one.number: one.ended_at for one in records})

    @property
    def keep(self) -> timedelta:
        """How long after the end of the upgrade that replaced them."""
        return self.setting if self.wish is None or self.wish.keep is None else self.wish.keep

    def disk_body(self, disk: OsDisk) -> Json:
        """One kept disk. Its time counts from the end of the operation that put it aside."""
        number = number_and_drawn(disk.replaced_by)[0]
        body: Json = {"version": disk.image.version, "generation": disk.generation, "replacedBy": number}
        ended_at = self.ended.get(number)
        if ended_at is not None:
            body["since"] = moment(ended_at)
        if self.why_all or ended_at is None:
            return body | {"keptWhile": self.why_all or "until the operation that replaced it has ended, or is known"}
        return body | {"until": moment(kept_until(ended_at, self.setting, self.wish))}

    def body(self) -> Json:
        """The retention of the set."""
        body: Json = {"keepPreviousDisks": duration_isoformat(self.keep), "isOwn": self.wish is not None}
        if self.wish:
            wish = self.wish
            body |= {"reason": wish.reason, "by": wish.by, "since": moment(wish.since), "sentence": wish.sentence}
            if wish.until:
                body["until"] = moment(wish.until)
        return body


def retention_document(stored: StoredScaleSet, kept: Kept) -> Json:
    """How long previous disks are kept."""
    return _resource(stored, "retention", kept.body())


def way_back_document(stored: StoredScaleSet, instances: Iterable[Instance], way: WayBack, kept: Kept) -> Json:
    """What each instance could go back to, and the set as a whole."""
    properties = {
        "retention": kept.body(),
        "goesBackTo": [going_back_body(part) for part in way.parts],
        "alreadyThere": way.there.ranges,
        "leftOut": [{"reason": why, "instances": ids.ranges} for why, ids in way.left_out.items()],
        "sentence": way.sentence or "the scale set has no instances",
        "instances": [_instance(one, way, kept) for one in instances],
    }
    return _resource(stored, "rollback", properties)


def _instance(instance: Instance, way: WayBack, kept: Kept) -> Json:
    disk, part = instance.os_disk, way.of(instance.instance_id)
    body: Json = {
        "instanceId": instance.instance_id,
        "version": disk.image.version if disk else "",
        "generation": disk.generation if disk else 0,
        "kept": [kept.disk_body(one) for one in instance.previous_os_disks],
    }
    if part:
        goes = {"version": part.image.version, "generation": part.generation, "newlyMade": part.newly_made}
        return body | {"goesBackTo": goes}
    return body


def _resource(stored: StoredScaleSet, name: str, properties: Json) -> Json:
    return {
        "id": f"{stored.identity.resource_id}/instar/{name}",
        "name": name,
        "type": "Microsoft.Compute/virtualMachineScaleSets/instar",
        "properties": properties,
    }
