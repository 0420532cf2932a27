"""The command line, with parts that measure nothing."""

import io
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from rich.console import Console

from tests.bench import __main__ as program
from tests.bench import running, scene
from tests.bench.asking import Measurement
from tests.bench.figures import Figures, ratio, seconds
from tests.bench.options import parser
from tests.bench.part import Part
from tests.bench.report import read
from tests.bench.samples import run_of
from tests.support.house import ROOT


def part(name: str, measure: Callable[[int], Figures]) -> Part:
    return Part(name=name, help="nothing", measure=measure)


def broken(_: int) -> Figures:
    raise RuntimeError("the part is broken")


GOOD = part("upgrade", lambda _: {"over": ratio(1.5), "took": seconds(3)})
BAD = part("api", broken)


@pytest.fixture
def main(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[..., int]:
    """The program in a folder, with two parts; its status."""
    monkeypatch.setattr(program, "stop_where_it_stands", lambda: None)
    monkeypatch.chdir(tmp_path)

    def run(*words: str, parts: tuple[Part, ...] = (GOOD,)) -> int:
        monkeypatch.setattr(program, "measurements", lambda *_, **__: [Measurement(one, 0) for one in parts])
        monkeypatch.setattr(sys, "argv", ["bench", *words])
        return program.main()

    return run


def kept(path: str, over: float) -> str:
    run_of({"upgrade.over": ratio(over)}, release="0.1.0", settings=dict(scene.SETTINGS)).write(Path(path))
    return path


def test_what_was_measured_is_written_and_shown(main: Callable[..., int], capsys: pytest.CaptureFixture[str]) -> None:
    assert main("--json", "now.json") == 0
    assert read(Path("now.json")).figures["upgrade.over"].value == 1.5
    assert "upgrade.took" in capsys.readouterr().out


def test_a_part_that_fails_leaves_the_others_their_turn(
    main: Callable[..., int], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main("--json", "now.json", parts=(BAD, GOOD)) == 1
    written = read(Path("now.json"))
    assert written.failed == {"api": "RuntimeError: the part is broken"}
    assert "upgrade.over" in written.figures
    assert "api could not be measured" in capsys.readouterr().out


def test_to_compare_only_tells_and_fails_where_that_is_asked(
    main: Callable[..., int], capsys: pytest.CaptureFixture[str]
) -> None:
    then = kept("then.json", 1.0)
    assert main("--compare", then) == 0
    assert "1.50" in capsys.readouterr().out
    assert main("--compare", then, "--fail-worse", "1.25") == 1
    assert "upgrade.over is 1.50 times as bad as in 0.1.0" in capsys.readouterr().out
    assert main("--compare", then, "--fail-worse", "1.5") == 0


def test_where_nothing_can_be_compared_a_gate_does_not_pass(
    main: Callable[..., int], capsys: pytest.CaptureFixture[str]
) -> None:
    run_of({"many.over": ratio(1)}, release="0.1.0", settings=dict(scene.SETTINGS)).write(Path("then.json"))
    assert main("--compare", "then.json", "--fail-worse", "9") == 1
    assert "nothing could be compared" in capsys.readouterr().out


def test_two_files_are_compared_and_nothing_is_measured(main: Callable[..., int]) -> None:
    now, then = kept("now.json", 2.0), kept("then.json", 1.0)
    assert main("--figures", now, "--compare", then, "--fail-worse", "1.25", parts=(BAD,)) == 1
    assert main("--figures", then, "--compare", now, "--fail-worse", "1.25", parts=(BAD,)) == 0


def test_ratios_are_kept_as_those_of_this_release_unless_a_part_failed(
    main: Callable[..., int], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(program, "of_release", lambda release: tmp_path / f"{release}.json")
    assert main("--keep", parts=(GOOD, BAD)) == 1
    assert not list(tmp_path.iterdir())
    assert main("--keep") == 0
    [path] = tmp_path.iterdir()
    assert list(read(path).figures) == ["upgrade.over"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--compare", "gone.json"], "gone.json cannot be read"),
        (["--json", "."], "nothing can be written to ."),
        (["--json", "no/such/folder.json"], "nothing can be written to"),
        (["--fail-worse", "1.2"], "give both"),
        (["--compare", "--fail-worse", "0.5"], "'0.5' is no factor"),
        (["--compare", "--fail-worse", "nan"], "'nan' is no factor"),
        (["--compare", "--noise", "much"], "'much' is no factor"),
        (["--figures", "now.json", "--quick"], "--figures measures nothing"),
        (["--figures", "now.json", "--keep"], "--figures measures nothing"),
        (["--figures", "gone.json"], "gone.json cannot be read"),
    ],
)
def test_nonsense_is_refused_before_anything_is_measured(
    main: Callable[..., int], capsys: pytest.CaptureFixture[str], words: list[str], said: str
) -> None:
    with pytest.raises(SystemExit) as refused:
        main(*words, parts=(BAD,))
    assert refused.value.code == 2
    told = capsys.readouterr()
    assert said in told.err
    assert "broken" not in told.out


def test_figures_that_cannot_be_compared_with_are_refused_before_anything_is_measured(
    main: Callable[..., int], capsys: pytest.CaptureFixture[str]
) -> None:
    Path("then.json").write_text('{"upgrade.over": 1}')
    with pytest.raises(SystemExit):
        main("--compare", "then.json", parts=(BAD,))
    told = capsys.readouterr()
    assert "holds no figures of this bench" in told.err
    assert "broken" not in told.out


def test_every_option_has_its_line_in_the_help() -> None:
    told = parser().format_help()
    assert all(name in told for name in ("--compare", "--fail-worse", "--noise", "--json", "--quick", "--keep"))


def test_a_run_that_is_stopped_shows_what_there_is_by_then() -> None:
    def stopped(_: int) -> Figures:
        raise KeyboardInterrupt

    shown = io.StringIO()
    with pytest.raises(KeyboardInterrupt):
        running.run([Measurement(GOOD, 0), Measurement(part("api", stopped), 0)], Console(file=shown))
    assert "upgrade.over" in shown.getvalue()


ENDLESS = """
import sys, tempfile, time
from tests.bench import __main__ as program
from tests.bench.asking import Measurement
from tests.bench.part import Part
from tests.bench.stacks import PREFIX

def endless(_):
    with tempfile.TemporaryDirectory(prefix=PREFIX):
        print("measuring", flush=True)
        while True:
            time.sleep(0.1)

part = Part(name="endless", help="it", measure=endless)
program.measurements = lambda *_, **__: [Measurement(part, 0)]
sys.argv = ["bench"]
sys.exit(program.main())
"""


@pytest.mark.processes
@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_it_and_leaves_no_folder_behind(tmp_path: Path, signum: signal.Signals) -> None:
    process = subprocess.Popen(  # noqa: S603
        [sys.executable, "-c", ENDLESS],
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        env=os.environ | {"TMPDIR": str(tmp_path)},
    )
    with process:
        assert process.stdout is not None
        try:
            said = list(iter(process.stdout.readline, "measuring\n"))
            assert list(tmp_path.iterdir())
            process.send_signal(signum)
            said += process.stdout.readlines()
            assert process.wait(60) == 130
        finally:
            process.kill()
    assert "stopped: nothing is left of it\n" in said
    assert not list(tmp_path.iterdir())
