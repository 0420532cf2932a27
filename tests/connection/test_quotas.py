"""Quotas as they are set: what is nonsense is told, by the name of its variable."""

import pytest
from pydantic import ValidationError

from instar.connection.quotas import QuotaSettings
from instar.connection.remarks.problems import first_problem
from instar.connection.settings import Settings
from instar.store.quotas import Counted


@pytest.mark.parametrize("name", sorted(QuotaSettings.model_fields))
@pytest.mark.parametrize("value", ["0", "-1", "many", "", "1.5", "1e9", "99999999999999999999"])
def test_nonsense_is_refused_by_name(name: str, value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(f"INSTAR_QUOTAS__{name.upper()}", value)
    with pytest.raises(ValidationError) as refused:
        Settings()
    assert first_problem(refused.value).startswith(f"INSTAR_QUOTAS__{name.upper()}: must be ")


def test_a_misspelt_one_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("INSTAR_QUOTAS__SCALESETS", "3")
    with pytest.raises(ValidationError) as refused:
        Settings()
    said = "INSTAR_QUOTAS__SCALESETS: there is no such setting; is INSTAR_QUOTAS__SCALE_SETS meant?"
    assert first_problem(refused.value) == said


def test_each_that_is_counted_is_a_setting(monkeypatch: pytest.MonkeyPatch) -> None:
    for number, counted in enumerate(Counted, start=7):
        monkeypatch.setenv(f"INSTAR_QUOTAS__{counted.name}", str(number))
    assert Settings().quotas.counted == {counted: number for number, counted in enumerate(Counted, start=7)}


@pytest.mark.parametrize("group", ["QUOTAS", "OIDC", "TLS", "DELAYS", "LIBVIRT"])
@pytest.mark.parametrize("value", ["garbage", "[]", "5", "{"])
def test_a_group_that_is_no_json_object_is_refused_by_name(
    group: str, value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(f"INSTAR_{group}", value)
    with pytest.raises(ValidationError) as refused:
        Settings()
    assert first_problem(refused.value).startswith(
        f"INSTAR_{group}: is a group of settings: give each by itself, as INSTAR_{group}__…"
    )


def test_a_group_may_be_one_json_object(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("INSTAR_QUOTAS", '{"tags": 7}')
    monkeypatch.setenv("INSTAR_QUOTAS__SCALE_SETS", "8")
    assert (Settings().quotas.tags, Settings().quotas.scale_sets) == (7, 8)
