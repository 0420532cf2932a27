"""Looks at who answers: API, store, Temporal, workers; what each is, and what its clock says."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

import httpx
from sqlalchemy import text
from temporalio.api.enums.v1 import TaskQueueType
from temporalio.api.taskqueue.v1 import PollerInfo, TaskQueue
from temporalio.api.workflowservice.v1 import DescribeTaskQueueRequest, GetSystemInfoRequest
from temporalio.client import Client
from temporalio.service import RPCError

from instar.client.api_client import without_secrets
from instar.compute.clock import utc_now
from instar.connection.client import WrongSettings
from instar.connection.presence import BeingRestored, look_on
from instar.doctor.place import NotLooked, Place
from instar.domain.checkup import reaching
from instar.domain.checkup.findings import Finding
from instar.domain.legible import legible
from instar.domain.sets.names import COMPUTE_QUEUE, HOOK_QUEUE, WEBHOOK_QUEUE, WORKFLOW_QUEUE
from instar.store.database.database import revisions
from instar.store.errors import StoreError
from worker.namespace import MAY_NOT_ASK, Lacks, lacking

QUEUES = (WORKFLOW_QUEUE, COMPUTE_QUEUE, WEBHOOK_QUEUE, HOOK_QUEUE)

RELEASE = " instar/"
"""In the identity of a worker, before its release."""

WORDS = 300
"""Characters of somebody else's error."""

POLLED_WITHIN = timedelta(minutes=2)
"""A poll is renewed at least once a minute; the server tells of older ones for five."""


def api(place: Place) -> list[Finding]:
    """`/readyz`, which asks for no token."""
    address = place.address()
    shown = without_secrets(address)
    try:
        with place.http() as client:
            answer = client.get("/readyz")
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        return reaching.api(reaching.ApiFacts(shown, error=legible(str(error), WORDS) or type(error).__name__))
    body = _json(answer)
    error_body = body.get("error")
    said = error_body.get("message", "") if isinstance(error_body, dict) else ""
    return reaching.api(
        reaching.ApiFacts(
            shown, status=answer.status_code, temporal=str(body.get("temporal", "")), waits_for=legible(str(said))
        )
    )


def store(place: Place) -> list[Finding]:
    """Its schema, as it is."""
    if not place.has_store():
        raise NotLooked(f"there is no data directory {place.data_dir} and no INSTAR_DATABASE_URL here")
    address = "the store"
    try:
        address = place.store_address()
        look_on(place.data_dir).close()
        if place.store_is_missing():
            return reaching.store(reaching.StoreFacts(address, missing=True))
        with place.database() as database:
            revision = database.revision()
    except BeingRestored as error:
        return reaching.restored(str(error))
    except StoreError as error:
        return reaching.store(reaching.StoreFacts(address, error=legible(str(error), WORDS)))
    return reaching.store(reaching.StoreFacts(address, revision=revision, known=revisions()))


def temporal(place: Place) -> list[Finding]:
    """Its version, and what the namespace knows."""
    try:
        address, namespace = place.temporal_address()
    except WrongSettings as error:
        return reaching.temporal(reaching.TemporalFacts("Temporal", "default", error=legible(str(error), WORDS)))

    async def ask(client: Client) -> tuple[str, Lacks]:
        info = await client.workflow_service.get_system_info(GetSystemInfoRequest())
        try:
            lacks = await lacking(client)
        except RPCError as error:
            if error.status not in MAY_NOT_ASK:
                raise
            return info.server_version, Lacks()
        return info.server_version, lacks

    try:
        version, lacks = place.ask_temporal(ask)
    except (RuntimeError, TimeoutError, WrongSettings, RPCError) as error:
        facts = reaching.TemporalFacts(address, namespace, error=legible(str(error), WORDS) or "its time is over")
        return reaching.temporal(facts)
    facts = reaching.TemporalFacts(address, namespace, version=version, missing=lacks.missing, other=lacks.other)
    return reaching.temporal(facts)


