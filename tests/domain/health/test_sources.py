"""Which health source a model has, read from its ARM document (docs/rules.md H1, H2, H4)."""

from datetime import timedelta
from typing import Any

import pytest

from instar.domain.health.sources import HealthSource
from instar.domain.sets.scale_sets import ScaleSetModel


def source(**properties: Any) -> HealthSource:
    """The source of a model with this one extension."""
    publisher = {"publisher": "Microsoft.ManagedServices", "type": "ApplicationHealthLinux"}
    extension = {"name": "x", "properties": publisher | properties}
    profile = {"extensionProfile": {"extensions": [extension]}}
    return ScaleSetModel.from_arm({"properties": {"virtualMachineProfile": profile}}, 1).health_source


@pytest.mark.parametrize("kind", ["ApplicationHealthLinux", "ApplicationHealthWindows", "applicationhealthLINUX"])
def test_h4_the_application_health_extension_is_a_source_on_either_system(kind: str) -> None:
    assert source(type=kind).kind == "applicationHealth"


@pytest.mark.parametrize(
    "other", [{"publisher": "Microsoft.Azure.Extensions"}, {"type": "CustomScript"}, {"publisher": ""}, {"type": ""}]
)
def test_h2_any_other_extension_is_none_and_the_default_is_taken(other: dict[str, str]) -> None:
    assert source(**other) == HealthSource(kind="default")


@pytest.mark.parametrize(
    ("version", "rich"), [("1.0", False), ("1.0.15", False), ("1", False), ("2.0", True), ("2.0.3", True), ("2", True)]
)
def test_h4_version_1_is_binary_and_2_is_rich(version: str, *, rich: bool) -> None:
    assert source(typeHandlerVersion=version).rich is rich


def test_h4_without_a_version_it_is_binary() -> None:
    assert source().rich is False


def test_h4_h6_interval_and_probes_are_read_and_have_azures_defaults() -> None:
    plain = source()
    assert (plain.interval, plain.number_of_probes) == (timedelta(seconds=5), 1)
    told = source(settings={"intervalInSeconds": "20", "numberOfProbes": 3})
    assert (told.interval, told.number_of_probes) == (timedelta(seconds=20), 3)


def test_h4_the_grace_period_is_by_default_the_time_that_an_answer_takes() -> None:
    assert source(settings={"intervalInSeconds": 20, "numberOfProbes": 3}).grace_period == timedelta(seconds=60)
    assert source(settings={"gracePeriod": 600}).grace_period == timedelta(seconds=600)
    assert source(settings={"gracePeriod": 0}).grace_period == timedelta(0)
