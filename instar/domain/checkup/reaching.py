"""Whether the parts of an installation answer, and who works: API, store, Temporal, workers."""

from collections.abc import Mapping
from dataclasses import dataclass

from instar.domain.checkup.findings import Check, Finding, named, ok, or_ok, problem, warning


@dataclass(frozen=True, slots=True)
class ApiFacts:
    """What an API answered at `/readyz`. `error`: why nothing answered; "" where something did."""

    address: str
    error: str = ""
    status: int = 0
    temporal: str = ""
    """What it says of Temporal: `up` or `away`."""
    waits_for: str = ""
    """What it said with a 503."""


READY, UNAVAILABLE = 200, 503


def api(facts: ApiFacts) -> list[Finding]:
    """Whether it answers, and whether it reaches what it needs."""
    if facts.error:
        return [
            problem(
                Check.API,
                f"nothing answers at {facts.address}: {facts.error}",
                "start it (`instar up`, or `systemctl start instar-api`), or name its address with --api",
            )
        ]
    if facts.status == UNAVAILABLE:
        return [problem(Check.API, f"{facts.address} is not ready: {facts.waits_for}", "its log says more")]
    if facts.status != READY or facts.temporal not in {"up", "away"}:
        return [
            problem(
                Check.API,
                f"what answers at {facts.address} is no Instar API (HTTP {facts.status})",
                "name its address with --api",
            )
        ]
    if facts.temporal == "away":
        return [
            problem(
                Check.API,
                f"{facts.address} answers, and does not reach Temporal: what it accepts is not begun",
                "is Temporal running, and has the API the same TEMPORAL_… settings? its log says why",
            )
        ]
    return [ok(Check.API, f"{facts.address} answers, and reaches its store and Temporal")]


@dataclass(frozen=True, slots=True)
class StoreFacts:
    """How the store was found. `address`: without a password. `error`: why it did not answer."""

    address: str
    error: str = ""
    missing: bool = False
    """There is no such file."""
    revision: str = ""
    """Its schema; "" of a database without one."""
    known: tuple[str, ...] = ()
    """The schemas that this Instar knows, the newest first."""


def restored(why: str) -> list[Finding]:
    """Of a data directory that is being restored, or a restore of which was broken off."""
    then = "let it come to its end, or run it again if it was broken off: until then worker and API wait"
    return [problem(Check.STORE, why, then)]


def store(facts: StoreFacts) -> list[Finding]:
    """Whether it answers, and whether this Instar can work with it."""
    where = "is it the right one? INSTAR_DATABASE_URL or --data-dir name another"
    if facts.missing:
        return [problem(Check.STORE, f"there is no store {facts.address}: nothing was ever written down", where)]
    if facts.error:
        return [problem(Check.STORE, f"{facts.address} does not answer: {facts.error}", f"start the database; {where}")]
    if not facts.revision:
        return [problem(Check.STORE, f"{facts.address} answers, and holds no store of Instar", where)]
    if facts.revision not in facts.known:
        return [
            problem(
                Check.STORE,
                f"{facts.address} has schema {facts.revision}, which this Instar does not know",
                "it was written by a newer one: install that here too",
            )
        ]
    if facts.revision != facts.known[0]:
        return [
            warning(
                Check.STORE,
                f"{facts.address} has schema {facts.revision}, older than {facts.known[0]} of this Instar",
                "start its worker and API anew: the first one brings it up to date",
            )
        ]
    return [ok(Check.STORE, f"{facts.address} answers, with schema {facts.revision}")]


@dataclass(frozen=True, slots=True)
class TemporalFacts:
    """How Temporal's server was found. `error`: why it did not answer."""

    address: str
    namespace: str
    error: str = ""
    version: str = ""
    missing: tuple[str, ...] = ()
    """Search attributes of Instar that the namespace does not have."""
    other: tuple[str, ...] = ()
    """Those that it has with another type than Keyword."""


def temporal(facts: TemporalFacts) -> list[Finding]:
    """Whether it answers, and whether its namespace can carry Instar."""
    if facts.error:
        return [
            problem(
                Check.TEMPORAL,
                f"{facts.address} does not answer for namespace {facts.namespace}: {facts.error}",
                "start it, or see to TEMPORAL_ADDRESS, TEMPORAL_NAMESPACE and the TLS settings",
            )
        ]
    if facts.missing:
        return [
            problem(
                Check.TEMPORAL,
                f"namespace {facts.namespace} at {facts.address} lacks the search attributes {named(facts.missing)}",
                "deploy/temporal-namespace.sh adds them",
            )
        ]
    if facts.other:
        return [
            problem(
                Check.TEMPORAL,
                f"in namespace {facts.namespace} at {facts.address} the search attributes {named(facts.other)} are of "
                "another type than Keyword: workers wait",
                "remove them there (temporal operator search-attribute remove), or use another namespace",
            )
        ]
    return [ok(Check.TEMPORAL, f"{facts.address} answers, version {facts.version}, namespace {facts.namespace}")]


@dataclass(frozen=True, slots=True)
class Queue:
    """Who takes work from a task queue."""

    workflows: int = 0
    activities: int = 0
    """Pollers, as the server saw them within its last minutes."""


def workers(queues: Mapping[str, Queue], with_workflows: str) -> list[Finding]:
    """Whether each queue has somebody; `with_workflows`: the one that carries workflow tasks too."""
    if not any(queue.workflows or queue.activities for queue in queues.values()):
        return [
            problem(
                Check.WORKERS,
                "no worker polls Temporal: upgrades stand still where they are",
                "start one (`instar up`, or `systemctl start instar-worker`), with the same TEMPORAL_… settings",
            )
        ]
    idle = [
        name
        for name, queue in queues.items()
        if not queue.activities or (name == with_workflows and not queue.workflows)
    ]
    found = [
        problem(
            Check.WORKERS,
            f"no worker polls the task queue {name}",
            "a worker of this release polls them all: start it anew, its log says why it does not",
        )
        for name in sorted(idle)
    ]
    return or_ok(found, Check.WORKERS, f"every task queue is polled: {named(queues)}")
