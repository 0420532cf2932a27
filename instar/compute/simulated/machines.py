"""Machines as a whole: made, deleted, listed, observed, scripted. Each function inside one transaction or read."""

import json
import sqlite3
import uuid
from collections.abc import Iterable

from instar.compute.errors import Unavailable
from instar.compute.provider import MachineModel
from instar.compute.simulated.answers.health import healthy_from, life_since, report, report_out, settle_of
from instar.compute.simulated.answers.metrics import Metrics, metrics_of, scripted_metrics
from instar.compute.simulated.file.database import Database, Transaction
from instar.compute.simulated.file.moments import from_micros, micros, to_micros
from instar.compute.simulated.file.scripts import InstanceScript, Scripts, Timing, VersionScript
from instar.compute.simulated.flight.recorder import Kind
from instar.compute.simulated.provisioning import digest, make_due, remember, run_at_once, statuses
from instar.domain.health.sources import HealthSource
from instar.domain.images.images import ImageReference
from instar.domain.machines.instances import (
    DataDisk,
    ExtensionStatus,
    HealthObservation,
    HealthState,
    Instance,
    OsDisk,
    PowerState,
)
from instar.domain.machines.placement import Placement
from instar.domain.sets.scale_sets import ScaleSetIdentity


def data_disks(tx: Transaction, unique_id: str, instance_id: int) -> tuple[str, ...]:
    """The data disks of a machine as the flight recorder writes them."""
    rows = tx.execute(
        "SELECT lun, name, marker FROM data_disks WHERE unique_id = ? AND instance_id = ? ORDER BY lun",
        (unique_id, instance_id),
    )
    return tuple(f"{lun}:{name}:{marker}" for lun, name, marker in rows)


def kept_names(tx: Transaction, unique_id: str, instance_id: int) -> tuple[str, ...]:
    """Names of the kept OS disks of a machine, newest first."""
    rows = tx.execute(
        "SELECT name FROM os_disks WHERE unique_id = ? AND instance_id = ? AND replaced_by IS NOT NULL "
        "ORDER BY put_aside DESC",
        (unique_id, instance_id),
    )
    return tuple(name for (name,) in rows)


def create(
    tx: Transaction,
    scale_set: ScaleSetIdentity,
    instance_id: str,
    image: ImageReference,
    model: MachineModel,
    *,
    placement: Placement,
) -> None:
    """Make and start a machine, which runs custom data and extensions; nothing if its id is or was in use."""
    set_id, number = scale_set.unique_id, int(instance_id)
    name = f"{scale_set.name}_{number}_os_0"
    settle = settle_of(model.health_source)
    made = tx.execute(
        "INSERT OR IGNORE INTO machines (unique_id, instance_id, set_name, vm_id, os_disk, generation, zone, "
        "update_domain, created_at, booted_at, custom_data_digest, settle) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            set_id,
            number,
            scale_set.name,
            str(uuid.uuid5(uuid.NAMESPACE_URL, f"{set_id}/{number}")),
            name,
            model.generation,
            placement.zone,
            placement.update_domain,
            tx.now,
            tx.now,
            digest(model.custom_data),
            settle,
        ),
    )
    if not made.rowcount:
        return
    tx.execute(
        "INSERT INTO os_disks (unique_id, instance_id, name, image, made_by, generation, custom_data_digest) "
        "VALUES (?, ?, ?, ?, '', ?, ?)",
        (set_id, number, name, tx.database.number_of(image), model.generation, digest(model.custom_data)),
    )
    for lun in range(model.data_disks):
        tx.execute(
            "INSERT INTO data_disks VALUES (?, ?, ?, ?, ?)",
            (set_id, number, lun, f"{scale_set.name}_{number}_data_{lun}", uuid.uuid4().hex),
        )
    moment = healthy_from(life_since(tx.now, tx.scripts.timing(image), instance_id, None, None), settle)
    tx.record(
        Kind.CREATE,
        set_id,
        instance_id,
        os_disk=name,
        data_disks=data_disks(tx, set_id, number),
        zone=placement.zone,
        healthy_from=None if moment is None else from_micros(moment),
    )
    remember(tx, set_id, model)
    make_due(tx, set_id, number)
    run_at_once(tx, set_id, number)


