"""Without the extra `libvirt` nothing here can run: then every module is skipped, and says so."""

import os
from collections.abc import AsyncIterator, Generator, Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.libvirt.real_site import RealSite
    from tests.libvirt.scene import Scene

HERE = Path(__file__).parent
GUESTS = "INSTAR_TEST_GUESTS"
"""A directory with tiny guests, to make them once for many runs."""

MISSING = "the extra `libvirt` is not installed: run `make libvirt`"


class Skipped(pytest.Module):
    """A module that cannot be imported here."""

    def collect(self) -> list[pytest.Item]:
        pytest.skip(MISSING, allow_module_level=True)


if find_spec("libvirt") is None:

    @pytest.hookimpl(wrapper=True)
    def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> Generator[None, object, object]:
        """Neither the tests of a file nor its examples: both would import it."""
        yield
        return [Skipped.from_parent(parent, path=file_path)] if file_path.name.startswith("test_") else []


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.path.parent == HERE and item.path.name.startswith("test_real_"):
            item.add_marker(pytest.mark.libvirt)


@pytest.fixture
def scene(tmp_path: Path) -> Iterator["Scene"]:
    from tests.libvirt.scene import Scene  # noqa: PLC0415  # it imports the extra

    with Scene(tmp_path) as made:
        yield made


@pytest.fixture(scope="session")
async def real(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator["RealSite"]:
    """One for all tests on real machines: it takes long to start."""
    from tests.libvirt.real_site import a_real_site  # noqa: PLC0415  # it imports the extra

    async with a_real_site(Path(os.environ.get(GUESTS) or tmp_path_factory.mktemp("guests"))) as site:
        yield site
