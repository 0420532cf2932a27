"""How a deployment goes on: each resource is made when those that it needs are there, until all are (docs/rules.md F1).

All that this needs is written down, so that whoever comes next can go on: the request that began the deployment takes
it as far as it goes at once, `tend` looks after it from then on, in this process or, if it dies, in the next one. A
resource is claimed before it is made. A claim whose maker was never heard of again lapses, and the resource is made
once more, which changes nothing where it was made already: it is a PUT of the same document.
"""

import asyncio
import logging
import traceback
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from api.access.noting import entry_of, noted
from api.deployments.deployment_documents import (
    FAILED,
    NOT_STARTED,
    RUNNING,
    SUCCEEDED,
    changed,
    ending,
    entries_changed,
    failed,
    failure,
)
from api.deployments.nested_runs import begin_nested, end_of_nested, is_nested
from api.deployments.plans import principal_of, read_plan
from api.deployments.resource_types import looked_up, made, types_of
from api.resources.operations import as_it_stands
from api.services.dependencies import Services
from api.templates.errors import TemplateError
from api.templates.planned import Planned
from api.templates.template import Template
from api.wire.errors import WENT_WRONG, ArmError
from api.wire.texts import check_texts
from instar.compute.errors import TryAgain
from instar.domain.access import need_of
from instar.domain.records.operations import OperationStatus
from instar.store.errors import Conflict, SealingError, StoreError, Unavailable
from instar.store.resources import StoredResource

Json = dict[str, Any]

CLAIM = timedelta(seconds=30)
"""After which a resource that was being made is made again: several times as long as Temporal is waited for."""

AT_A_TIME = 100
"""Resources that are claimed, and written down, by one change of the document."""

AT_ONCE = 10
"""Resources of one deployment that are being made at the same time: others have their turn between."""

PAUSE = timedelta(milliseconds=500)
"""Between two looks after all deployments: clients are told of an end within a second."""

_log = logging.getLogger(__name__)


async def tend(services: Services) -> None:
    """Look after all deployments, for ever."""
    while True:
        try:
            await tend_once(services)
        except StoreError as error:
            _log.warning("deployments wait, and are looked at again in a moment: %s", type(error).__name__)
        await asyncio.sleep(PAUSE.total_seconds())


async def tend_once(services: Services) -> None:
    """Take each deployment that runs as far as it goes now; one that cannot go on stops no other."""

    async def tended(stored: StoredResource) -> None:
        try:
            await advanced(services, stored)
        except StoreError as error:
            _log.warning("deployment %s waits: %s", stored.resource_id, type(error).__name__)

    await asyncio.gather(*map(tended, await asyncio.to_thread(services.store.deployments.unfinished)))


async def advanced(services: Services, stored: StoredResource) -> StoredResource:
    """A deployment after all that can be done for it now was done. Raises StoreError."""
    read: tuple[Services, Template] | None = None
    while stored.document["state"] == RUNNING:
        try:
            read = read or await _opened(services, stored)
            after = await _step(*read, stored)
        except TryAgain as error:
            _log.warning("deployment %s waits: %s", stored.resource_id, type(error).__name__)
            return stored
        except TemplateError as error:
            after = await changed(services, stored, ending(services, FAILED, failure(str(error), error.code)))
        except ArmError as error:
            end = ending(services, FAILED, failure(error.message, error.code))
            after = await changed(services, stored, end)
        except SealingError as error:
            after = await changed(services, stored, ending(services, FAILED, failure(str(error), "InvalidTemplate")))
        except (Unavailable, Conflict):
            raise
        except Exception as error:  # noqa: BLE001  # whatever it is, the deployment must not run for ever
            after = await changed(services, stored, ending(services, FAILED, _unexpected(error)))
        if after is None or after.document["id"] != stored.document["id"]:
            break
        stored = after
    return stored


async def _opened(services: Services, stored: StoredResource) -> tuple[Services, Template]:
    """The template, and the services in the name of who deployed it, with the roles that are theirs now."""
    plan = await asyncio.to_thread(services.store.deployments.opened, stored)
    began = datetime.fromisoformat(stored.document["startedAt"])
    template = await asyncio.to_thread(read_plan, plan, began, types_of(services), services.fetch)
    caller = await services.access.caller(principal_of(plan))
    return replace(services, caller=caller), template


