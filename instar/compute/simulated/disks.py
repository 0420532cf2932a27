"""What happens to a machine's OS disks, each function inside one transaction of the fleet's file.

A swap is: look, make the disk, stop, commit. A restore is: look, stop, commit. (Then what is due runs: `provisioning`.)
Between two of them the process may die or a newer attempt may overtake; so each looks at the fence again, and only a
commit moves the machine to another disk.
"""

from dataclasses import dataclass

from instar.compute.errors import InstanceGone, NothingToRestore, Unavailable
from instar.compute.fences import Seen, admitted
from instar.compute.provider import Effect, MachineModel, Made
from instar.compute.simulated.answers.health import healthy_from, life_since, settle_of
from instar.compute.simulated.file.database import Transaction
from instar.compute.simulated.file.moments import from_micros
from instar.compute.simulated.flight.recorder import Kind
from instar.compute.simulated.machines import data_disks, kept_names
from instar.compute.simulated.provisioning import digest, make_due, remember
from instar.domain.images.images import ImageReference
from instar.domain.machines.instances import OsDisk, PowerState


@dataclass(frozen=True, slots=True)
class Machine:
    """One machine as a transaction finds it."""

    instance_id: int
    set_name: str
    os_disk: OsDisk | None
    runs: bool
    """Not stopped by its owner."""

    out: bool
    """Stopped by a swap or restore that has not committed."""

    settle: int
    booted_at: int
    disk_refused: str
    """The operation for which no OS disk could be made."""

    disk_generation: int

    def is_on_disk_of(self, effect: Effect, made: Made | None) -> bool:
        """Whether that operation made its OS disk, from that (None: whatever); the key alone does not say it (F7)."""
        if self.os_disk is None or self.os_disk.made_by != effect.key:
            return False
        return made is None or made.is_of(self.os_disk.image, self.disk_generation)

    def is_on(self, made: Made) -> bool:
        """Whether its OS disk is of that image and generation, whoever made it."""
        return self.os_disk is not None and made.is_of(self.os_disk.image, self.disk_generation)


_LOOK = """
SELECT m.set_name, m.power, m.out_of_service, m.settle, m.booted_at, m.unreachable_until,
       m.fence_operation, m.fence_step, m.fence_attempt, m.fence_keys, m.os_disk, d.image, d.made_by, d.generation,
       m.disk_refused
FROM machines m LEFT JOIN os_disks d ON (d.unique_id, d.instance_id, d.name) = (m.unique_id, m.instance_id, m.os_disk)
WHERE m.unique_id = ? AND m.instance_id = ? AND m.deleted_at IS NULL
"""


def look(tx: Transaction, effect: Effect) -> Machine:
    """Find the machine and remember who asks. Raises InstanceGone, Superseded, Unavailable."""
    set_id, number = effect.scale_set.unique_id, int(effect.instance_id)
    row = tx.execute(_LOOK, (set_id, number)).fetchone()
    if row is None:
        raise InstanceGone(f"instance {effect.instance_id} does not exist")
    if row[5] > tx.now:
        raise Unavailable(f"instance {effect.instance_id} is unreachable")
    seen = Seen(row[6], row[7], row[8], tuple(row[9].split(" ")))
    sees = admitted(seen, effect)
    if sees != seen:
        tx.execute(
            "UPDATE machines SET (fence_operation, fence_step, fence_attempt, fence_keys) = (?, ?, ?, ?) "
            "WHERE unique_id = ? AND instance_id = ?",
            (*sees.fence, " ".join(sees.keys), set_id, number),
        )
    disk = None if row[11] is None else OsDisk(row[10], tx.database.image(row[11]), row[12])
    runs = row[1] == PowerState.RUNNING
    return Machine(number, row[0], disk, runs, bool(row[2]), row[3], row[4], row[14], row[13] or 0)


def make_disk(tx: Transaction, effect: Effect, machine: Machine, image: ImageReference, model: MachineModel) -> str:
    """Make the new disk, detached; one that an earlier attempt left half-made of another image is replaced."""
    name = _free_name(tx, effect, machine)
    tx.execute(
        "INSERT OR REPLACE INTO os_disks "
        "(unique_id, instance_id, name, image, made_by, generation, custom_data_digest) VALUES (?, ?, ?, ?, ?, ?, ?)",
        (
            effect.scale_set.unique_id,
            machine.instance_id,
            name,
            tx.database.number_of(image),
            effect.key,
            model.generation,
            digest(model.custom_data),
        ),
    )
    remember(tx, effect.scale_set.unique_id, model)
    return name