def delete(tx: Transaction, unique_id: str, instance_id: str) -> None:
    """Delete a machine and all its disks; nothing if it is gone. One that never was is kept from coming to be."""
    tx.execute(
        "INSERT OR IGNORE INTO machines (unique_id, instance_id, set_name, vm_id, generation, created_at, booted_at, "
        "deleted_at, custom_data_digest, settle) VALUES (?, ?, '', '', 0, ?, ?, ?, '', 0)",
        (unique_id, int(instance_id), tx.now, tx.now, tx.now),
    )
    gone = tx.execute(
        "UPDATE machines SET deleted_at = ?, os_disk = NULL "
        "WHERE unique_id = ? AND instance_id = ? AND deleted_at IS NULL",
        (tx.now, unique_id, int(instance_id)),
    )
    if not gone.rowcount:
        return
    tx.execute("DELETE FROM os_disks WHERE unique_id = ? AND instance_id = ?", (unique_id, int(instance_id)))
    tx.execute("DELETE FROM data_disks WHERE unique_id = ? AND instance_id = ?", (unique_id, int(instance_id)))
    tx.record(Kind.DELETE, unique_id, instance_id)


_LIST = """
SELECT m.instance_id, m.vm_id, m.os_disk, m.generation, m.power, m.out_of_service, m.protected, m.created_at,
  m.provisioning, m.extensions, m.zone, m.update_domain, m.protected_from_scale_in, m.booted_at, m.fence_operation,
  m.fence_keys
FROM machines m WHERE m.unique_id = ? AND m.deleted_at IS NULL
"""
_OS_DISKS = """
SELECT m.instance_id, m.name, m.image, m.made_by, m.replaced_by, m.generation FROM os_disks m WHERE m.unique_id = ?
"""
_DATA_DISKS = "SELECT m.instance_id, m.lun, m.name, m.marker FROM data_disks m WHERE m.unique_id = ?"


def _rows(
    connection: sqlite3.Connection, query: str, unique_id: str, named: Iterable[str] | None, order: str = ""
) -> sqlite3.Cursor:
    """What the query finds of the machines of a set, or of those named, in the order of ids."""
    ordered = f" ORDER BY m.instance_id{order}"
    if named is None:
        return connection.execute(query + ordered, (unique_id,))
    those = " AND m.instance_id IN (SELECT value FROM json_each(?))"
    return connection.execute(query + those + ordered, (unique_id, json.dumps([int(one) for one in named])))


def listing(
    database: Database, connection: sqlite3.Connection, unique_id: str, instance_ids: Iterable[str] | None = None
) -> tuple[Instance, ...]:
    """Every machine of a set, or those named, in the order of ids."""
    named = None if instance_ids is None else tuple(instance_ids)
    in_use: dict[tuple[int, str], OsDisk] = {}
    kept: dict[int, list[OsDisk]] = {}
    os_disks = _rows(connection, _OS_DISKS, unique_id, named, ", m.put_aside DESC")
    for instance_id, name, image, made_by, replaced_by, made_with in os_disks:
        disk = OsDisk(name, database.image(image), made_by, replaced_by or "", made_with)
        if replaced_by is None:
            in_use[instance_id, name] = disk  # or half-made: then no machine names it
        else:
            kept.setdefault(instance_id, []).append(disk)
    data: dict[int, list[DataDisk]] = {}
    for instance_id, lun, name, marker in _rows(connection, _DATA_DISKS, unique_id, named, ", m.lun"):
        data.setdefault(instance_id, []).append(DataDisk(lun, name, marker))
    powers = {str(power): power for power in PowerState}
    models = dict(connection.execute("SELECT generation, document FROM models WHERE unique_id = ?", (unique_id,)))
    ended: dict[tuple[int, str], tuple[ExtensionStatus, ...]] = {}  # ten thousand machines, few ways to end

    def extensions(generation: int, results: str) -> tuple[ExtensionStatus, ...]:
        key = (generation, results)
        if key not in ended:
            ended[key] = statuses(results, models.get(generation))
        return ended[key]

    return tuple(
        Instance(
            str(row[0]),
            row[1],
            in_use.get((row[0], row[2])),
            row[3],
            powers[row[4]],
            not row[5] and (not row[8] or row[4] != PowerState.RUNNING),
            bool(row[6]),
            bool(row[12]),
            extensions=extensions(row[3], row[9]),
            zone=row[10],
            update_domain=row[11],
            created_at=from_micros(row[7]),
            booted_at=from_micros(row[13]),
            previous_os_disks=tuple(kept.get(row[0], ())),
            data_disks=tuple(data.get(row[0], ())),
            last_operation=row[14],
            last_key=row[15].rpartition(" ")[2],
        )
        for row in _rows(connection, _LIST, unique_id, named)
    )


_OBSERVE = """
SELECT m.instance_id, m.power, m.out_of_service, m.booted_at, m.sick_from, m.sick_until, m.unreachable_until, d.image
FROM machines m JOIN os_disks d ON (d.unique_id, d.instance_id, d.name) = (m.unique_id, m.instance_id, m.os_disk)
WHERE m.unique_id = ? AND m.deleted_at IS NULL
"""


