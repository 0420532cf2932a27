"""Whether this worker lives, and whether it can work: `INSTAR_WORKER_PROBES=127.0.0.1:8081` (docs/rules.md F9)."""

import asyncio
import json

from temporalio.client import Client

from instar.connection.client import alive
from instar.connection.hosts.membership import Membership
from instar.connection.readiness import Application, Message, Receive, Send, answer
from instar.store.errors import StoreError
from instar.store.store import Store


def probes(store: Store, client: Client, membership: Membership) -> Application:
    """What a worker that has all it needs answers: `/healthz`; `/readyz`, 503 while the store does not answer.

    Also while the clock of this host is far off.
    """

    async def application(scope: Message, _receive: Receive, send: Send) -> None:
        match scope.get("path"):
            case "/healthz":
                await answer(send, 200, json.dumps({"status": "ok"}))
            case "/readyz":
                temporal = "up" if await alive(client) else "away"
                try:
                    await asyncio.to_thread(store.ping)
                except StoreError:
                    said = {"status": "waits", "waitsFor": "the database", "temporal": temporal}
                    await answer(send, 503, json.dumps(said))
                else:
                    said = {"status": "ready", "temporal": temporal}
                    if membership.trouble:
                        said = {"status": "waits", "waitsFor": "the clock of this host", "temporal": temporal}
                    await answer(send, 503 if membership.trouble else 200, json.dumps(said))
            case _:
                await answer(send, 404, json.dumps({"error": {"code": "NotFound", "message": "/healthz or /readyz"}}))

    return application
