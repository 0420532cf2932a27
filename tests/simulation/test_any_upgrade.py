"""Any steered upgrade of any sets, over clock changes and kills: the court finds nothing."""

import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings

from tests.simulation.court import told
from tests.simulation.plots import Plot, played, plots


def check(plot: Plot) -> None:
    with tempfile.TemporaryDirectory() as folder:
        breaches, unended = played(plot, Path(folder))
    assert not breaches, told(breaches)
    assert not unended


@pytest.mark.timeout(900)
@given(plots())
@settings(max_examples=8, deadline=None, suppress_health_check=list(HealthCheck))
def test_c1_c2_g3_w1_w2_w3_whatever_is_wished_the_rules_hold_and_upgrades_go_on(plot: Plot) -> None:
    check(plot)


@pytest.mark.long
@pytest.mark.timeout(1800)
@given(plots(most_events=30))
@settings(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck))
def test_c1_c2_g3_w1_w2_w3_whatever_is_wished_at_length(plot: Plot) -> None:
    check(plot)
