"""Any steered upgrade of any sets, over clock changes and kills: the court finds nothing."""

import os
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings

from tests.simulation.court import told
from tests.simulation.plots import DAYS_PLAYED, Event, Plot, played, plots

SAME_AS_EVER = "INSTAR_EXPLORE" not in os.environ
"""Whether the plots are those of every run; with the variable each run has others."""


def check(plot: Plot) -> None:
    with tempfile.TemporaryDirectory() as folder:
        breaches, unended = played(plot, Path(folder))
    assert not breaches, told(breaches)
    assert not unended


@pytest.mark.timeout(900)
@given(plots())
@settings(max_examples=8, derandomize=SAME_AS_EVER, deadline=None, suppress_health_check=list(HealthCheck))
def test_c1_c2_g3_w1_w2_w3_whatever_is_wished_the_rules_hold_and_upgrades_go_on(plot: Plot) -> None:
    check(plot)


def test_a_pause_in_the_last_minute_of_a_plot_is_let_go_like_any() -> None:
    begins, last = datetime(2026, 3, 4, 19, tzinfo=UTC), Event(DAYS_PLAYED * 1440, "pause", 0)
    gated: dict[str, Any] = {"approval": "first"}
    check(Plot(begins, (3,), (), 20, (gated,), (last,), seed=356, loses_words=True))


def test_a_batch_a_week_is_an_upgrade_that_goes_on() -> None:
    begins = datetime(2026, 3, 4, 19, tzinfo=UTC)
    weekly = {"from": "10:00", "to": "12:00", "timeZone": "Europe/Berlin", "days": ["Mon"]}
    check(Plot(begins, (13,), (), 20, ({"windows": [weekly], "bake": "PT3H"},), (), seed=1, loses_words=False))


@pytest.mark.long
@pytest.mark.timeout(1800)
@given(plots(most_events=30))
@settings(max_examples=100, derandomize=SAME_AS_EVER, deadline=None, suppress_health_check=list(HealthCheck))
def test_c1_c2_g3_w1_w2_w3_whatever_is_wished_at_length(plot: Plot) -> None:
    check(plot)
