"""What the application of a simulated machine does at a moment, for machines whose applications have real sockets."""

import json
import sqlite3
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from instar.compute.probing.prober import Prober, Target
from instar.compute.probing.reach import LOOPBACK, Listening
from instar.compute.simulated.answers.health import life_since
from instar.compute.simulated.answers.metrics import metrics_of, scripted_metrics
from instar.compute.simulated.file.database import Database
from instar.compute.simulated.file.moments import from_micros, to_micros
from instar.compute.simulated.file.scripts import Mute
from instar.domain.health.probe_answers import Answer
from instar.domain.health.sources import HealthSource, SourceKind
from instar.domain.machines.instances import HealthObservation, PowerState


class Manner(StrEnum):
    """How an application answers a probe."""

    CLOSED = "closed"
    """Nobody listens: the machine boots, is stopped or gone, or its application refuses."""
    HEALTHY = "healthy"
    UNHEALTHY = "unhealthy"
    INITIALIZING = "initializing"
    SILENCE = "silence"
    GARBAGE = "garbage"
    SLOW = "slow"


MUTE_MANNERS = {
    Mute.SILENCE: Manner.SILENCE,
    Mute.REFUSES: Manner.CLOSED,
    Mute.GARBAGE: Manner.GARBAGE,
    Mute.SLOW: Manner.SLOW,
    Mute.INITIALIZING: Manner.INITIALIZING,
}


@dataclass(frozen=True, slots=True)
class Application:
    """One machine's application now: where it listens, how it answers, when its machine had booted."""

    instance_id: str
    port: int
    manner: Manner
    boot_end: int = 0
    metrics: str = ""


_APPLICATIONS = """
SELECT s.instance_id, s.port, m.power, m.out_of_service, m.booted_at, m.sick_from, m.sick_until, d.image
FROM sockets s LEFT JOIN machines m
  ON (m.unique_id, m.instance_id) = (s.unique_id, s.instance_id) AND m.deleted_at IS NULL
LEFT JOIN os_disks d ON (d.unique_id, d.instance_id, d.name) = (m.unique_id, m.instance_id, m.os_disk)
WHERE s.unique_id = ?1 AND (?2 IS NULL OR s.instance_id = ?2) ORDER BY s.instance_id
"""


def applications(
    database: Database, connection: sqlite3.Connection, unique_id: str, instance_id: str | None = None
) -> tuple[Application, ...]:
    """The applications of a set that have sockets, or the one of that instance, as they are now."""
    now, scripts = to_micros(database.clock()), database.scripts()
    rows = connection.execute(_APPLICATIONS, (unique_id, None if instance_id is None else int(instance_id))).fetchall()
    told = scripted_metrics(connection, unique_id) if rows else {}
    found = []
    for number, port, power, out, booted_at, sick_from, sick_until, image_number in rows:
        name = str(number)
        if image_number is None or out or power != PowerState.RUNNING:
            found.append(Application(name, port, Manner.CLOSED))
            continue
        image = database.image(image_number)
        script = scripts.of(image)
        life = life_since(booted_at, scripts.timing(image), name, sick_from, sick_until)
        manner = _manner(life.answer_at(now), script.mute_as) if now >= life.boot_end else Manner.CLOSED
        metrics = metrics_of(told, script, name).text
        found.append(Application(name, port, manner, life.boot_end, metrics))
    return tuple(found)


def _manner(answer: Answer, mute: Mute) -> Manner:
    match answer:
        case Answer.GOOD:
            return Manner.HEALTHY
        case Answer.BAD:
            return Manner.UNHEALTHY
        case Answer.NONE:
            return MUTE_MANNERS[mute]


def body(application: Application) -> bytes:
    """What a healthy or an unhealthy application says of itself (H5)."""
    state = "Healthy" if application.manner is Manner.HEALTHY else "Unhealthy"
    metrics = {"CustomMetrics": application.metrics} if application.metrics else {}
    return json.dumps({"ApplicationHealthState": state} | metrics).encode()


async def with_real_answers(
    database: Database,
    prober: Prober,
    unique_id: str,
    source: HealthSource,
    computed: Iterable[HealthObservation],
) -> tuple[HealthObservation, ...]:
    """The observations, those of machines with sockets replaced by what a real look at them found."""
    computed = tuple(computed)
    if source.kind is SourceKind.DEFAULT:
        return computed
    with database.read() as connection:
        found = {application.instance_id: application for application in applications(database, connection, unique_id)}
    if not found:
        return computed
    reach = Listening(frozenset(application.port for application in found.values()))
    targets = [
        Target(observation.instance_id, LOOPBACK, app.port, reach, from_micros(app.boot_end) if app.boot_end else None)
        for observation in computed
        if (app := found.get(observation.instance_id))
    ]
    seen = {observation.instance_id: observation for observation in await prober.look(targets, source)}
    return tuple(seen.get(observation.instance_id, observation) for observation in computed)