def _free_name(tx: Transaction, effect: Effect, machine: Machine) -> str:
    """A name that no disk in use and no kept one has: a number of release 0.1 may have been given again (F7)."""
    kept = kept_names(tx, effect.scale_set.unique_id, machine.instance_id)
    taken = {*kept, machine.os_disk.name if machine.os_disk else ""}
    base = f"{machine.set_name}_{machine.instance_id}_os_{effect.tag}"
    names = (base, *(f"{base}_{number}" for number in range(2, len(taken) + 3)))
    return next(name for name in names if name not in taken)


def refuse_disk(tx: Transaction, effect: Effect) -> None:
    """Remember that no disk could be made for this operation, so that it can be told from one never asked for."""
    tx.execute(
        "UPDATE machines SET disk_refused = ? WHERE unique_id = ? AND instance_id = ?",
        (effect.key, effect.scale_set.unique_id, int(effect.instance_id)),
    )


def half_made(tx: Transaction, effect: Effect, machine: Machine, made: Made) -> str | None:
    """The disk of that image and generation which an earlier attempt of this operation made and did not commit.

    It is used as it is: a swap once begun comes to its end, also when the version was withdrawn meanwhile.
    """
    row = tx.execute(
        "SELECT name FROM os_disks WHERE unique_id = ? AND instance_id = ? AND made_by = ? AND image = ? "
        "AND generation = ? AND replaced_by IS NULL",
        (
            effect.scale_set.unique_id,
            machine.instance_id,
            effect.key,
            tx.database.number_of(made.image),
            made.generation,
        ),
    ).fetchone()
    return str(row[0]) if row else None


def stop(tx: Transaction, effect: Effect, machine: Machine) -> None:
    """Take a running machine out of service; one that is out already, or that its owner stopped, stays as it is."""
    if not machine.runs or machine.out:
        return
    tx.execute(
        "UPDATE machines SET out_of_service = 1 WHERE unique_id = ? AND instance_id = ?",
        (effect.scale_set.unique_id, machine.instance_id),
    )
    _record(tx, Kind.STOP, effect)


def commit_swap(tx: Transaction, effect: Effect, machine: Machine, name: str, model: MachineModel) -> OsDisk:
    """Move the machine to the disk that was made for it, and start it."""
    return _move_to(tx, effect, machine, name, settle_of(model.health_source), kind=Kind.COMMIT_SWAP)


def disk_to_restore(
    tx: Transaction, effect: Effect, machine: Machine, made: Made | None
) -> tuple[str, ImageReference, int]:
    """Name, image and generation of the disk that this operation put aside. Raises NothingToRestore."""
    rows = tx.execute(
        "SELECT name, image, generation, made_by FROM os_disks "
        "WHERE unique_id = ? AND instance_id = ? AND replaced_by = ? ORDER BY put_aside DESC",
        (effect.scale_set.unique_id, machine.instance_id, effect.key),
    ).fetchall()
    for name, image_number, generation, made_by in rows:
        image = tx.database.image(image_number)
        if made_by != effect.key or (made is not None and not made.is_of(image, generation)):
            return str(name), image, int(generation)
    raise NothingToRestore(f"instance {effect.instance_id}: no OS disk put aside by this upgrade is kept")


def disk_to_give_back(tx: Transaction, effect: Effect, kept: Made) -> tuple[str, ImageReference, int]:
    """The same of the newest kept disk of that image and generation (R2). Raises NothingToRestore."""
    row = tx.execute(
        "SELECT name FROM os_disks WHERE unique_id = ? AND instance_id = ? AND image = ? AND generation = ? "
        "AND replaced_by IS NOT NULL ORDER BY put_aside DESC",
        (effect.scale_set.unique_id, int(effect.instance_id), tx.database.number_of(kept.image), kept.generation),
    ).fetchone()
    if row is None:
        of_what = f"{kept.image} with model generation {kept.generation}"
        raise NothingToRestore(f"instance {effect.instance_id}: no OS disk of {of_what} is kept")
    return str(row[0]), kept.image, kept.generation


