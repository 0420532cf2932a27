"""A log for machines: an object a line, with what it is about, and nothing that was not meant for it."""

import asyncio
import json
import logging
import sys
from typing import Any

import pytest

from instar.connection.telemetry.json_lines import JsonLines
from instar.connection.telemetry.settings import LogFormat, LogSettings
from instar.domain.sets.scale_sets import ScaleSetIdentity
from instar.telemetry.about import about, what_it_is_about

WEB = ScaleSetIdentity(resource_id="/subscriptions/s/web", name="web", unique_id="u", location="here")


def line(message: str, *values: object, **extra: Any) -> dict[str, Any]:
    record = logging.LogRecord("activities", logging.WARNING, "file", 1, message, values, extra.pop("exc_info", None))
    record.created = 1_795_953_600.25
    vars(record).update(extra)
    text = JsonLines("worker").format(record)
    assert len(text.splitlines()) == 1
    found: dict[str, Any] = json.loads(text)
    return found


def test_a_line_says_when_where_and_what() -> None:
    assert line("%s is late", "he") == {
        "time": "2026-11-29T12:00:00.250Z",
        "level": "warning",
        "process": "worker",
        "logger": "activities",
        "message": "he is late",
    }


def test_it_says_what_it_is_about_for_as_long_as_that_lasts() -> None:
    with about(WEB, upgrade=7, workflow="os-upgrade/web-0/7"):
        with about(instance="3"):
            inner = line("x")
        outer = line("x")
    assert (inner["set"], inner["resource"], inner["upgrade"], inner["instance"]) == ("web", WEB.resource_id, 7, "3")
    assert "instance" not in outer
    assert "set" not in line("x")


async def test_it_follows_into_tasks_and_threads_and_not_beside() -> None:
    async def of(instance: str) -> list[Any]:
        with about(instance=instance):
            await asyncio.sleep(0)
            in_thread = await asyncio.to_thread(lambda: line("x"))
            return [line("x")["instance"], in_thread["instance"], line("x")["set"]]

    with about(WEB):
        found = await asyncio.gather(*(of(str(number)) for number in range(20)))
    assert found == [[str(number), str(number), "web"] for number in range(20)]
    assert dict(what_it_is_about()) == {}


def test_a_workflows_line_says_whose_it_is() -> None:
    details = {"workflow_id": "os-upgrade/a-b-0123456789abcdef/12", "run_id": "r"}
    found = line("x", temporal_workflow=details)
    assert (found["set"], found["upgrade"], found["workflow"]) == ("a-b", 12, details["workflow_id"])
    found = line("x", temporal_workflow={"workflow_id": "webhook/chat"})
    assert "set" not in found
    assert "upgrade" not in found
    assert line("x", temporal_workflow="nonsense")["message"] == "x"


@pytest.mark.parametrize("text", ["a\nb", "a\u2028b\x85c", '"}\r\n{"level": "error', "\ud800", "\x1b[2J"])
def test_no_text_makes_a_line_of_its_own(text: str) -> None:
    assert line("%s", text)["message"] == text


def test_what_a_library_hangs_on_a_record_is_not_written() -> None:
    assert "hunter2" not in json.dumps(line("x", password="hunter2", activity_info={"input": "hunter2"}))


def test_an_error_has_its_trace_in_the_same_line() -> None:
    found: dict[str, Any] = {}
    try:
        int("wrong")
    except ValueError:
        found = line("it failed", exc_info=sys.exc_info())
    assert found["error"].endswith("base 10: 'wrong'")
    assert found["message"] == "it failed"


def test_text_is_what_there_is_without_a_setting() -> None:
    assert LogSettings().format is LogFormat.TEXT