def workers(place: Place) -> list[Finding]:
    """Who polled each task queue within the last minutes."""
    seen = place.temporal(pollers)
    now = utc_now()

    def count(name: str, kind: TaskQueueType.ValueType) -> int:
        return sum(now - polled_at(one) < POLLED_WITHIN for one in seen[name, kind])

    queues = {
        name: reaching.Queue(
            count(name, TaskQueueType.TASK_QUEUE_TYPE_WORKFLOW), count(name, TaskQueueType.TASK_QUEUE_TYPE_ACTIVITY)
        )
        for name in QUEUES
    }
    return reaching.workers(queues, WORKFLOW_QUEUE)


async def pollers(client: Client) -> Mapping[tuple[str, TaskQueueType.ValueType], list[PollerInfo]]:
    """Who polls, by queue and kind, as Temporal tells."""
    found = {}
    for name in QUEUES:
        for kind in (TaskQueueType.TASK_QUEUE_TYPE_WORKFLOW, TaskQueueType.TASK_QUEUE_TYPE_ACTIVITY):
            answer = await client.workflow_service.describe_task_queue(
                DescribeTaskQueueRequest(
                    namespace=client.namespace, task_queue=TaskQueue(name=name), task_queue_type=kind
                )
            )
            found[name, kind] = list(answer.pollers)
    return found


def polled_at(poller: PollerInfo) -> datetime:
    """When it asked for work last, by Temporal's clock."""
    return poller.last_access_time.ToDatetime(tzinfo=UTC)


def release_of(poller: PollerInfo) -> str:
    """Of which release a worker says it is; "" of one before 0.2, which says nothing."""
    return legible(poller.identity.rpartition(RELEASE)[2], 40) if RELEASE in poller.identity else ""


async def server_version(client: Client) -> str:
    """Temporal's."""
    return (await client.workflow_service.get_system_info(GetSystemInfoRequest())).server_version


def api_version(place: Place) -> str:
    """The API's, as its OpenAPI document says. Raises NotLooked."""
    try:
        with place.http() as client:
            told = _json(client.get("/openapi.json")).get("info")
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise NotLooked("the API does not answer: see the check api") from error
    return legible(str(told.get("version", "")), 40) if isinstance(told, dict) else ""


def api_ahead(place: Place) -> timedelta | None:
    """How far the API's clock is ahead, to half a second and the time that it took to answer. Raises NotLooked."""
    try:
        with place.http() as client:
            before = utc_now()
            answer = client.get("/healthz")
            middle = before + (utc_now() - before) / 2
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise NotLooked("the API does not answer: see the check api") from error
    try:
        told = parsedate_to_datetime(answer.headers["date"])
    except (KeyError, ValueError):
        return None
    # The header is cut to whole seconds.
    return told + timedelta(seconds=0.5) - middle


def database_ahead(place: Place) -> timedelta | None:
    """How far PostgreSQL's clock is ahead; None of SQLite, which has that of this machine. Raises NotLooked."""
    with place.store() as opened, opened.database.reading() as connection:
        if connection.dialect.name != "postgresql":
            return None
        before = utc_now()
        told = connection.scalar(text("SELECT clock_timestamp()"))
        middle = before + (utc_now() - before) / 2
    return told - middle if isinstance(told, datetime) else None


def temporal_ahead(place: Place) -> timedelta | None:
    """How far Temporal's clock is ahead, to a minute: its workers' polls were so long ago, at the most.

    None where nobody polls. Raises NotLooked.
    """
    seen = place.temporal(pollers)
    newest = max((polled_at(one) for several in seen.values() for one in several), default=None)
    return None if newest is None else newest + timedelta(seconds=30) - utc_now()


def _json(answer: httpx.Response) -> dict[str, object]:
    try:
        body = answer.json()
    except ValueError:
        return {}
    return body if isinstance(body, dict) else {}
