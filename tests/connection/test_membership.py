"""A process's place: clocks are waited for and told, machines asked before they are touched, and who loses it ends."""

import asyncio
import logging
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from unittest.mock import Mock

import pytest
from typer.testing import CliRunner

from instar.cli.app import app
from instar.compute.clock import utc_now
from instar.compute.errors import NotAllowed
from instar.compute.errors import Unavailable as ComputeUnavailable
from instar.connection.hosts import membership as memberships
from instar.connection.hosts.membership import ClockOff, Membership, itself
from instar.connection.settings import Settings
from instar.domain.hosts.agreement import CLOCKS_REFUSED, CLOCKS_TOLD, Part
from instar.hosts.marks import mark_of, take
from instar.store.database.key_file import KeyFile
from instar.store.database.sealing import Sealer
from instar.store.errors import Unavailable
from instar.store.hosts import members
from instar.store.store import Store


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(data_dir=tmp_path, host="here")


@pytest.fixture
def store(settings: Settings) -> Iterator[Store]:
    with closing(Store.open(settings.store_url, Sealer.from_file(settings.keys))) as opened:
        yield opened


def of(settings: Settings, store: Store, part: Part = Part.WORKER, *files: Path) -> Membership:
    keys = KeyFile(settings.keys)
    return Membership(store, itself(settings, part, keys), keys, utc_now, files)


def is_ahead(monkeypatch: pytest.MonkeyPatch, by: timedelta) -> None:
    """As if the database's clock were so far behind that of this host."""

    def moment(*_: object) -> datetime:
        return utc_now() - by

    monkeypatch.setattr(members, "moment", moment)


def test_f11_a_clock_that_is_far_off_is_no_place_to_begin_from(
    settings: Settings, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    is_ahead(monkeypatch, CLOCKS_REFUSED + timedelta(seconds=30))
    with pytest.raises(ClockOff, match="the clock of this host is 90 s ahead of that of the database"):
        of(settings, store).join()
    assert store.members.all(utc_now)[1] == []
    is_ahead(monkeypatch, timedelta())
    of(settings, store).join()
    assert [one.process.host for one in store.members.all(utc_now)[1]] == ["here"]


def test_f11_one_that_drifts_off_is_told_once_and_not_ready_until_it_is_right(
    settings: Settings, store: Store, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    place = of(settings, store)
    place.join()
    is_ahead(monkeypatch, -CLOCKS_TOLD - timedelta(seconds=10))
    for _ in range(2):
        place.beat()
    assert [one.getMessage() for one in caplog.records if one.levelno >= logging.WARNING] == [
        "the clock of this host is 15 s behind that of the database: let both follow a time server (NTP)"
    ]
    assert place.trouble == ""
    is_ahead(monkeypatch, -CLOCKS_REFUSED - timedelta(seconds=10))
    place.beat()
    assert "70 s behind" in place.trouble
    is_ahead(monkeypatch, timedelta())
    place.beat()
    assert place.trouble == ""


def test_f11_a_key_that_is_exchanged_while_it_runs_is_known_with_the_next_word(
    settings: Settings, store: Store
) -> None:
    place = of(settings, store)
    place.join()
    key = KeyFile(settings.keys).add_first(utc_now())
    place.beat()
    [listed] = store.members.all(utc_now)[1]
    assert listed.process.seals == key.fingerprint
    assert len(listed.process.opens) == 2


def test_f11_machines_are_refused_to_whoever_finds_others_than_the_stores(settings: Settings, store: Store) -> None:
    first, second = of(settings, store), of(settings, store)
    first.join()
    second.join()
    first.has_machines("libvirt/h/p")
    with pytest.raises(NotAllowed, match="it would take those for gone"):
        second.has_machines("libvirt/h/q")
    assert second.mine.fleet == ""
    second.has_machines("libvirt/h/p")
    store.members.beat = Mock(side_effect=Unavailable("away"))  # type: ignore[method-assign]
    second.has_machines("libvirt/h/p")
    second.mine = replace(second.mine, fleet="libvirt")
    with pytest.raises(ComputeUnavailable, match="not known whether"):
        second.has_machines("libvirt/h/p")


@pytest.mark.parametrize("why", ["other", "file"])
async def test_f11_who_loses_its_place_is_told_once_and_a_store_that_is_away_ends_nobody(
    settings: Settings, store: Store, monkeypatch: pytest.MonkeyPatch, why: str
) -> None:
    monkeypatch.setattr(memberships, "EVERY", timedelta(milliseconds=5))
    file = settings.data_dir / "store.sqlite"
    take(file)
    first, second = of(settings, store), of(settings, store, Part.WORKER, file)
    first.join()
    second.join()
    really, calls = store.members.beat, 0
    loop, heard = asyncio.get_running_loop(), asyncio.Event()

    def away_at_first(*words: object) -> object:
        nonlocal calls
        calls += 1
        if calls < 3:
            raise Unavailable("away")
        loop.call_soon_threadsafe(heard.set)
        return really(*words)  # type: ignore[arg-type]

    store.members.beat = away_at_first  # type: ignore[assignment, method-assign]
    lost: list[str] = []
    keeping = asyncio.create_task(second.keep(list, lost.append))
    await asyncio.wait_for(heard.wait(), 60)
    assert lost == []
    if why == "other":
        first.works_with("default/one")
        second.mine = replace(second.mine, temporal="default/two")
    else:
        mark_of(file).write_text('{"kernel": "another", "host": "there"}')
    await asyncio.wait_for(keeping, 60)
    [said] = lost
    assert ("one store goes with one namespace" if why == "other" else "host there has taken over") in said


def test_f11_the_command_lists_hosts_and_forgets_only_when_nobody_works(
    settings: Settings, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("INSTAR_DATA_DIR", str(settings.data_dir))
    place = of(settings, store)
    place.join()
    place.has_machines("simulated/abc")
    listed = CliRunner().invoke(app, ["hosts", "list"])
    assert listed.exit_code == 0
    assert "here" in listed.output
    assert "remembered: fleet simulated/abc (by here" in listed.output
    as_json = CliRunner().invoke(app, ["hosts", "list", "--output", "json"])
    assert '"lives": true' in as_json.output
    refused = CliRunner().invoke(app, ["hosts", "forget", "fleet"])
    assert refused.exit_code == 1
    assert "stop the worker" in refused.output
    place.leave()
    assert CliRunner().invoke(app, ["hosts", "forget", "fleet"]).output == "fleet: forgotten\n"
    assert CliRunner().invoke(app, ["hosts", "forget", "fleet"]).output == "fleet: nothing was remembered\n"
    assert CliRunner().invoke(app, ["hosts", "forget", "weather"]).exit_code == 2
