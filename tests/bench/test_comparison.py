import pytest
from rich.console import Console

from tests.bench import tables
from tests.bench.comparison import Comparison, Row, compare
from tests.bench.figures import Better, Figure, Figures, count, ratio, seconds, told
from tests.bench.samples import FACTS, run_of


def compared(now: Figures, then: Figures) -> Comparison:
    return compare(run_of(now), run_of(then, release="0.1.0"))


def only(now: Figure, then: Figure) -> Row:
    [row] = compared({"a.b": now}, {"a.b": then}).rows
    return row


def test_a_ratio_is_told_over_what_it_was() -> None:
    row = only(ratio(1.5), ratio(1.2))
    assert (row.then, row.now) == (1.2, 1.5)
    assert row.over == pytest.approx(1.25)
    assert row.worse == pytest.approx(1.25)
    assert only(ratio(1.2), ratio(1.5)).worse == pytest.approx(0.8)


def test_where_more_is_better_less_is_worse() -> None:
    row = only(ratio(2, Better.HIGHER), ratio(4, Better.HIGHER))
    assert row.over == 0.5
    assert row.worse == 2
    assert only(ratio(4, Better.HIGHER), ratio(2, Better.HIGHER)).worse == 0.5


@pytest.mark.parametrize(
    ("now", "then", "worse"),
    [
        (count(0), count(0), 1),
        (count(1), count(0), float("inf")),
        (count(0), count(3), 0),
        (count(0, Better.HIGHER), count(3, Better.HIGHER), float("inf")),
        (count(3, Better.HIGHER), count(0, Better.HIGHER), 0),
    ],
)
def test_from_nothing_and_to_nothing(now: Figure, then: Figure, worse: float) -> None:
    assert only(now, then).worse == worse


def test_worse_begins_beyond_the_factor() -> None:
    found = compared(
        {"a.b": ratio(1.25), "a.c": ratio(1.3), "a.d": ratio(0.1)}, dict.fromkeys(("a.b", "a.c", "a.d"), ratio(1))
    )
    assert [row.name for row in found.worse_than(1.25)] == ["a.c"]


def test_times_and_what_was_given_are_never_compared() -> None:
    both: Figures = {"a.time": seconds(1), "a.batches": told(5), "a.given": told(5, "ratio")}
    found = compared(both, both)
    assert not found.rows
    assert not found.notes


def test_what_is_missing_on_either_side_is_told_by_name() -> None:
    found = compared(
        {"a.new": ratio(1), "a.both": ratio(1)}, {"a.gone": ratio(1), "b.5.gone": count(2), "a.both": ratio(1)}
    )
    assert [row.name for row in found.rows] == ["a.both"]
    assert found.notes == (
        "new, nothing to compare with: a.new",
        "kept of 0.1.0 and not measured now: a.gone, b.5.gone",
    )


def test_a_figure_that_means_something_else_by_now_is_not_compared() -> None:
    found = compared({"a.b": count(5)}, {"a.b": ratio(5)})
    assert not found.rows
    assert found.notes == ("of another kind in 0.1.0, and not compared: a.b",)
    assert not compared({"a.b": ratio(5, Better.HIGHER)}, {"a.b": ratio(5)}).rows


def test_other_settings_are_other_figures() -> None:
    then = run_of({"a.b": ratio(1)}, release="0.1.0", settings={"swap_seconds": 3, "boot_seconds": 3})
    found = compare(run_of({"a.b": ratio(1)}), then)
    assert not found.rows
    assert found.notes == ("nothing is compared: 0.1.0 was measured with another boot_seconds, swap_seconds",)


def test_another_machine_is_told_and_compared_all_the_same() -> None:
    elsewhere = FACTS.model_copy(update={"cpus": 16, "processor": "Slide rule", "kernel": "6.2"})
    found = compare(run_of({"a.b": ratio(1)}), run_of({"a.b": ratio(1)}, machine=elsewhere))
    assert found.notes == ("kept on another machine: 16 processors, here 2 processors; Slide rule, here Abacus",)
    assert len(found.rows) == 1


def test_a_busy_machine_is_told_whichever_it_was() -> None:
    busy = FACTS.model_copy(update={"load_at_start": (1.1, 0.0, 0.0)})
    one = {"a.b": ratio(1)}
    [now] = compare(run_of(one, machine=busy), run_of(one, release="0.1.0")).notes
    [then] = compare(run_of(one), run_of(one, release="0.1.0", machine=busy)).notes
    working = FACTS.model_copy(update={"load_at_start": (0.9, 9.0, 9.0)})
    assert not compare(run_of(one, machine=working), run_of(one)).notes
    assert now == "this run was measured on a busy machine: load 1.1 on 2 processors"
    assert then == "0.1.0 was measured on a busy machine: load 1.1 on 2 processors"


def shown(found: Comparison, margin: float) -> list[tuple[str, bool]]:
    """Lines of the table, and whether they are red."""
    console = Console(width=100, force_terminal=True, color_system="standard", record=True, file=None, quiet=True)
    with console.capture():
        console.print(tables.comparison(found, "0.1.0", margin))
    text = console.render_lines(tables.comparison(found, "0.1.0", margin), pad=False)
    red = [any(part.style and part.style.color and part.style.color.name == "red" for part in line) for line in text]
    return [("".join(part.text for part in line), is_red) for line, is_red in zip(text, red, strict=True)]


def test_the_table_is_red_where_it_is_worse_by_more_than_the_margin() -> None:
    now: Figures = {"a.worse": ratio(1.2), "a.same": ratio(1.1), "a.less": ratio(0.5, Better.HIGHER), "a.one": count(1)}
    then: Figures = {"a.worse": ratio(1), "a.same": ratio(1), "a.less": ratio(1, Better.HIGHER), "a.one": count(0)}
    lines = shown(compared(now, then), 1.15)
    reds = {name: red for text, red in lines for name in now if name in text}
    assert reds == {"a.worse": True, "a.same": False, "a.less": True, "a.one": True}
    assert any("1.20" in text for text, _ in lines)
    assert any("∞" in text for text, _ in lines)
