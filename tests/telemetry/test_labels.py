"""No metric grows without end: every label is one of a few that are known, and its values are counted beforehand."""

from collections.abc import Iterable

import pytest
from prometheus_client.metrics import MetricWrapperBase

from instar.connection.telemetry.state import ABOUT
from instar.domain.health.sources import Protocol
from instar.domain.records.progress import Outcome
from instar.domain.records.upgrades import ErrorCode, UpgradeKind, UpgradeStatus
from instar.domain.sets.policies import StartedBy
from instar.domain.steering.next_step import ParkedFor
from instar.serving.counted import METHODS
from instar.store.overview.standing import WAITING_FOR, Why
from instar.telemetry import metrics
from instar.telemetry.counting import begin_at_zero
from instar.telemetry.metrics import OTHER
from instar.telemetry.purposes import RESPONSES, Purpose

ALLOWED: dict[str, Iterable[str]] = {
    "kind": UpgradeKind,
    "started_by": StartedBy,
    "status": UpgradeStatus,
    "code": ["", *map(str, range(100, 600))],
    "error": ["", OTHER, *ErrorCode],
    "outcome": [OTHER, *Outcome],
    "parked_for": [OTHER, *ParkedFor],
    "waiting_for": WAITING_FOR,
    "why": Why,
    "step": ["swap", "model", "restore"],
    "protocol": Protocol,
    "answer": ["good", "bad", "none"],
    "purpose": Purpose,
    "response": RESPONSES,
    "result": ["delivered", "failed"],
    "method": [OTHER, *METHODS],
    "automatic": ["on", "off"],
}
"""Each label with all values that it can have. A set, an instance, a version, a path or an id is none."""

COUNTED = [one for one in vars(metrics).values() if isinstance(one, MetricWrapperBase)]

TIME_SERIES_AT_MOST = 5_000
"""Of one metric, if all that can happen has happened."""


def labels() -> dict[str, tuple[str, ...]]:
    counted = {one._name: tuple(one._labelnames) for one in COUNTED}
    return counted | {name: of for name, (_, of) in ABOUT.items()}


@pytest.mark.parametrize("name", sorted(labels()))
def test_every_label_is_one_that_is_known(name: str) -> None:
    assert name.startswith("instar_")
    assert set(labels()[name]) <= set(ALLOWED)
    series = 1
    for label in labels()[name]:
        series *= len(list(ALLOWED[label]))
    assert series <= TIME_SERIES_AT_MOST


def test_every_label_that_is_known_is_one_of_a_metric() -> None:
    assert set(ALLOWED) == {label for of in labels().values() for label in of}


def test_all_that_is_counted_is_found() -> None:
    registered = {family.name for family in metrics.REGISTRY.collect() if family.name.startswith("instar_")}
    assert {one._name for one in COUNTED} == registered


def test_values_that_exist_are_of_their_enumeration() -> None:
    """Whatever other tests of this process have counted, too."""
    metrics.REQUESTS.labels("GET", "200").inc(0)
    for family in metrics.REGISTRY.collect():
        for sample in family.samples:
            for label, value in sample.labels.items():
                assert label == "le" or value in list(ALLOWED[label])


def test_every_series_that_alerts_look_at_is_there_from_the_start_with_0() -> None:
    begin_at_zero()
    there = {
        (sample.name, *sample.labels.values()) for family in metrics.REGISTRY.collect() for sample in family.samples
    }
    for error in ErrorCode:
        assert ("instar_upgrades_ended_total", "osUpgrade", "Platform", "Faulted", error.value) in there
    assert ("instar_upgrades_ended_total", "osUpgrade", "User", "Completed", "") in there
    assert ("instar_health_probes_total", "http", "none") in there
    assert ("instar_instance_outcomes_total", "osUpgrade", "rollbackFailed") in there
    assert ("instar_webhook_attempts_total", "failed") in there
