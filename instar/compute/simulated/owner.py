"""What the owner of a scale set does to its simulated machines, their disks aside: model, power, protection."""

from instar.compute.errors import InstanceGone, NotBegun
from instar.compute.provider import Effect, MachineModel
from instar.compute.simulated import disks, machines, provisioning
from instar.compute.simulated.agent import Agent
from instar.compute.simulated.answers.health import healthy_from, life_since, settle_of
from instar.compute.simulated.file.database import Transaction
from instar.compute.simulated.file.faults import Call, Point
from instar.compute.simulated.file.moments import from_micros
from instar.compute.simulated.flight.recorder import Kind
from instar.domain.machines.instances import PowerAction, PowerState
from instar.domain.sets.scale_sets import ScaleSetIdentity


class Owner(Agent):
    """The part of the fleet's `instar.compute.provider.Provider` that moves no OS disk."""

    async def apply_model(self, effect: Effect, model: MachineModel) -> None:
        """See `Provider`. Steps: look, stop, the time it takes (that of a swap by default), commit, then what runs."""
        self._admit(Call.APPLY, effect.scale_set.unique_id, effect.instance_id.__eq__)
        self._pass(Point.BEFORE_LOOK, Call.APPLY, effect)
        await self._apply(effect, model)
        await self._provision(Call.APPLY, effect)
        self._pass(Point.ANSWER_UNSENT, Call.APPLY, effect)
        self._answer(Call.APPLY, effect.scale_set.unique_id, effect.instance_id.__eq__)

    async def _apply(self, effect: Effect, model: MachineModel) -> None:
        with self._database.write() as tx:
            machine = disks.look(tx, effect)
            if not machine.out and _generation(tx, effect) == model.generation:
                return
            if not machine.out and not effect.fence.step.begins:
                tx.refuse(NotBegun(f"instance {effect.instance_id}: nothing was begun"))
        self._pass(Point.AFTER_DISK_MADE, Call.APPLY, effect)
        with self._database.write() as tx:
            disks.stop(tx, effect, disks.look(tx, effect))
        self._pass(Point.AFTER_STOP, Call.APPLY, effect)
        await self._pace.take(self.defaults.swap)
        await self._stand_still(Call.APPLY, effect)
        with self._database.write() as tx:
            machine = disks.look(tx, effect)
            if not machine.out and _generation(tx, effect) == model.generation:
                return  # the same attempt ran twice at once, and the other was first
            _commit_apply(tx, effect, machine, model)
        self._pass(Point.AFTER_COMMIT, Call.APPLY, effect)

    async def set_power(self, effect: Effect, action: PowerAction) -> None:
        """See `Provider`. A machine that an interrupted swap left stopped is started by a start or restart as well."""
        self._admit(Call.POWER, effect.scale_set.unique_id, effect.instance_id.__eq__)
        with self._database.write() as tx:
            machine = disks.look(tx, effect)
            if not _acted(tx, effect):
                _set_power(tx, effect, machine, action)
        self._answer(Call.POWER, effect.scale_set.unique_id, effect.instance_id.__eq__)

    async def protect(
        self, scale_set: ScaleSetIdentity, instance_id: str, *, from_actions: bool, from_scale_in: bool
    ) -> None:
        """See `Provider`."""
        self._admit(Call.POWER, scale_set.unique_id, instance_id.__eq__)
        with self._database.write() as tx:
            changed = tx.execute(
                "UPDATE machines SET protected = ?, protected_from_scale_in = ? "
                "WHERE unique_id = ? AND instance_id = ? AND deleted_at IS NULL",
                (from_actions, from_scale_in, scale_set.unique_id, int(instance_id)),
            )
            if not changed.rowcount:
                raise InstanceGone(f"instance {instance_id} does not exist")


def _place(effect: Effect) -> tuple[str, int]:
    return (effect.scale_set.unique_id, int(effect.instance_id))


def _generation(tx: Transaction, effect: Effect) -> int:
    row = tx.execute("SELECT generation FROM machines WHERE unique_id = ? AND instance_id = ?", _place(effect))
    return int(row.fetchone()[0])


def _acted(tx: Transaction, effect: Effect) -> bool:
    """Whether this operation has done its one thing to that machine."""
    row = tx.execute("SELECT acted_by FROM machines WHERE unique_id = ? AND instance_id = ?", _place(effect))
    return bool(row.fetchone()[0] == effect.key)


def _commit_apply(tx: Transaction, effect: Effect, machine: disks.Machine, model: MachineModel) -> None:
    """The machine and its disk are of that model now, and the machine starts."""
    settle = settle_of(model.health_source)
    booted_at = tx.now if machine.runs else machine.booted_at
    seen = (model.generation, provisioning.digest(model.custom_data))
    tx.execute(
        "UPDATE machines SET generation = ?, settle = ?, booted_at = ?, out_of_service = 0 "
        "WHERE unique_id = ? AND instance_id = ?",
        (model.generation, settle, booted_at, *_place(effect)),
    )
    provisioning.remember(tx, effect.scale_set.unique_id, model)
    provisioning.make_due(tx, *_place(effect), provisioning.Due.EXTENSIONS)
    tx.execute(
        "UPDATE os_disks SET generation = ?, custom_data_digest = ? WHERE unique_id = ? AND instance_id = ? "
        "AND name = (SELECT os_disk FROM machines m WHERE (m.unique_id, m.instance_id) = "
        "(os_disks.unique_id, os_disks.instance_id))",
        (*seen, *_place(effect)),
    )
    tx.record(
        Kind.COMMIT_APPLY,
        effect.scale_set.unique_id,
        effect.instance_id,
        effect=effect.key,
        step=effect.fence.step.name.lower(),
        batch=effect.batch,
        os_disk=machine.os_disk.name if machine.os_disk else "",
        data_disks=machines.data_disks(tx, *_place(effect)),
        healthy_from=_healthy_from(tx, effect, machine, booted_at, settle) if machine.runs else None,
    )


def _healthy_from(tx: Transaction, effect: Effect, machine: disks.Machine, booted_at: int, settle: int) -> object:
    if machine.os_disk is None:
        return None
    timing = tx.scripts.timing(machine.os_disk.image)
    moment = healthy_from(life_since(booted_at, timing, effect.instance_id, None, None), settle)
    return None if moment is None else from_micros(moment)


def _set_power(tx: Transaction, effect: Effect, machine: disks.Machine, action: PowerAction) -> None:
    runs = machine.runs if action is PowerAction.RESTART else action is PowerAction.START
    boots = runs and (machine.out or not machine.runs or action is PowerAction.RESTART)
    booted_at = tx.now if boots else machine.booted_at
    power = PowerState.RUNNING if runs else PowerState.STOPPED
    tx.execute(
        "UPDATE machines SET power = ?, booted_at = ?, out_of_service = 0, acted_by = ? "
        "WHERE unique_id = ? AND instance_id = ?",
        (str(power), booted_at, effect.key, *_place(effect)),
    )
    set_id = effect.scale_set.unique_id
    if runs is not machine.runs:
        tx.record(Kind.POWER, set_id, effect.instance_id, effect=effect.key, power=str(power))
    if boots:
        moment = _healthy_from(tx, effect, machine, booted_at, machine.settle)
        tx.record(Kind.START, set_id, effect.instance_id, effect=effect.key, healthy_from=moment)
        provisioning.run_at_once(tx, *_place(effect))
