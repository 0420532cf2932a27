"""Temporal's database tells a thief nothing, its command line shows all to who may, and keys rotate meanwhile (F5)."""

import asyncio
import os
import re
import subprocess
from datetime import timedelta
from pathlib import Path

from temporalio.client import Client

from instar.client import keys
from instar.client.api_client import ApiClient
from instar.client.credentials import create
from instar.compute.clock import utc_now
from instar.compute.simulated.file.scripts import VersionScript
from instar.connection.payload_walk import payloads_in
from instar.connection.sealed_payloads import KEY_ID, is_sealed
from instar.connection.settings import Settings
from instar.domain.access import ROOT, Grant, Role
from instar.domain.delays import Delays
from instar.domain.records.upgrades import UpgradeStatus
from instar.domain.sets.names import os_upgrade_workflow_id, scale_set_workflow_id
from tests.processes.scale_set import LiveSet, publish
from tests.processes.site import Site, eventually
from tests.processes.test_planted_secrets import disguises, files
from tests.support.models import GROUP, IMAGE, NEW, OLD, arm
from tests.support.opened import opened
from tests.support.servers import binary

DELAYS = Delays(health_wait=timedelta(seconds=2), health_poll_most=timedelta(seconds=1))
SICK = "2"
"""Of the third batch: one of three is more than the limit."""

HEALTH_PATH = "/geheim-4711"
"""In the model, and asked for by each look at the health."""

ADDRESS = re.compile(rb"(?<![\w.-])(?:10|127|169\.254|172|192\.168)(?:\.\d{1,3}){2,3}(?![\w.-])")
OWN_ADDRESS = b"127.0.0.1"
"""Where Temporal's server listens itself."""

PATCH = re.compile(rb'\{"id":"[a-z-]+","deprecated":(true|false)\}')
"""What the SDK writes down of `workflow.patched`: a name in our code."""

OF_THE_SERVER = b'"ACTIVITY_ID_NOT_STARTED"'
"""What the server itself says of an activity that was cancelled before it began."""


async def test_f5_temporals_database_tells_nothing_while_keys_rotate_under_an_upgrade(tmp_path: Path) -> None:
    async with Site(tmp_path / "site", DELAYS) as site:
        settings = Settings(data_dir=site.data, database_url="", seal_key_file=None)
        model = arm(5, health={"settings": {"protocol": "http", "port": 80, "requestPath": HEALTH_PATH}})
        model["properties"]["upgradePolicy"]["rollingUpgradePolicy"] = {"pauseTimeBetweenBatches": "PT2S"}
        live = await LiveSet.made(site, model, OLD)
        await publish(site, NEW, VersionScript(never_healthy=(SICK,)))
        await live.start()

        async def first_is_done() -> bool:
            record = live.record()
            return record is not None and record.counts.successful == 1

        await eventually(first_is_done, "the first batch is done")
        [first] = keys.ring(settings).keys
        second, _ = await asyncio.to_thread(keys.rotate, settings, utc_now())
        record = await live.ended()
        assert (record.status, record.counts.successful) == (UpgradeStatus.FAULTED, 2)
        assert record.error is not None
        words = [HEALTH_PATH, record.error.message, record.error.details[0].message]
        words += [decision.reason for decision in site.store.upgrades.decisions(live.identity.unique_id, 1)]

        client, upgrade = await site.client(), os_upgrade_workflow_id(live.identity, 1)
        of_both = [await whole(client, one) for one in (scale_set_workflow_id(live.identity), upgrade)]
        # The same look finds each of them once it is opened: so it would find what was not sealed.
        assert unseen(words, b"".join(of_both)) == []
        assert await keys_of(client, upgrade) == [first.fingerprint, second.fingerprint]
        await shown_to_who_may(site, upgrade, words[1])
        await site.stop()

    places = [path for name, path in files(tmp_path).items() if Path(name).name.startswith("temporal.db")]
    content = b"".join(places)
    assert unseen(words, content) == words
    assert set(ADDRESS.findall(content)) <= {OWN_ADDRESS}
    # What lists are filtered by is in clear: names, versions, phases.
    assert unseen([NEW, "InstarPhase", "Faulted", live.identity.resource_id], content) == []
    assert unseen([IMAGE.offer], content) == [IMAGE.offer]


def unseen(words: list[str], content: bytes) -> list[str]:
    """Those that are there in no disguise."""
    return [word for word in words if not any(form in content for form in disguises(word, halves=False))]


async def whole(client: Client, workflow_id: str) -> bytes:
    """A history as a thief with the keys would read it."""
    history = await client.get_workflow_handle(workflow_id).fetch_history()
    await opened(history, client.data_converter.payload_codec)
    return b"".join(event.SerializeToString() for event in history.events)


async def keys_of(client: Client, workflow_id: str) -> list[str]:
    """What sealed it, in the order of their first use; nothing of ours is in clear."""
    history = await client.get_workflow_handle(workflow_id).fetch_history()
    payloads = [payload for event in history.events for payload in payloads_in(event)]
    in_clear = {payload.data for payload in payloads if not is_sealed(payload)}
    assert {one for one in in_clear if not PATCH.fullmatch(one)} <= {OF_THE_SERVER}
    return list(dict.fromkeys(payload.metadata[KEY_ID].decode() for payload in payloads if is_sealed(payload)))


async def shown_to_who_may(site: Site, workflow_id: str, reason: str) -> None:
    """`temporal` shows a sentence of a history to a Reader of everything, by the codec server, and to nobody else."""
    endpoint = f"{site.api_urls[0]}/codec"
    for scope, may in ((ROOT, True), (GROUP, False)):
        with ApiClient(create(site.store, "temporal", Grant(Role.READER, scope), site.api_urls[0])) as api:
            token = await asyncio.to_thread(api.token)
        codec = ("--codec-endpoint", endpoint, "--codec-auth", f"Bearer {token}")
        status, said = await asyncio.to_thread(temporal, site, "show", workflow_id, "--output", "json", *codec)
        assert (unseen([reason], said.encode()) == [], status == 0) == (may, may), said[-500:]
        # The details of its page: a question to the worker, which is sealed on both ways.
        status, said = await asyncio.to_thread(temporal, site, "metadata", workflow_id, *codec)
        assert (unseen([reason], said.encode()) == [], status == 0) == (may, may), said[-500:]
    status, said = await asyncio.to_thread(temporal, site, "show", workflow_id, "--output", "json")
    assert status == 0
    assert unseen([reason], said.encode()) == [reason]


def temporal(site: Site, verb: str, workflow_id: str, *options: str) -> tuple[int, str]:
    """What its own command line answers."""
    command = [binary("temporal"), "workflow", verb, "--workflow-id", workflow_id, *options]
    done = subprocess.run(  # noqa: S603  # Temporal's own program, no shell
        [*command, "--address", site.temporal_address, "--disable-config-file"],
        env={name: value for name, value in os.environ.items() if not name.startswith("TEMPORAL_")},
        capture_output=True,
        check=False,
        timeout=60,
    )
    return done.returncode, (done.stdout + done.stderr).decode(errors="replace")
