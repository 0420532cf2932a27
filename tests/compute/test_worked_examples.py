import doctest
from types import ModuleType

import pytest

from instar.compute.simulated.answers import health, metrics
from instar.compute.simulated.file import moments, scripts


@pytest.mark.parametrize("module", [health, metrics, moments, scripts])
def test_the_examples_in_the_docstrings_hold(module: ModuleType) -> None:
    failed, tried = doctest.testmod(module)
    assert (failed, tried > 0) == (0, True)
