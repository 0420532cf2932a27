"""When a set needs a person: whenever somebody must act, and for nothing else."""

from datetime import datetime, timedelta
from typing import Any

import pytest

from api.overviews.needs_person import HANDED_OVER_WITHIN, needs_person
from instar.store.overview.standing import LATE

NOON = datetime.fromisoformat("2026-12-04T12:00:00+00:00")
OVERDUE = (NOON - LATE - timedelta(minutes=1)).isoformat()
UNTIL = "2026-12-05T00:00:00+00:00"
GOOD: dict[str, Any] = {"state": "idle", "reason": "", "provisioningState": "Succeeded"}
HEALTH = {"all": 20, "healthy": 15, "unhealthy": 5, "starting": 0, "stopped": 0, "limitPercent": 20}


def upgrade(status: str, **more: Any) -> dict[str, Any]:
    return {"upgrade": {"status": status, "number": 3, "targetVersion": "2.0.0", "progress": {}, **more}}


def hand_over(since: timedelta) -> dict[str, Any]:
    return {"handOver": {"waitsFor": "Temporal does not answer", "waitsSince": (NOON - since).isoformat()}}


@pytest.mark.parametrize(
    "told",
    [
        {},
        {"state": "paused", "paused": {"sentence": "paused by ann", "until": UNTIL}},
        {"state": "held", "holds": [{"sentence": "held by 'freeze'", "until": UNTIL}]},
        {"state": "parked", **upgrade("RollingForward", waitsFor="a window")},
        {"provisioningState": "Updating"},
        {"health": {**HEALTH, "overLimit": False}},
        {"quarantined": []},
        {"quarantined": ["1.9.0"], **upgrade("Completed")},
        {"quarantined": ["1.10.0"], **upgrade("Completed", targetVersion="1.11.0")},
        hand_over(HANDED_OVER_WITHIN),
        {"nextLookAt": (NOON - LATE).isoformat()},
        {"nextLookAt": (NOON + timedelta(hours=1)).isoformat()},
        *({"state": state, "nextLookAt": OVERDUE} for state in ("upgrading", "parked", "deleting")),
        upgrade("Completed"),
        upgrade("Cancelled"),
        upgrade("RollingForward", progress={"failedInstanceCount": 1, "rolledBackInstanceCount": 1}),
        upgrade("RollingBack", progress={"needsPersonInstanceCount": 0}),
    ],
)
def test_nobody_need_act(told: dict[str, Any]) -> None:
    assert needs_person({**GOOD, **told}, NOON) == []


@pytest.mark.parametrize(
    ("told", "sentence"),
    [
        (upgrade("Faulted", error={"message": "stopped: 5 of 20"}), "upgrade 3 is Faulted: stopped: 5 of 20"),
        (upgrade("Faulted", lastDecision={"reason": "stopped"}), "upgrade 3 is Faulted: stopped"),
        (upgrade("Faulted"), "upgrade 3 is Faulted"),
        (
            upgrade("RollingForward", progress={"needsPersonInstanceCount": 1}),
            "1 machine is not healthy after the rollback either",
        ),
        (
            upgrade("Completed", progress={"needsPersonInstanceCount": 2}),
            "2 machines are not healthy after the rollback either",
        ),
        ({"health": {**HEALTH, "overLimit": True}}, "5 of 20 machines are unhealthy, over the limit of 20 %"),
        (
            {"health": {**HEALTH, "all": 22, "stopped": 2, "overLimit": True}},
            "5 of 20 machines are unhealthy, over the limit of 20 %",
        ),
        ({"state": "held", "recordsBehind": "its records are older"}, "nothing is done to it: its records are older"),
        ({"approval": {"gate": "first"}}, "an approval is waited for, at the gate 'first'"),
        ({"holds": [{"sentence": "held by 'freeze'"}]}, "held with no end: held by 'freeze'"),
        ({"paused": {"sentence": "paused by ann"}}, "paused with no end: paused by ann"),
        ({"quarantined": ["2.0.0"]}, "quarantined: 2.0.0"),
        ({"quarantined": ["2.0.0", "1.9.0"], **upgrade("Completed")}, "quarantined: 2.0.0"),
        ({"quarantined": ["2.0.1"], **upgrade("Completed")}, "quarantined: 2.0.1"),
        ({"quarantined": ["1.9.0"], **upgrade("Cancelled")}, "quarantined: 1.9.0"),
        ({"quarantined": ["1.9.0"], **upgrade("RollingForward")}, "quarantined: 1.9.0"),
        ({"quarantined": ["1.9.0"], **upgrade("Completed", targetVersion="")}, "quarantined: 1.9.0"),
        *(
            (
                {"state": state, "nextLookAt": OVERDUE},
                "nobody looks for new versions: that was due at 2026-12-04 11:29Z (a worker away?)",
            )
            for state in ("idle", "paused", "held")
        ),
        (
            {"state": "held", "recordsBehind": "its records are older", "nextLookAt": OVERDUE},
            "nothing is done to it: its records are older",
        ),
        (
            hand_over(HANDED_OVER_WITHIN + timedelta(seconds=1)),
            "not handed over yet: Temporal does not answer",
        ),
        ({"provisioningState": "Failed"}, "the last request to create or change it has failed"),
    ],
)
def test_a_person_must_act_and_is_told_why(told: dict[str, Any], sentence: str) -> None:
    assert needs_person({**GOOD, **told}, NOON) == [sentence]


def test_every_reason_is_told() -> None:
    holds = [{"sentence": "held by 'a'"}, {"sentence": "held by 'b'", "until": UNTIL}, {"sentence": "held by 'c'"}]
    told = {**GOOD, **upgrade("Faulted"), "holds": holds, "quarantined": ["2.0.0"]}
    assert needs_person(told, NOON) == [
        "upgrade 3 is Faulted",
        "held with no end: held by 'a'",
        "held with no end: held by 'c'",
        "quarantined: 2.0.0",
    ]
