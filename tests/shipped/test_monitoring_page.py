"""docs/monitoring.md says of every metric what the code says."""

from tests.support.metrics_page import PAGE, counted, page


def test_every_metric_stands_in_the_docs_as_it_is_in_the_code() -> None:
    assert len(counted()) > 10
    assert page() == PAGE.read_text(encoding="utf-8"), "python -m tests.support.metrics_page writes the tables"
