"""What every run of the tests tells of itself."""

import gc

from tests.support.seed import NAME, SEED


def pytest_report_header() -> str:
    return f"random moments: {NAME}={SEED}"


def pytest_collection_finish() -> None:
    # What is there now stays: a collection that looks through all of it takes so long that a workflow which happens to
    # run meanwhile is taken for a deadlocked one.
    gc.collect()
    gc.freeze()