def commit_restore(  # noqa: PLR0917  # the commit of two effects
    tx: Transaction,
    effect: Effect,
    machine: Machine,
    name: str,
    model: MachineModel,
    kind: Kind = Kind.COMMIT_RESTORE,
) -> OsDisk:
    """Move the machine back to that disk, and start it; `model` is the one that the disk had."""
    remember(tx, effect.scale_set.unique_id, model)
    return _move_to(tx, effect, machine, name, machine.settle, kind=kind)


def start_again(tx: Transaction, effect: Effect, machine: Machine) -> None:
    """Start a machine that a swap stopped and never moved: it still has the disk that it had before."""
    set_id = effect.scale_set.unique_id
    tx.execute(
        "UPDATE machines SET out_of_service = 0, booted_at = ? WHERE unique_id = ? AND instance_id = ?",
        (tx.now, set_id, machine.instance_id),
    )
    image = machine.os_disk.image if machine.os_disk else ImageReference()
    _record(tx, Kind.START, effect, healthy_from=_planned(tx, effect, image, tx.now, machine.settle))


def _move_to(tx: Transaction, effect: Effect, machine: Machine, name: str, settle: int, *, kind: Kind) -> OsDisk:
    set_id, instance = effect.scale_set.unique_id, machine.instance_id
    if machine.os_disk is not None:
        tx.execute(
            "UPDATE os_disks SET replaced_by = ?, put_aside = (SELECT MAX(put_aside) + 1 FROM os_disks "
            "WHERE unique_id = ? AND instance_id = ?) WHERE unique_id = ? AND instance_id = ? AND name = ?",
            (effect.key, set_id, instance, set_id, instance, machine.os_disk.name),
        )
    [(image_number, made_by, generation)] = tx.execute(
        "UPDATE os_disks SET replaced_by = NULL WHERE unique_id = ? AND instance_id = ? AND name = ? "
        "RETURNING image, made_by, generation",
        (set_id, instance, name),
    ).fetchall()
    booted_at = tx.now if machine.runs else machine.booted_at
    tx.execute(
        "UPDATE machines SET os_disk = ?, generation = ?, settle = ?, booted_at = ?, out_of_service = 0 "
        "WHERE unique_id = ? AND instance_id = ?",
        (name, generation, settle, booted_at, set_id, instance),
    )
    make_due(tx, set_id, instance)
    disk = OsDisk(name, tx.database.image(image_number), made_by)
    _record(
        tx,
        kind,
        effect,
        os_disk=name,
        kept_disks=kept_names(tx, set_id, instance),
        data_disks=data_disks(tx, set_id, instance),
        healthy_from=_planned(tx, effect, disk.image, booted_at, settle) if machine.runs else None,
    )
    return disk


def _planned(tx: Transaction, effect: Effect, image: ImageReference, booted_at: int, settle: int) -> object:
    life = life_since(booted_at, tx.scripts.timing(image), effect.instance_id, None, None)
    moment = healthy_from(life, settle)
    return None if moment is None else from_micros(moment)


def _record(tx: Transaction, kind: Kind, effect: Effect, **facts: object) -> None:
    tx.record(
        kind,
        effect.scale_set.unique_id,
        effect.instance_id,
        effect=effect.key,
        step=effect.fence.step.name.lower(),
        batch=effect.batch,
        **facts,
    )


def discard(tx: Transaction, unique_id: str, key: str) -> int:
    """Delete what that operation put aside or left half-made, never a disk in use; return how many it had put aside."""
    rows = tx.execute(
        "DELETE FROM os_disks WHERE unique_id = ?1 AND (replaced_by = ?2 OR (replaced_by IS NULL AND made_by = ?2)) "
        "AND NOT EXISTS (SELECT 1 FROM machines m WHERE (m.unique_id, m.instance_id, m.os_disk) = "
        "(os_disks.unique_id, os_disks.instance_id, os_disks.name)) RETURNING instance_id, name, replaced_by",
        (unique_id, key),
    ).fetchall()
    by_instance: dict[int, list[str]] = {}
    for instance_id, name, _ in rows:
        by_instance.setdefault(instance_id, []).append(name)
    for instance_id, names in by_instance.items():
        tx.record(Kind.DISCARD, unique_id, str(instance_id), effect=key, discarded=tuple(sorted(names)))
    return sum(replaced_by is not None for _, _, replaced_by in rows)
