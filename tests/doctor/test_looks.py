"""What the doctor finds in a real store and a real data directory, good and bad; and that it changes nothing."""

import json
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from sqlalchemy import text
from temporalio.client import WorkflowExecutionStatus
from temporalio.service import RPCError, RPCStatusCode

from instar.backup import backup as backing_up
from instar.backup.last_backup import NOTE
from instar.client.api_client import ApiAway, ApiClient
from instar.client.api_token import Login
from instar.compute.clock import utc_now
from instar.connection.presence import MARK, InUse, alone, enter
from instar.connection.settings import Settings
from instar.doctor import agree, keep, reach, use
from instar.doctor.place import NotLooked, Place
from instar.domain.access import ROOT, Grant, Role
from instar.domain.checkup.findings import Finding, Level
from instar.domain.records.scale_set_status import ScaleSetStatus
from instar.domain.sets.names import os_upgrade_workflow_id, scale_set_workflow_id
from instar.domain.steering.wishes import Hold, Pause
from instar.stack.certificates import local_certificates
from instar.store.audit import Entry
from instar.store.database.sealing import Sealer
from instar.store.steering.named import Named
from instar.store.store import Store
from tests.domain.hosts.test_agreement import HERE, THERE
from tests.store.samples import SUBSCRIPTION, document, identity, operation, upgrade

OK, WARNING, PROBLEM = Level.OK, Level.WARNING, Level.PROBLEM
YESTERDAY = utc_now() - timedelta(days=1)
WEB = identity()
IMAGE = {"publisher": "C", "offer": "W", "sku": "s", "version": "latest"}

Temporal = Callable[..., None]


def model(*, automatic: bool = True, **image: str) -> dict[str, Any]:
    found = document()
    found["properties"]["virtualMachineProfile"]["storageProfile"] = {"imageReference": IMAGE | image}
    switch = {"enableAutomaticOSUpgrade": automatic}
    found["properties"]["upgradePolicy"] = {"mode": "Rolling", "automaticOSUpgradePolicy": switch}
    return found


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(data_dir=tmp_path / "data")


@pytest.fixture
def store(settings: Settings) -> Iterator[Store]:
    settings.make_data_dir()
    sealer = Sealer.from_file(settings.keys)
    with closing(Store.open(settings.store_url, sealer)) as opened:
        (settings.data_dir / "store.sqlite").chmod(0o600)
        yield opened


@pytest.fixture
def web(store: Store) -> Store:
    """A store with a set, its image, and a workflow that looks."""
    store.scale_sets.create(WEB, SUBSCRIPTION, "Rg", model(), YESTERDAY)
    store.images.publish("C", "W", "s", "1.0.0", "westeurope", {"instar": {"sizeInBytes": 7 << 20}}, YESTERDAY)
    looks = ScaleSetStatus(enabled=True, next_look_at=utc_now() + timedelta(hours=1))
    store.statuses.write(WEB.unique_id, looks, YESTERDAY)
    return store


@pytest.fixture
def place(settings: Settings) -> Place:
    return Place(settings, "", settings.data_dir)


def worst(found: list[Finding], *words: str) -> Level:
    told = " ".join(one.found for one in found)
    assert all(word in told for word in words), told
    return max((one.level for one in found), key=[Level.NOT_LOOKED, OK, WARNING, PROBLEM].index)


def test_the_store_is_looked_at_as_it_is(store: Store, place: Place) -> None:
    assert worst(reach.store(place), "store.sqlite answers, with schema") is OK
    with store.database.writing() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '0001'"))
    assert worst(reach.store(place), "has schema 0001, older than") is WARNING
    assert worst(reach.store(place), "has schema 0001") is WARNING, "and not brought up to date"
    with store.database.writing() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    assert worst(reach.store(place), "9999, which this Instar does not know") is PROBLEM


def test_a_store_that_is_not_there_is_not_made(settings: Settings, place: Place) -> None:
    with pytest.raises(NotLooked, match="no data directory"):
        reach.store(place)
    settings.make_data_dir()
    assert worst(reach.store(place), "there is no store") is PROBLEM
    assert worst(keep.keys(place), "there is no key file") is PROBLEM
    for look in (use.wishes, use.hand_overs, use.images, keep.credentials):
        with pytest.raises(NotLooked, match="there is no store here"):
            look(place)
    assert list(settings.data_dir.iterdir()) == []


def test_a_file_that_is_no_store(settings: Settings, place: Place) -> None:
    settings.make_data_dir()
    (settings.data_dir / "store.sqlite").write_text("this is no database, whatever its name says" * 40)
    assert worst(reach.store(place), "does not answer") is PROBLEM


