"""Judges rollbacks afterwards (R2) by what the flight recorder tells of each machine, from the rule's text alone."""

from collections.abc import Iterator, Sequence
from itertools import pairwise

from instar.compute.simulated.flight.recorder import FlightRecord, Kind
from instar.domain.records.upgrades import UpgradeStatus
from instar.domain.sets.policies import StartedBy
from tests.simulation.flown import Flown

MOVES = (Kind.CREATE, Kind.COMMIT_SWAP, Kind.COMMIT_RESTORE, Kind.COMMIT_GIVE_BACK)


def judged_return(upgrade: Flown, of_the_set: Sequence[Flown]) -> Iterator[str]:
    """What was wrong with a rollback, and whether the platform undid it."""
    if upgrade.record.started_by is not StartedBy.USER:
        yield "nobody began it"
    named = bool(upgrade.wishes and upgrade.wishes.version)
    for batch in upgrade.batches:
        for instance_id in batch.ids:
            moves = _moves(upgrade, instance_id)
            its = next((n for n, move in enumerate(moves) if move.effect == upgrade.key), None)
            if its is None:
                if upgrade.record.status is UpgradeStatus.COMPLETED:
                    yield f"{instance_id} was stopped and got no disk"
                continue
            if not named and (why := _wrong(moves[:its], moves[its])):
                yield f"{instance_id} went back to {moves[its].os_disk}: {why}"
    left = versions_left(upgrade, of_the_set)
    later = sorted((one for one in of_the_set if one.record.number > upgrade.record.number), key=_number)
    for one in later:
        if one.record.target.version in left and one.record.started_by is StartedBy.PLATFORM:
            yield f"upgrade {one.record.number} of the platform undid it"
        if one.record.started_by is StartedBy.USER:
            left -= {one.record.target.version}


def versions_left(upgrade: Flown, of_the_set: Sequence[Flown]) -> set[str]:
    """Versions that machines of a rollback were brought to by earlier upgrades, and were taken from."""
    made = {one.key: one.record.target.version for one in of_the_set}
    left = set[str]()
    for batch in upgrade.batches:
        for instance_id in batch.ids:
            moves = _moves(upgrade, instance_id)
            before = [one for one in moves if one.time < batch.begins]
            if before and before[-1].kind is Kind.COMMIT_SWAP and before[-1].effect in made:
                left.add(made[before[-1].effect])
    return left - {upgrade.record.target.version}


def _wrong(before: Sequence[FlightRecord], given: FlightRecord) -> str:
    """It is to be a disk from before the one that it had, and none that failed or that a rollback left."""
    if given.kind is not Kind.COMMIT_GIVE_BACK:
        return ""  # newly made: the flight recorder's judge and the reference model see to these
    disks = [one.os_disk for one in before]
    if not disks:
        return "it never had one"
    if given.os_disk not in disks[: disks.index(disks[-1])]:
        return "it had that not before the one that it was on"
    for one, following in pairwise(before):
        if following.kind in (Kind.COMMIT_RESTORE, Kind.COMMIT_GIVE_BACK) and one.os_disk == given.os_disk:
            return "that had failed, or had been left"
    return ""


def _moves(upgrade: Flown, instance_id: str) -> list[FlightRecord]:
    return [one for one in upgrade.flight if one.instance_id == instance_id and one.kind in MOVES]


def _number(upgrade: Flown) -> int:
    return upgrade.record.number
