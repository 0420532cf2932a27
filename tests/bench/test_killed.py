from datetime import UTC, datetime

from instar.compute.simulated.flight.recorder import FlightRecord, Kind
from tests.bench.parts import killed


def flight(*kinds: tuple[Kind, str]) -> list[FlightRecord]:
    noon = datetime(2026, 11, 30, 12, tzinfo=UTC)
    return [FlightRecord(number, noon, kind, "set", one) for number, (kind, one) in enumerate(kinds)]


def test_the_middle_is_where_two_fifths_are_done_and_others_are_on_their_way() -> None:
    first = [(kind, one) for one in "01" for kind in (Kind.STOP, Kind.COMMIT_SWAP)]
    assert not killed.in_the_middle(flight(*first), 5), "between two batches"
    assert killed.in_the_middle(flight(*first, (Kind.STOP, "2")), 5)
    assert not killed.in_the_middle(flight(*first, (Kind.STOP, "2")), 10), "too early"


def test_machines_that_were_swapped_twice_are_counted_once_each() -> None:
    swaps = [(Kind.COMMIT_SWAP, one) for one in ("0", "1", "1", "2", "2", "2")]
    assert killed._became(flight(*swaps))[0] == 2
