import doctest
from types import ModuleType

import pytest

from instar.store.database import columns, secret_places


@pytest.mark.parametrize("module", [columns, secret_places])
def test_the_examples_in_the_docstrings_hold(module: ModuleType) -> None:
    failed, tried = doctest.testmod(module)
    assert (failed, tried > 0) == (0, True)
