"""What a batch of 20 costs, in counts, is no more than docs/performance.md says: a machine's speed plays no part."""

import re
from pathlib import Path
from unittest.mock import patch

from temporalio.converter import CompositePayloadConverter, DataConverter, WithSerializationContext
from temporalio.worker.workflow_sandbox import _runner as sandbox

from instar.connection.sealed_payloads import SealedPayloads
from instar.store.database.key_file import KeyFile
from tests.support.costs import Costs, of_upgrade
from tests.support.house import ROOT
from workflows.plugin import instar_plugin

ROW = re.compile(r"^\| ([a-z][a-z: ]+?) \| ([\d,]+) \|", re.MULTILINE)


def told() -> dict[str, int]:
    """The table: each count, at the most, of one batch."""
    text = (ROOT / "docs" / "performance.md").read_text()
    table = text[text.index("<!-- counts -->") : text.index("<!-- /counts -->")]
    return {name: int(most.replace(",", "")) for name, most in ROW.findall(table)}


async def test_a_batch_of_20_costs_no_more_than_is_told(tmp_path: Path) -> None:
    with patch.object(sandbox._Instance, "get_serialization_context", return_value=None) as asked:
        costs, batches = await of_upgrade(tmp_path, 100)
    assert batches == 5
    assert not asked.called, "each is code that is compiled and run in the sandbox, several times for each payload"
    found = costs.over(batches)
    assert set(found) == set(told())
    assert {name: count for name, count in found.items() if count > told()[name]} == {}
    too_much = {name: (told()[name], count) for name, count in found.items() if told()[name] > 1.25 * count + 1}
    assert not too_much, "the table is to be brought down with what it tells of"


async def test_what_is_counted_is_what_was_done(tmp_path: Path) -> None:
    for size in ("small", "large"):
        (tmp_path / size).mkdir()
    small, few = await of_upgrade(tmp_path / "small", 20)
    large, as_many = await of_upgrade(tmp_path / "large", 100)
    assert few == as_many == 5
    per_machine = (large.counts[_FLEET] - small.counts[_FLEET]) / 80
    assert per_machine == 2, "a swap is two transactions of the simulated fleet"
    assert _told_nothing(small) == []
    assert small.seconds["all"] > sum(small.seconds[part] for part in ("store", "sealing", "workflow code"))


_FLEET = "fleet: transactions that write"


def _told_nothing(costs: Costs) -> list[str]:
    return [name for name in told() if not costs.counts[name]]


def test_nothing_of_ours_differs_by_the_context_that_the_runner_leaves_out(tmp_path: Path) -> None:
    converter = instar_plugin(SealedPayloads(KeyFile(tmp_path / "seal.keys"))).data_converter
    assert isinstance(converter, DataConverter)
    payloads = converter.payload_converter_class()
    assert isinstance(payloads, CompositePayloadConverter)
    ours: list[object] = [converter.payload_codec, converter.failure_converter_class(), *payloads.converters.values()]
    assert [type(one) for one in ours if isinstance(one, WithSerializationContext)] == []
    assert converter.external_storage is None
