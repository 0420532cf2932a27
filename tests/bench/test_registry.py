import ast
import pkgutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.bench import parts
from tests.bench.asking import measurements
from tests.bench.figures import Better, Figure, Figures, count, per_second, ratio, seconds, told
from tests.bench.options import parser
from tests.bench.part import Part
from tests.bench.registry import PARTS


def nothing(_: int) -> Figures:
    return {}


def made(name: str = "one", words: str = "one thing", **more: object) -> Part:
    return Part(name=name, help=words, measure=nothing, **more)  # type: ignore[arg-type]


SIZED = made("sized", sizes=(10, 100), quick=(10,))
PLAIN = made("plain", quick=(0,))
SLOW = made("slow", sizes=(7,))
THREE = (SIZED, PLAIN, SLOW)


def asked(*named: str, quick: bool = False) -> list[str]:
    return list(map(str, measurements(named, quick=quick, parts=THREE)))


def test_every_module_of_parts_is_registered_once() -> None:
    modules = {module.name for module in pkgutil.iter_modules(parts.__path__) if module.name != "__init__"}
    registered = [one.measure.__module__.rpartition(".")[2] for one in PARTS]
    assert sorted(registered) == sorted(modules)


def test_no_name_is_taken_twice() -> None:
    assert len({one.name for one in PARTS}) == len(PARTS)


def test_the_help_names_every_part_in_a_line() -> None:
    lines = parser().format_help().splitlines()
    for part in PARTS:
        [line] = [line for line in lines if line.startswith(f"  {part.name} ")]
        assert part.help in line


def test_a_quick_run_measures_something_and_only_what_a_whole_run_keeps() -> None:
    quick, whole = set(map(str, measurements([], quick=True))), set(map(str, measurements([])))
    assert quick
    assert quick < whole


@pytest.mark.parametrize("part", PARTS, ids=lambda part: part.name)
def test_each_bound_is_of_a_figure_that_its_module_names(part: Part) -> None:
    """A figure that is renamed would leave its bound behind, which nobody would miss."""
    written = Path(parts.__path__[0], part.measure.__module__.rpartition(".")[2] + ".py").read_text()
    texts = [node.value for node in ast.walk(ast.parse(written)) if isinstance(node, ast.Constant)]
    for pattern in part.bounds:
        texts.remove(pattern)
        assert pattern.rpartition(".")[2] in texts


def test_without_names_a_whole_run_has_all_and_a_quick_one_what_is_quick() -> None:
    assert asked() == ["sized.10", "sized.100", "plain", "slow.7"]
    assert asked(quick=True) == ["sized.10", "plain"]


def test_parts_are_asked_for_by_name_with_sizes_of_their_own_and_come_in_the_order_of_the_registry() -> None:
    assert asked("plain", "sized") == ["sized.10", "sized.100", "plain"]
    assert asked("sized:30,2,30") == ["sized.2", "sized.30"]
    assert asked("slow", "sized", quick=True) == ["sized.10", "slow.7"]


@pytest.mark.parametrize(
    ("named", "told_so"),
    [
        (["nix"], "there is no part 'nix': there are sized, plain, slow"),
        ([""], "there is no part ''"),
        (["plain:3"], "plain has no sizes"),
        (["sized:"], "'' is no list of sizes"),
        (["sized:0"], "'0' is no list of sizes"),
        (["sized:-3"], "'-3' is no list of sizes"),
        (["sized:ten"], "'ten' is no list of sizes"),
        (["sized:²"], "'²' is no list of sizes"),
        (["sized:1", "sized:2"], "sized is asked for twice"),
    ],
)
def test_what_there_is_not_is_refused_and_said(named: list[str], told_so: str) -> None:
    with pytest.raises(ValueError, match=told_so):
        asked(*named)


def test_the_names_of_figures_begin_with_part_and_size() -> None:
    assert SIZED.prefix(10) == "sized.10."
    assert PLAIN.prefix(0) == "plain."


def test_a_bound_is_found_by_the_figures_own_name() -> None:
    part = made("sized", sizes=(1, 2), bounds={"1.time": 3, "*.events": 4})
    assert part.bound("sized.1.time") == 3
    assert part.bound("sized.2.time") is None
    assert part.bound("sized.2.events") == 4


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: made("Two words"),
        lambda: made("a.b"),
        lambda: made(words=" "),
        lambda: made(words="two\nlines"),
        lambda: made(sizes=()),
        lambda: made(sizes=(0, 5)),
        lambda: made(sizes=(5,), quick=(-1,)),
        lambda: Figure(float("nan"), "s"),
        lambda: Figure(float("inf"), "s"),
    ],
)
def test_parts_and_figures_that_make_no_sense_are_refused(wrong: Callable[[], object]) -> None:
    with pytest.raises(ValueError, match=r".+"):
        wrong()


def test_only_ratios_and_counts_are_compared_with_another_run() -> None:
    assert ratio(1).comparable
    assert count(1).comparable
    assert not seconds(1).comparable
    assert not per_second(1).comparable
    assert not told(1).comparable
    assert per_second(1).better is Better.HIGHER