def observing(
    database: Database,
    connection: sqlite3.Connection,
    unique_id: str,
    source: HealthSource,
    instance_ids: Iterable[str] | None,
) -> tuple[HealthObservation, ...]:
    """What the source says of each machine now. Raises Unavailable if one of them is unreachable (H7)."""
    moment = database.clock()
    now, settle, grace = to_micros(moment), settle_of(source), micros(source.grace_period)
    scripts = database.scripts()
    timings: dict[int, Timing] = {}
    versions: dict[int, VersionScript] = {}
    rows = _rows(connection, _OBSERVE, unique_id, instance_ids)
    told = scripted_metrics(connection, unique_id) if source.reads_bodies else {}
    observations = []
    for number, power, out, booted_at, sick_from, sick_until, unreachable_until, image in rows.fetchall():
        instance_id = str(number)
        if unreachable_until > now:
            raise Unavailable(f"instance {instance_id} is unreachable")
        if image not in timings:
            timings[image] = scripts.timing(database.image(image))
            versions[image] = scripts.of(database.image(image))
        if out or power == PowerState.STOPPED:
            said = report_out(source, stopped_by_owner=not out)
        else:
            life = life_since(booted_at, timings[image], instance_id, sick_from, sick_until)
            said = report(life, source, settle, grace, now)
        tells = source.reads_bodies and said.state is HealthState.HEALTHY
        settles_by = None if said.settles_by is None else from_micros(said.settles_by)
        metrics = metrics_of(told, versions[image], instance_id) if tells else Metrics()
        observations.append(
            HealthObservation(
                instance_id, said.state, moment, said.detail, settles_by, metrics.phase, metrics.skip, metrics.text
            )
        )
    return tuple(observations)


def script_instance(tx: Transaction, unique_id: str, instance_id: str, script: InstanceScript) -> bool:
    """Script a machine; False if there is none of that id."""
    row = tx.execute(
        "SELECT power, booted_at FROM machines WHERE unique_id = ? AND instance_id = ? AND deleted_at IS NULL",
        (unique_id, int(instance_id)),
    ).fetchone()
    if row is None:
        return False
    power = script.power or PowerState(row[0])
    started = power is PowerState.RUNNING and row[0] != PowerState.RUNNING
    tx.execute(
        "UPDATE machines SET sick_from = ?, sick_until = ?, unreachable_until = ?, power = ?, booted_at = ?, "
        "protected = COALESCE(?, protected) WHERE unique_id = ? AND instance_id = ?",
        (
            None if script.sick_from is None else to_micros(script.sick_from),
            None if script.sick_until is None else to_micros(script.sick_until),
            0 if script.unreachable_until is None else to_micros(script.unreachable_until),
            str(power),
            tx.now if started else row[1],
            script.protected,
            unique_id,
            int(instance_id),
        ),
    )
    tx.record(Kind.SICK, unique_id, instance_id, sick_from=script.sick_from, sick_until=script.sick_until)
    if power != row[0]:
        tx.record(Kind.POWER, unique_id, instance_id, power=str(power))
        record_plans(tx, None, instance=(unique_id, int(instance_id)))
        run_at_once(tx, unique_id, int(instance_id))
    return True


_PLANS = """
SELECT m.unique_id, m.instance_id, m.booted_at, m.settle, d.image
FROM machines m JOIN os_disks d ON (d.unique_id, d.instance_id, d.name) = (m.unique_id, m.instance_id, m.os_disk)
WHERE m.deleted_at IS NULL AND m.power = 'running' AND m.out_of_service = 0
"""


def record_plans(tx: Transaction, before: Scripts | None, instance: tuple[str, int] | None = None) -> None:
    """Tell the flight recorder when machines are going to be healthy, where what is scripted has changed that."""
    after = tx.scripts
    rows = (
        tx.execute(_PLANS)
        if instance is None
        else tx.execute(f"{_PLANS} AND (m.unique_id, m.instance_id) = (?, ?)", instance)
    )
    for unique_id, number, booted_at, settle, image_number in rows.fetchall():
        image = tx.database.image(image_number)
        plan = healthy_from(life_since(booted_at, after.timing(image), str(number), None, None), settle)
        if before is not None:
            old = healthy_from(life_since(booted_at, before.timing(image), str(number), None, None), settle)
            if plan == old or (plan is not None and old is not None and max(plan, old) <= tx.now):
                continue
        moment = None if plan is None else from_micros(plan)
        tx.record(Kind.HEALTHY_FROM, unique_id, str(number), healthy_from=moment)
