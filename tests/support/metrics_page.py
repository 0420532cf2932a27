"""The tables of docs/monitoring.md, from the code: `python -m tests.support.metrics_page` writes them."""

import re
from pathlib import Path

from prometheus_client.metrics import MetricWrapperBase

from instar.connection.telemetry.state import ABOUT
from instar.telemetry import metrics

PAGE = Path(__file__).parents[2] / "docs" / "monitoring.md"


def counted() -> list[MetricWrapperBase]:
    """Every counter and histogram, in the order of their file."""
    return [one for one in vars(metrics).values() if isinstance(one, MetricWrapperBase)]


def name_of(metric: MetricWrapperBase) -> str:
    """As Prometheus shows it."""
    return f"{metric._name}_total" if metric._type == "counter" else metric._name


def tables() -> dict[str, list[str]]:
    """The lines below each mark."""
    of_counted = [
        f"| `{name_of(one)}` | {one._type} | {_labels(one._labelnames)} | {one._documentation} |" for one in counted()
    ]
    of_state = [f"| `{name}` | {_labels(labels)} | {text} |" for name, (text, labels) in ABOUT.items()]
    return {"counted": of_counted, "state": of_state}


def page() -> str:
    """The page as it should be."""
    text = PAGE.read_text(encoding="utf-8")
    for mark, lines in tables().items():
        table = re.compile(re.escape(f"<!-- {mark} -->") + r"\n\|.*\n\|[-|]+\n((?:\|.*\n)*)").search(text)
        assert table, f"no table after {mark}"
        text = text[: table.start(1)] + "".join(f"{line}\n" for line in lines) + text[table.end(1) :]
    return text


def _labels(labels: tuple[str, ...]) -> str:
    return ", ".join(f"`{label}`" for label in labels) or "none"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
