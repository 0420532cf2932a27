import stat
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from cryptography.fernet import Fernet

from instar.store.database.sealing import Sealer
from instar.store.errors import SealingError

ROOT = Path(__file__).parents[2]


def test_f5_what_is_sealed_opens_again_and_looks_different_each_time(sealer: Sealer) -> None:
    tokens = {sealer.seal("sécret\n") for _ in range(3)}
    assert len(tokens) == 3
    assert {sealer.open(token) for token in tokens} == {"sécret\n"}
    assert not any("secret" in token for token in tokens)


def test_f5_the_first_key_seals_and_every_key_opens() -> None:
    old, new = (Fernet.generate_key().decode() for _ in range(2))
    token = Sealer([old]).seal("text")
    both = Sealer([new, old])
    assert both.open(token) == "text"
    assert Sealer([new]).open(both.seal("text")) == "text"
    assert Sealer([new]).open(both.rotate(token)) == "text"
    with pytest.raises(SealingError):
        Sealer([new]).open(token)
    with pytest.raises(SealingError):
        Sealer([new]).rotate(token)


@pytest.mark.parametrize("token", ["", "nonsense", "gAAAAA==", "\x00", "é"])
def test_a_token_that_is_none_does_not_open(sealer: Sealer, token: str) -> None:
    with pytest.raises(SealingError):
        sealer.open(token)


def test_the_key_file_is_made_at_first_use_for_its_owner_alone(tmp_path: Path) -> None:
    path = tmp_path / "instar.key"
    token = Sealer.from_file(path).seal("text")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert Sealer.from_file(str(path)).open(token) == "text"
    assert list(tmp_path.iterdir()) == [path]


def test_comments_and_empty_lines_in_the_key_file_are_left_out(tmp_path: Path) -> None:
    path = tmp_path / "instar.key"
    token = Sealer.from_file(path).seal("text")
    newer = Fernet.generate_key().decode()
    path.write_text(f"# of this year\n{newer}\r\n\n  {path.read_text()}")
    both = Sealer.from_file(path)
    assert both.open(token) == "text"
    assert Sealer([newer]).open(both.seal("more")) == "more"


def test_threads_that_make_the_key_file_at_once_end_up_with_one_key(tmp_path: Path) -> None:
    together = threading.Barrier(8)
    tokens: list[str] = []

    def make() -> None:
        together.wait()
        tokens.append(Sealer.from_file(tmp_path / "instar.key").seal("text"))

    threads = [threading.Thread(target=make) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    late = Sealer.from_file(tmp_path / "instar.key")
    assert [late.open(token) for token in tokens] == ["text"] * 8
    assert len(list(tmp_path.iterdir())) == 1


@pytest.mark.processes
def test_processes_that_make_the_key_file_at_once_end_up_with_one_key(tmp_path: Path) -> None:
    program = (
        "import sys; from instar.store.database.sealing import Sealer; "
        "print(Sealer.from_file(sys.argv[1]).seal('text'))"
    )
    running = [
        subprocess.Popen(  # noqa: S603  # this interpreter
            [sys.executable, "-c", program, tmp_path / "instar.key"], cwd=ROOT, stdout=subprocess.PIPE, text=True
        )
        for _ in range(4)
    ]
    tokens = [process.communicate(timeout=60)[0].strip() for process in running]
    late = Sealer.from_file(tmp_path / "instar.key")
    assert [late.open(token) for token in tokens] == ["text"] * 4


@pytest.mark.parametrize("content", [b"", b"\n# only a comment\n", b"short", b"\xff\xfe\x00", b"a" * 44])
def test_a_bad_key_file_is_refused_with_its_name_and_without_its_content(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "instar.key"
    path.write_bytes(content)
    with pytest.raises(SealingError, match=r"instar\.key") as refused:
        Sealer.from_file(path)
    assert "short" not in str(refused.value)
    assert path.read_bytes() == content


def test_an_unusable_key_file_is_refused_with_its_name(tmp_path: Path) -> None:
    with pytest.raises(SealingError, match=str(tmp_path)):
        Sealer.from_file(tmp_path)
    with pytest.raises(SealingError, match="absent"):
        Sealer.from_file(tmp_path / "absent" / "instar.key")
