"""Reports that nobody measured: for the tests."""

from collections.abc import Mapping
from datetime import UTC, datetime

from tests.bench.figures import Figures
from tests.bench.report import Machine, Report, Versions, report

FACTS = Machine(
    cpus=2, processor="Abacus", memory_mib=8_000, system="Linux", kernel="6.1", load_at_start=(0.25, 0.5, 0.5)
)
VERSIONS = Versions(
    python="3.11.7", temporal_server="1.32.0", temporal_sdk="1.35.0", postgresql="", sqlite="3.40.1", ansible_core=""
)


def run_of(
    figures: Figures,
    *,
    release: str = "0.2.0",
    machine: Machine = FACTS,
    settings: Mapping[str, float] = {"swap_seconds": 2.0},  # only read
    failed: Mapping[str, str] = {},  # only read
) -> Report:
    """A run with those figures."""
    return report(
        release=release,
        commit="abc",
        taken_at=datetime(2026, 11, 30, 12, tzinfo=UTC),
        machine=machine,
        versions=VERSIONS,
        settings=settings,
        figures=figures,
        failed=failed,
    )
