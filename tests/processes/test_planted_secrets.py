"""Planted secrets are found nowhere, in no disguise (docs/rules.md F5); in a store that does not seal they are."""

import base64
import json
import re
import uuid
from collections.abc import Iterable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote, quote_plus

from temporalio.client import Client

from instar.compute.clock import utc_now
from instar.compute.simulated.file.faults import Call, Fault, FaultKind
from instar.domain.delays import Delays
from instar.domain.records.upgrades import UpgradeKind, UpgradeStatus
from instar.domain.sets.names import os_upgrade_workflow_id, scale_set_workflow_id
from instar.domain.sets.scale_sets import ScaleSetIdentity
from instar.store.store import Store
from tests.processes.scale_set import IMAGES, PATH, VERSION, LiveSet, publish
from tests.processes.site import Site
from tests.support.models import GROUP, LOCATION, NEW, OLD, arm
from tests.support.opened import opened

SIZE = 5
OS_UPGRADE = 2
"""Its number: the first one is of the model's change before it, which the set's own workflow sees to."""

DELAYS = Delays(health_wait=timedelta(seconds=3), health_poll_most=timedelta(seconds=1))
NO_SECRET = "operator-of-this-set"
"""In the model and not secret: a search that does not find it finds nothing."""

AWKWARD = "ä\"q'\\ /<&>%+=\n\t☂"
"""Every disguise writes these otherwise."""
TYPABLE = AWKWARD.replace("\n\t", "")
"""Those that a password may have: no control characters."""
BETWEEN = re.compile(f"{re.escape(AWKWARD)}|{re.escape(TYPABLE)}")


def planted(label: str, between: str = AWKWARD) -> str:
    """A secret with a plain core at each end, so that half of it is found too."""
    return f"Kern{label}Vorn7391{between}Kern{label}Hint5527"


CUSTOM, USER, SETTINGS, UNATTEND = map(planted, ("Cust", "User", "Sett", "Unat"))
PASSWORD, LATER = (planted(label, TYPABLE) for label in ("Pass", "Later"))
REFUSED = planted("Refused")
SIGNING, IN_URL = planted("Hook", ""), planted("Urls", "")
HOOK = {
    "name": "drain",
    "at": "beforeSwap",
    "url": f"https://hooks.invalid/{IN_URL}",
    "secret": f"whsec_{base64.b64encode(SIGNING.encode()).decode()}",
    "timeout": "PT1S",
    "otherwise": "proceed",
}
"""One that cannot be reached, and is called all the same."""

SECRETS = (PASSWORD, CUSTOM, USER, SETTINGS, UNATTEND)


def disguises(secret: str, *, halves: bool = True) -> Iterator[bytes]:
    """What a secret, and each half of it, looks like in clear, escaped for JSON and URLs, in base64 and in hex."""
    for text in (secret, *(BETWEEN.split(secret) if halves else ())):
        once = [json.dumps(text)[1:-1], json.dumps(text, ensure_ascii=False)[1:-1]]
        forms = [
            text,
            *once,
            *(json.dumps(one)[1:-1] for one in once),
            quote(text),
            quote(text, safe=""),
            repr(text)[1:-1],
        ]
        forms += [quote_plus(text), quote(text, safe="").lower(), text.encode().hex()]
        for form in dict.fromkeys(forms):
            data = form.encode()
            yield data
            yield data.lower()
            # Base64 of whatever stands around it: three ways to begin within a group of three bytes.
            for before in range(3):
                whole = base64.b64encode(b"\0" * before + data)
                inner = whole[4 if before else 0 : -4]
                yield inner
                yield inner.translate(bytes.maketrans(b"+/", b"-_"))


def found(places: dict[str, bytes], secrets: Iterable[str]) -> list[str]:
    """`<secret> in <place>` for each."""
    hits = []
    for secret in secrets:
        needles = set(disguises(secret))
        hits += [f"{secret[:12]} in {name}" for name, data in places.items() if any(one in data for one in needles)]
    return hits