def test_modes_are_told_and_not_changed(store: Store, place: Place, settings: Settings) -> None:
    del store
    for path in settings.data_dir.iterdir():
        path.chmod(0o600)
    assert worst(keep.files(place)) is OK
    settings.keys.chmod(0o644)
    assert worst(keep.files(place), f"{settings.keys} (mode 0644") is PROBLEM
    assert settings.keys.stat().st_mode & 0o777 == 0o644
    logs = settings.data_dir / "logs"
    logs.mkdir(mode=0o700)
    (logs / "api.log").touch()
    (logs / "api.log").chmod(0o644)
    (settings.data_dir / "of somebody else").touch(0o666)
    assert worst(keep.files(place), str(logs / "api.log")) is PROBLEM
    assert "somebody" not in " ".join(one.found for one in keep.files(place))


def test_keys(web: Store, place: Place, settings: Settings, tmp_path: Path) -> None:
    secret = model() | {"name": "db"}
    secret["properties"]["virtualMachineProfile"]["osProfile"]["adminPassword"] = "s3cret"
    web.scale_sets.create(identity("db", "u-2"), SUBSCRIPTION, "Rg", secret, YESTERDAY)
    assert worst(keep.keys(place), "has 1 key and opens every secret") is OK
    kept = tmp_path / "kept"
    settings.keys.rename(kept)
    Sealer.from_file(settings.keys)
    assert worst(keep.keys(place), "1 secret in the store: no key of") is PROBLEM
    settings.keys.write_text("nonsense\n")
    assert worst(keep.keys(place), "cannot be used") is PROBLEM
    settings.keys.unlink()
    assert worst(keep.keys(place), "there is no key file") is PROBLEM
    assert not settings.keys.exists()


def test_backups_are_noted_where_they_are_made(store: Store, place: Place, settings: Settings, tmp_path: Path) -> None:
    del store
    assert worst(keep.backups(place), "no backup of this data directory") is WARNING
    wish = backing_up.Wish(tmp_path / "backups")
    made, _ = backing_up.backup(wish, settings, utc_now(), lambda *_: None)
    assert worst(keep.backups(place), str(made)) is OK
    note = settings.data_dir / NOTE
    assert note.stat().st_mode & 0o777 == 0o600
    made.rename(tmp_path / "elsewhere")
    assert worst(keep.backups(place), "is not there, or not whole") is WARNING
    backing_up.backup(wish, settings, utc_now() - timedelta(days=8), lambda *_: None)
    assert worst(keep.backups(place), "8 days ago") is WARNING
    note.write_text("{}")
    assert worst(keep.backups(place), "is no note of a backup") is WARNING


def test_certificates(place: Place, settings: Settings) -> None:
    assert worst(keep.certificates(place), "none is used here") is OK
    files = local_certificates(settings.data_dir / "tls")
    assert worst(keep.certificates(place), "2 certificates, good until") is OK
    files.certificate.write_text("nonsense")
    assert worst(keep.certificates(place), "server.crt cannot be read") is PROBLEM
    long_ago = utc_now() - timedelta(days=820)
    local_certificates(settings.data_dir / "temporal", clock=lambda: long_ago)
    assert worst(keep.certificates(place), "temporal/server.crt ends in 4 days") is PROBLEM


def test_disk(store: Store, place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    del store
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=50 << 30, total=100 << 30))
    assert worst(keep.disk(place), "50.0 GiB") is OK
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=1 << 20, total=100 << 30))
    assert worst(keep.disk(place), "0.0 of 100.0 GiB are free for data") is PROBLEM


def test_credentials(store: Store, place: Place) -> None:
    long_ago = utc_now() - timedelta(days=300)
    good, _ = store.credentials.create("ci", Grant(Role.OWNER, ROOT), long_ago)
    store.audit.add(Entry(YESTERDAY, good.client_id, "ci", "x/write", "/x", 200, ""))
    assert worst(keep.credentials(place), "1 client, each") is OK
    store.credentials.create("old", Grant(Role.CONTRIBUTOR, ROOT), long_ago)
    gone, _ = store.credentials.create("gone", Grant(Role.READER, ROOT), YESTERDAY)
    store.credentials.revoke(gone.client_id, YESTERDAY)
    store.credentials.assign("0" * 8 + "-0000-0000-0000-" + "0" * 12, Grant(Role.READER, ROOT))
    store.credentials.assign("group:admins", Grant(Role.OWNER, ROOT))
    found = keep.credentials(place)
    assert worst(found, "180 days: old", "revoked: gone", "that there are not: 00000000-") is WARNING
    assert "admins" not in " ".join(one.found for one in found)


