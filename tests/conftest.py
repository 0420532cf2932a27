"""What every run of the tests tells of itself."""

from tests.support.seed import NAME, SEED


def pytest_report_header() -> str:
    return f"random moments: {NAME}={SEED}"