def model(secrets: tuple[str, ...]) -> dict[str, Any]:
    password, custom, user, settings, unattend = secrets
    document = arm(SIZE)
    profile = document["properties"]["virtualMachineProfile"]
    profile["osProfile"] = {
        "adminUsername": NO_SECRET,
        "adminPassword": password,
        "customData": base64.b64encode(custom.encode()).decode(),
        "windowsConfiguration": {
            "additionalUnattendContent": [
                {
                    "passName": "OobeSystem",
                    "componentName": "Microsoft-Windows-Shell-Setup",
                    "settingName": "AutoLogon",
                    "content": f"<AutoLogon><Password><Value>{unattend}</Value></Password></AutoLogon>",
                }
            ]
        },
    }
    profile["userData"] = base64.b64encode(user.encode()).decode()
    extension = {
        "publisher": "Microsoft.Azure.Extensions",
        "type": "CustomScript",
        "typeHandlerVersion": "2.1",
        "settings": {"timestamp": 1},
        "protectedSettings": {"commandToExecute": settings, "nested": [{"storageAccountKey": settings}]},
    }
    profile["extensionProfile"]["extensions"].append({"name": "setup", "properties": extension})
    return document


async def test_f5_planted_secrets_are_found_nowhere(tmp_path: Path) -> None:
    places: dict[str, bytes] = {}
    async with Site(tmp_path, DELAYS) as site:
        live = await LiveSet.made(site, model(SECRETS), OLD)
        places |= await refusals(site)
        patch = {"properties": {"virtualMachineProfile": {"osProfile": {"adminPassword": LATER}}}}
        patched = await site.http.patch(PATH, params=VERSION, json=patch)
        places["answer to PATCH"] = answer(patched)
        await live.finished(patched)
        # One machine after another: a refused call, an unknown outcome, and a failure that ends the upgrade.
        for machine, kind in enumerate((FaultKind.THROTTLED, FaultKind.ANSWER_LOST, FaultKind.DISK_NOT_MADE), start=1):
            site.fleet.inject(Fault(kind=kind, call=Call.SWAP, instance_id=str(machine)))
        policy = await site.http.put("/instar/rolloutPolicy", json={"properties": {"hooks": [HOOK]}})
        assert policy.status_code == 201, policy.text
        await publish(site, NEW)
        await live.start()
        record = await live.ended(OS_UPGRADE)
        decisions = site.store.upgrades.decisions(live.identity.unique_id, OS_UPGRADE)
        assert any(one.action == "hooks" and "hook drain (https://hooks.invalid)" in one.reason for one in decisions)
        assert (record.kind, record.status) == (UpgradeKind.OS_UPGRADE, UpgradeStatus.FAULTED)
        opened = site.store.scale_sets.open_model(live.identity.unique_id, 2)
        assert opened["properties"]["virtualMachineProfile"]["osProfile"]["adminPassword"] == LATER
        places |= await answers(site) | await histories(await site.client(), live.identity)
        places |= files(tmp_path)
        await site.stop()
        places |= {f"{name} after the stop": data for name, data in files(tmp_path).items()}

    assert found(places, (*SECRETS, LATER, REFUSED, SIGNING, IN_URL)) == []
    assert NO_SECRET.encode() in places["data/store.sqlite after the stop"]
    assert NO_SECRET.encode() in places[f"answer to GET {PATH}"]
    assert NEW.encode() in places["data/temporal.db after the stop"]
    reason = record.error.message.encode() if record.error else b"?"
    assert reason in places[f"history of {os_upgrade_workflow_id(live.identity, OS_UPGRADE)}"]
    assert reason not in places["data/temporal.db after the stop"]
    assert any(b"web upgrade 1" in data for name, data in places.items() if name.startswith("logs/worker"))
    assert {"data/fleet.sqlite", "data/fleet.sqlite.flight.jsonl"} <= places.keys()