def test_sets(web: Store, place: Place) -> None:
    assert worst(use.sets(place), "1 set, each looks") is OK
    web.scale_sets.create(identity("db", "u-2"), SUBSCRIPTION, "Rg", model(version="1.0.0"), YESTERDAY)
    web.scale_sets.create(identity("off", "u-3"), SUBSCRIPTION, "Rg", model(automatic=False, sku="other"), YESTERDAY)
    late = ScaleSetStatus(enabled=True, next_look_at=YESTERDAY)
    web.statuses.write(WEB.unique_id, late, utc_now())
    found = use.sets(place)
    assert worst(found, "exact version: db", "published where they are: off", "half an hour overdue: web") is PROBLEM
    behind = ScaleSetStatus(held="the records are older")
    web.statuses.write(WEB.unique_id, behind, utc_now() + timedelta(seconds=1))
    assert worst(use.sets(place), "records older than the machines, so that nothing is done to these: web") is PROBLEM


def test_wishes(web: Store, place: Place) -> None:
    soon = utc_now() + timedelta(hours=1)
    web.wishes.hold(Hold(name="ends", scope="/", reason="r", by="ann", since=YESTERDAY, until=soon), 10)
    web.wishes.pause(WEB.unique_id, Pause(reason="r", by="ann", since=YESTERDAY, until=soon))
    assert worst(use.wishes(place)) is OK
    web.wishes.hold(Hold(name="freeze", scope="/", reason="r", by="ann", since=YESTERDAY), 10)
    web.wishes.pause(WEB.unique_id, Pause(reason="r", by="ann", since=YESTERDAY))
    rings = {"rings": [{"sets": [WEB.resource_id]}, {"tag": {"name": "ring", "value": "2"}}]}
    web.rings.documents.put(Named("fleet", rings, "1", YESTERDAY, "ann", "r"), lambda _: None)
    found = use.wishes(place)
    assert worst(found, "without an end: freeze", "paused without an end: web", "no set is in ring 2,") is WARNING


