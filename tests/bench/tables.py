"""What a person sees of a run."""

from collections.abc import Iterable, Mapping

from rich.table import Table

from tests.bench.comparison import Comparison
from tests.bench.figures import Figure
from tests.bench.part import Part


def figures(found: Mapping[str, Figure], parts: Iterable[Part]) -> Table:
    """Each figure, red where it is beyond what its part says."""
    table = Table("figure", "value", "unit", "at most")
    known = {part.name: part for part in parts}
    for name, figure in found.items():
        most = known[name.partition(".")[0]].bound(name)
        beyond = most is not None and figure.value > most
        shown = "" if most is None else number(most)
        table.add_row(name, number(figure.value), figure.unit, shown, style="red" if beyond else None)
    return table


def comparison(compared: Comparison, release: str, margin: float) -> Table:
    """Each figure beside what was kept, red where it is worse by more than the margin."""
    table = Table("figure", release, "now", "now/then", "better")
    for row in compared.rows:
        style = "red" if row.worse > margin else None
        over = "∞" if row.over == float("inf") else f"{row.over:.2f}"
        table.add_row(row.name, number(row.then), number(row.now), over, row.better, style=style)
    return table


def number(value: float) -> str:
    """As short as it can be told.

    >>> number(1234.5), number(2.0), number(0.1234), number(-0.0001)
    ('1,234.5', '2', '0.123', '0')
    """
    shown = f"{value:,.3f}".rstrip("0").rstrip(".")
    return "0" if shown == "-0" else shown
