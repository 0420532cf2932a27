import os
import stat
from pathlib import Path

import pytest

from instar.errors import Trouble
from instar.stack.data_dir import claimed


def test_a_directory_in_use_is_refused_and_its_holder_named(tmp_path: Path) -> None:
    with (
        claimed(tmp_path),
        pytest.raises(Trouble, match=rf"used by another instar \(process {os.getpid()}\).*--data-dir"),
    ):
        claimed(tmp_path).__enter__()


def test_a_directory_is_free_again_after_use_whatever_happened(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError), claimed(tmp_path):
        raise RuntimeError
    with claimed(tmp_path) as directory:
        assert directory == tmp_path


def test_a_directory_that_is_made_is_private(tmp_path: Path) -> None:
    with claimed(tmp_path / "new" / "data") as directory:
        assert stat.S_IMODE(directory.stat().st_mode) == 0o700


def test_a_directory_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no directory")
    with pytest.raises(Trouble, match=r"cannot write in the data directory .*file.*--data-dir"):
        claimed(tmp_path / "file").__enter__()