async def _step(services: Services, template: Template, stored: StoredResource) -> StoredResource | None:
    """All that can be done now, in one go: what has ended, or what is ready to be made; None if there is nothing.

    One change of the document for many resources: what a resource costs does not grow with the number of others.
    """
    entries = stored.document["resources"]
    running = {index: one for index, one in enumerate(entries) if one["state"] == RUNNING and one.get("operation")}
    found = await asyncio.gather(*(_end_of(services, entry) for entry in running.values()))
    if ends := {index: end for index, end in zip(running, found, strict=True) if end}:
        return await changed(services, stored, entries_changed(ends))
    states = [entry["state"] for entry in entries]
    if all(state == SUCCEEDED for state in states):
        outputs = await asyncio.to_thread(template.results, lambda one: looked_up(services, one))
        check_texts({"outputs": outputs})
        return await changed(services, stored, ending(services, SUCCEEDED, None, outputs))
    if FAILED in states and RUNNING not in states:
        errors = [detail for entry in entries if entry["state"] == FAILED for detail in entry["error"]["details"]]
        return await changed(services, stored, ending(services, FAILED, failure("", "") | {"details": errors}))
    if ready := _ready(entries, services.clock())[:AT_A_TIME]:
        return await _make(services, stored, ready, template)
    return None


def _ready(entries: list[Json], now: datetime) -> list[int]:
    """Which resources are to be made now. After a failure nothing more begins."""
    there = {one["id"].lower() for one in entries if one["state"] == SUCCEEDED}
    stopped = any(one["state"] == FAILED for one in entries)

    def is_ready(entry: Json) -> bool:
        if entry["state"] == RUNNING:
            return not entry.get("operation") and now >= datetime.fromisoformat(entry["startedAt"]) + CLAIM
        return entry["state"] == NOT_STARTED and not stopped and there.issuperset(entry["needs"])

    return [index for index, entry in enumerate(entries) if is_ready(entry)]


async def _make(
    services: Services, stored: StoredResource, indexes: list[int], template: Template
) -> StoredResource | None:
    """Claim resources, make them, write down what came of them."""
    now = services.clock()
    mine: list[int] = []

    def claimed(document: Json) -> Json | None:
        nonlocal mine
        still = _ready(document["resources"], now) if document["state"] == RUNNING else []
        mine = [index for index in indexes if index in still]
        for index in mine:
            document["resources"][index] |= {"state": RUNNING, "startedAt": now.isoformat()}
        return document if mine else None

    held = await changed(services, stored, claimed)
    if held is None:
        return await asyncio.to_thread(services.store.resources.find, stored.resource_id)
    gate = asyncio.Semaphore(AT_ONCE)

    async def one(index: int) -> Json:
        async with gate:
            return await _made(services, template, template.resources[index], held)

    found = await asyncio.gather(*map(one, mine), return_exceptions=True)
    ends = {index: end for index, end in zip(mine, found, strict=True) if not isinstance(end, BaseException)}
    after = await changed(services, held, entries_changed(ends)) if ends else held
    for end in found:
        if isinstance(end, BaseException):
            raise end  # its claim lapses, and it is made then
    return after


async def _made(services: Services, template: Template, planned: Planned, stored: StoredResource) -> Json:
    """Make one resource; what is to be written down of it. Raises what may work later."""
    try:
        if planned.nested is None:
            operation, status = await made(services, planned), 200
        else:
            operation, status = await begin_nested(services, template, planned, stored), 200
    except ArmError as error:
        end, status = failed(services, failure(error.message, error.code, planned.resource_id)), error.status
    except TemplateError as error:
        end, status = failed(services, failure(str(error), error.code, planned.resource_id)), 400
    except (Unavailable, Conflict, TryAgain):
        raise
    except Exception as error:  # noqa: BLE001  # whatever it is, the deployment must not run for ever
        end, status = failed(services, _unexpected(error, planned.resource_id)), 500
    else:
        end = {"operation": operation} if operation else {"state": SUCCEEDED, "endedAt": services.clock().isoformat()}
    action = need_of("PUT", planned.resource_id).action
    entry = entry_of(
        services.caller, action, planned.resource_id, status, services.clock(), str(end.get("operation", ""))
    )
    await noted(services.store, entry)
    return end


async def _end_of(services: Services, entry: Json) -> Json | None:
    """How the operation of a resource has ended, None while it runs."""
    if is_nested(entry):
        return await end_of_nested(services, entry)
    operation = await asyncio.to_thread(services.store.operations.get, entry["operation"])
    if operation is None:
        return failed(
            services,
            failure("Whether it was made is not known any more: look for it.", "OperationNotFound", entry["id"]),
        )
    operation = await as_it_stands(services, operation)
    if operation.status is OperationStatus.IN_PROGRESS:
        return None
    ended = (operation.ended_at or services.clock()).isoformat()
    if operation.status is OperationStatus.SUCCEEDED:
        return {"state": SUCCEEDED, "endedAt": ended}
    return failed(services, failure(operation.error_message, operation.error_code, entry["id"])) | {"endedAt": ended}


def _unexpected(error: Exception, target: str = "") -> Json:
    """It would be so each time. Frames are logged, not the message: that may quote the document, secrets too (F5)."""
    frames = "".join(traceback.format_tb(error.__traceback__))
    _log.error("a deployment met an unexpected %s at\n%s", type(error).__name__, frames)
    return failure(WENT_WRONG, "InternalServerError", target)
