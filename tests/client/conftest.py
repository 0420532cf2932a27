"""What a terminal shows of elapsed time is shown at one moment, whenever the tests run."""

from datetime import UTC, datetime

import pytest

from instar.client import watch_all
from instar.client.showing import screens

NOW = datetime(2026, 3, 1, 12, 5, tzinfo=UTC)


@pytest.fixture(autouse=True)
def now(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (watch_all, screens):
        monkeypatch.setattr(module, "utc_now", lambda: NOW)
