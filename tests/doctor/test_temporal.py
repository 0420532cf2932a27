"""What the doctor makes of what a Temporal server answers."""

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest.mock import AsyncMock

import pytest
from temporalio.api.enums.v1 import IndexedValueType
from temporalio.service import RPCError, RPCStatusCode

from instar.connection.settings import Settings
from instar.doctor import place as places
from instar.doctor import reach
from instar.doctor.place import NotLooked, Place
from instar.domain.checkup.findings import Finding, Level
from instar.domain.sets.names import Attribute

KEYWORD, TEXT = IndexedValueType.INDEXED_VALUE_TYPE_KEYWORD, IndexedValueType.INDEXED_VALUE_TYPE_TEXT

Answers = Callable[..., list[Finding]]


@pytest.fixture
def answers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Answers:
    """What the check `temporal` finds where search attributes are answered so."""
    monkeypatch.setenv("TEMPORAL_ADDRESS", "127.0.0.1:1")

    def found(**answer: Any) -> list[Finding]:
        client = SimpleNamespace(
            namespace="default",
            workflow_service=SimpleNamespace(
                get_system_info=AsyncMock(return_value=SimpleNamespace(server_version="1.32.0")),
                describe_task_queue=AsyncMock(**answer),
            ),
            operator_service=SimpleNamespace(list_search_attributes=AsyncMock(**answer)),
        )
        monkeypatch.setattr(places, "connect", AsyncMock(return_value=client))
        return reach.temporal(Place(Settings(data_dir=tmp_path), "", tmp_path))

    return found


def has(**types: Any) -> dict[str, Any]:
    return {"return_value": SimpleNamespace(custom_attributes=dict.fromkeys(Attribute, KEYWORD) | types)}


def test_what_the_namespace_has(answers: Answers) -> None:
    [good] = answers(**has())
    assert (good.level, "version 1.32.0" in good.found) == (Level.OK, True)
    [other] = answers(**has(InstarPhase=TEXT))
    assert other.level is Level.PROBLEM, "workers wait"
    assert "search attributes InstarPhase are of another type than Keyword" in other.found
    [none] = answers(return_value=SimpleNamespace(custom_attributes={}))
    assert "lacks the search attributes InstarPhase" in none.found


@pytest.mark.parametrize("status", list(RPCStatusCode))
def test_only_a_server_that_keeps_the_question_for_its_operators_is_believed(
    answers: Answers, status: RPCStatusCode
) -> None:
    [found] = answers(side_effect=RPCError("Namespace default is not found.", status, b""))
    keeps = (RPCStatusCode.PERMISSION_DENIED, RPCStatusCode.UNAUTHENTICATED, RPCStatusCode.UNIMPLEMENTED)
    assert found.level is (Level.OK if status in keeps else Level.PROBLEM)
    assert (status in keeps) or "Namespace default is not found" in found.found


def test_what_it_refuses_to_tell_is_not_looked_at(answers: Answers, tmp_path: Path) -> None:
    answers(side_effect=RPCError("no", RPCStatusCode.NOT_FOUND, b""))
    here = Place(Settings(data_dir=tmp_path), "", tmp_path)
    for look in (reach.workers, reach.temporal_ahead):
        with pytest.raises(NotLooked, match="Temporal answers NOT_FOUND, and not what was asked"):
            look(here)
