"""The delays of the rules, in one place (docs/rules.md T6)."""

from datetime import timedelta

import pytest
from pydantic import ValidationError

from instar.connection.settings import Settings
from instar.domain.delays import Delays


def test_t6_the_defaults_are_the_rules() -> None:
    delays = Delays()
    assert delays.first_trigger == timedelta(hours=3), "T1"
    assert delays.health_wait == timedelta(minutes=5), "P6"
    assert delays.look_after_upgrade == timedelta(minutes=5), "F1"
    assert delays.keep_previous_disks == timedelta(hours=24), "P5"
    assert delays.health_poll_first <= delays.health_poll_most < delays.health_wait, "P6: observed all the while"


def test_t6_every_delay_is_a_setting_by_its_name(monkeypatch: pytest.MonkeyPatch) -> None:
    for number, name in enumerate(Delays.model_fields, start=1):
        monkeypatch.setenv(f"INSTAR_DELAYS__{name.upper()}", f"PT{number}S")
    read = Settings().delays
    assert [getattr(read, name) for name in Delays.model_fields] == [
        timedelta(seconds=number) for number, _ in enumerate(Delays.model_fields, start=1)
    ]


@pytest.mark.parametrize("name", list(Delays.model_fields))
def test_t6_a_delay_that_cannot_be_is_refused(name: str) -> None:
    for wrong in ("-PT1S", "soon"):
        with pytest.raises(ValidationError):
            Delays.model_validate({name: wrong})
    with pytest.raises(ValidationError):
        Delays.model_validate({f"{name}s": "PT1S"})