def test_f5_a_store_that_does_not_seal_shows_each_secret_to_the_same_search(tmp_path: Path) -> None:
    store = Store.open(f"sqlite:///{tmp_path / 'store.sqlite'}", Plain())
    identity = ScaleSetIdentity(resource_id=PATH, name="web", unique_id=str(uuid.uuid4()), location=LOCATION)
    store.scale_sets.create(identity, GROUP.split("/")[2], "test", model(SECRETS), utc_now())
    places = {"store": b"".join(files(tmp_path).values())}
    store.close()
    assert found(places, SECRETS) == [f"{secret[:12]} in store" for secret in SECRETS]


def test_f5_the_search_sees_through_each_disguise() -> None:
    text = PASSWORD
    worn = {
        "clear": text.encode(),
        "json": json.dumps({"deep": json.dumps([text])}).encode(),
        "url": quote(text, safe="").encode(),
        "base64": base64.b64encode(b"ab" + text.encode() + b"c"),
        "base64 of json": base64.urlsafe_b64encode(json.dumps([text]).encode()),
        "half": b"x" + text[:18].encode() + b"y",
    }
    assert [hit.partition(" in ")[2] for hit in found(worn, [text])] == list(worn)
    assert found(worn, [CUSTOM]) == []


class Plain:
    """Seals nothing."""

    def seal(self, text: str) -> str:
        return text

    def open(self, token: str) -> str:
        return token

    def rotate(self, token: str) -> str:
        return token


def files(folder: Path) -> dict[str, bytes]:
    """Every file of a site, by its path: databases with their write-ahead logs, the flight record, logs."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


async def refusals(site: Site) -> dict[str, bytes]:
    """Requests with secrets in them that cannot be done."""
    wrong_capacity = model((REFUSED,) * len(SECRETS))
    wrong_capacity["sku"]["capacity"] = "many"
    wrong_type = model((REFUSED,) * len(SECRETS))
    wrong_type["properties"]["virtualMachineProfile"]["osProfile"]["adminPassword"] = {"no": [REFUSED]}
    wrong_type["properties"]["upgradePolicy"]["rollingUpgradePolicy"] = {"maxBatchInstancePercent": 500}
    cut_off = json.dumps(model((REFUSED,) * len(SECRETS)))[:-3].encode()
    places = {}
    for name, body in (("capacity", wrong_capacity), ("type", wrong_type), ("cut off", cut_off)):
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        refused = await site.http.put(
            PATH, params=VERSION, content=content, headers={"content-type": "application/json"}
        )
        assert refused.status_code == 400, refused.text
        places[f"refusal: {name}"] = answer(refused)
    return places


async def answers(site: Site) -> dict[str, bytes]:
    """Every answer that tells of the set."""
    group = PATH.rpartition("/")[0]
    paths = [
        *(group, PATH, f"{PATH}/instanceView", f"{PATH}/virtualMachines", f"{PATH}/virtualMachines/0"),
        *(f"{PATH}/virtualMachines/0/instanceView", f"{PATH}/rollingUpgrades/latest", f"{PATH}/osUpgradeHistory"),
        *(f"{IMAGES}/{NEW}", f"{PATH}-of-another-name"),
    ]
    places = {}
    for path in paths:
        for expand in ("", "instanceView", "decisions,instances", "userData"):
            query = VERSION | ({"$expand": expand} if expand else {})
            got = await site.http.get(path, params=query)
            assert got.status_code < 500, got.text
            places[f"answer to GET {path}{expand}"] = answer(got)
    return places


def answer(response: Any) -> bytes:
    return b"\n".join((str(response.headers).encode(), response.content))


async def histories(client: Client, scale_set: ScaleSetIdentity) -> dict[str, bytes]:
    """Every event of both workflows, opened: a secret must not be there even sealed. As bytes and as JSON (base64)."""
    places = {}
    for workflow_id in (scale_set_workflow_id(scale_set), os_upgrade_workflow_id(scale_set, OS_UPGRADE)):
        sealed = await client.get_workflow_handle(workflow_id).fetch_history()
        history = await opened(sealed, client.data_converter.payload_codec)
        events = b"".join(event.SerializeToString() for event in history.events)
        places[f"history of {workflow_id}"] = events
        places[f"history of {workflow_id} as JSON"] = history.to_json().encode()
    return places