def test_images(web: Store, place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    assert worst(use.images(place), "1 published version, each") is OK
    web.images.publish("C", "W", "s", "2.0.0", "westeurope", {}, YESTERDAY)
    assert worst(use.images(place), "2 published versions, each") is OK, "nobody says what machines are on"
    told = {"id": WEB.resource_id, "properties": {"versions": {"2.0.0": 3}}}
    monkeypatch.setattr(use, "_from_api", lambda *_, **__: [told])
    assert worst(use.images(place), "1 published version that no set uses, 7 MiB", "C:W:s:1.0.0 in west") is WARNING


def test_hand_overs(web: Store, place: Place) -> None:
    assert worst(use.hand_overs(place)) is OK
    web.operations.create(operation().model_copy(update={"started_at": YESTERDAY}), "{}")
    assert worst(use.hand_overs(place), "1 request no set's workflow has taken, the oldest for 14") is PROBLEM


class Temporals:
    """What Temporal tells, as a client of it does; `running`: ids, `late`: those that its list lacks yet."""

    namespace = "default"

    def __init__(self, running: set[str], late: set[str]) -> None:
        self._running, self._late = running, late

    async def list_workflows(self, *_: object, **__: object) -> AsyncIterator[SimpleNamespace]:
        for one in sorted(self._running):
            yield SimpleNamespace(id=one)

    def get_workflow_handle(self, workflow_id: str) -> "Temporals":
        return Temporals(self._running, self._late & {workflow_id})

    async def describe(self) -> SimpleNamespace:
        if not self._late:
            raise RPCError("not found", RPCStatusCode.NOT_FOUND, b"")
        return SimpleNamespace(status=WorkflowExecutionStatus.RUNNING)


def test_workflows(web: Store, place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    mine, running = scale_set_workflow_id(WEB), upgrade(7).model_copy(update={"started_at": YESTERDAY})
    web.upgrades.write(running)

    def judged(running: set[str], late: set[str]) -> list[Finding]:
        async def answered(ask: Callable[[Any], Awaitable[Any]]) -> Any:
            return await ask(Temporals(running, late))

        def temporal(_: Place, ask: Callable[[Any], Awaitable[Any]]) -> Any:
            import asyncio  # noqa: PLC0415  # of this fake alone

            return asyncio.run(answered(ask))

        monkeypatch.setattr(Place, "temporal", temporal)
        return use.workflows(place)

    of_upgrade = os_upgrade_workflow_id(WEB, 7)
    assert worst(judged({mine, of_upgrade}, set()), "1 set of more than a few") is OK
    assert worst(judged({mine}, {of_upgrade}), "1 set of more than a few") is OK, "the list is late"
    assert worst(judged({mine}, set()), "1 upgrade in progress by the records alone", "web 7") is PROBLEM
    assert worst(judged(set(), set()), "1 set without a running workflow: web") is PROBLEM
    web.scale_sets.create(identity("new", "u-9"), SUBSCRIPTION, "Rg", model(), utc_now())
    assert worst(judged({mine, of_upgrade}, set()), "1 set of more than a few") is OK, (
        "one that was just made is not missed"
    )


def test_settings(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    assert worst(agree.settings(place)) is OK
    monkeypatch.setenv("INSTAR_DATA_DRI", "x")
    assert worst(agree.settings(place), "INSTAR_DATA_DRI is no setting") is WARNING


def test_nothing_looked_at_holds_a_secret(web: Store, place: Place, settings: Settings) -> None:
    del web
    key = settings.keys.read_text().splitlines()[-1]
    found = [one for look in (keep.keys, keep.files, use.sets, reach.store) for one in look(place)]
    assert key not in json.dumps([one.found + one.do for one in found])
    assert Place(Settings(database_url="postgresql://u:s3cret@h/x"), "", settings.data_dir).store_address() == (
        "postgresql+psycopg://u:***@h/x"
    )


@pytest.mark.parametrize("option", ["password", "sslpassword"])
def test_a_password_among_the_options_of_the_stores_url_is_not_shown(tmp_path: Path, option: str) -> None:
    url = f"postgresql://u:s3cret@127.0.0.1:1/x?port=1&{option}=s4cret"
    [found] = reach.store(Place(Settings(database_url=url, data_dir=tmp_path), "", tmp_path))
    assert found.level is PROBLEM
    assert "postgresql+psycopg://u:***@127.0.0.1:1/x?port=1 does not answer" in found.found
    assert "cret" not in found.found + found.do


def test_a_password_in_the_apis_address_is_not_shown(tmp_path: Path) -> None:
    address = "http://me:s3cret@127.0.0.1:1/at?token=s4cret"
    [found] = reach.api(Place(Settings(data_dir=tmp_path), "", tmp_path, endpoint=address))
    assert found.level is PROBLEM
    assert "nothing answers at http://127.0.0.1:1/at:" in found.found
    assert "cret" not in found.found + found.do
    with pytest.raises(ApiAway, match=r"no API answers at http://127\.0\.0\.1:1/at ") as away:
        ApiClient(Login(address, "t", "c", "s", "u")).get("/subscriptions")
    assert "cret" not in str(away.value)


def test_a_store_that_is_being_restored_is_let_be(web: Store, place: Place, settings: Settings) -> None:
    web.close()
    with closing(enter(settings.data_dir)):
        assert worst(reach.store(place), "answers") is OK, "a worker is no restore"
    with alone(settings.data_dir):
        assert worst(reach.store(place), "a restore of", "is under way") is PROBLEM
        with pytest.raises(NotLooked, match="being restored: see the check store"):
            use.wishes(place)
        assert worst(keep.keys(place), "1 key") is OK
    (settings.data_dir / MARK).touch()
    (settings.data_dir / "store.sqlite").unlink()
    assert worst(reach.store(place), "broken off: run `instar restore BACKUP` again") is PROBLEM
    with pytest.raises(NotLooked, match="being restored"):
        use.hand_overs(place)


def test_no_restore_begins_while_the_store_is_looked_at(web: Store, place: Place, settings: Settings) -> None:
    web.close()
    enter(settings.data_dir).close()
    with place.store(), pytest.raises(InUse), alone(settings.data_dir):
        raise AssertionError("it began")
    with alone(settings.data_dir):
        pass


def test_nothing_is_made_to_keep_restores_away(web: Store, place: Place, settings: Settings) -> None:
    web.close()
    before = sorted(settings.data_dir.iterdir())
    assert worst(reach.store(place)) is OK
    assert sorted(settings.data_dir.iterdir()) == before


def test_f11_processes_that_do_not_go_together_are_told_with_both_of_them(store: Store, place: Place) -> None:
    assert worst(agree.hosts(place), "no process of this release was heard of") is Level.NOT_LOOKED
    store.members.join(HERE, utc_now)
    assert worst(agree.hosts(place), "1 process on 1 host go together: one") is OK
    at = store.members.join(THERE, utc_now).at
    assert worst(agree.hosts(place), "2 processes on 2 hosts go together: one, two") is OK
    store.members.beat(replace(THERE, seals="cc", opens=("cc",)), at, utc_now)
    assert worst(agree.hosts(place), "the api 8 on two has not the key aa") is PROBLEM
    with store.database.writing() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '0001'"))
    with pytest.raises(NotLooked, match="another schema"):
        agree.hosts(place)
