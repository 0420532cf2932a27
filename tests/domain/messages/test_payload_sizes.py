"""What travels of 100,000 machines fits through Temporal, however their ids are torn (docs/upgrades.md)."""

from collections.abc import Callable
from datetime import timedelta
from itertools import chain
from typing import Any

import pytest
from pydantic import BaseModel
from temporalio.contrib.pydantic import pydantic_data_converter

from instar.domain.machines.instance_ids import InstanceIds
from instar.domain.messages.one_look import CheckedAndChosen, JudgedAndChosen, UpgradeRecords
from instar.domain.messages.os_upgrade import (
    BatchChoice,
    HealthFound,
    HealthRequest,
    LookRequest,
    RestoreSlice,
    SliceOutcome,
    SwapSlice,
    UpgradeState,
    Verdict,
)
from instar.domain.messages.scale_set import UpgradeEnded
from instar.domain.records.progress import Outcome, Progress
from instar.domain.records.upgrade_plan import UpgradePlan
from instar.domain.records.upgrades import UpgradeStatus
from instar.domain.records.way_back import GoingBack, WayBack
from instar.domain.sets.policies import StartedBy
from instar.domain.sets.scale_sets import ScaleSetIdentity
from instar.domain.steering.start_wishes import StartWishes
from tests.support.looks import IMAGE, NOON, plan
from workflows.rows import few_slices
from workflows.upgrades.journal import Journal
from workflows.upgrades.memory import UpgradeMemory

MACHINES = 100_000

PAYLOAD_AT_MOST = 2 * 1024 * 1024
"""Temporal's own limit of one payload (`limit.blobSize.error`)."""

MESSAGE_AT_MOST = 4 * 1024 * 1024
"""Of one call to the server, as gRPC has it: all commands of one workflow task are in one."""

SEALED = 200
"""Bytes that a payload grows by at most when it is sealed (`SealedPayloads`)."""

SET = ScaleSetIdentity(resource_id=f"/subscriptions/{'s' * 200}", name="web", unique_id="u" * 36, location="west")


def size(message: BaseModel) -> int:
    """As it is sent."""
    [payload] = pydantic_data_converter.payload_converter.to_payloads([message])
    return len(payload.SerializeToString()) + SEALED


def every(step: int, of: int = 0, machines: int = MACHINES) -> InstanceIds:
    """Each a range of its own but for neighbours."""
    return InstanceIds.of(map(str, range(of, machines, step)))


Batches = list[InstanceIds]


def in_one_piece() -> Batches:
    """What an installation makes: ids without gaps, no zones."""
    return list(InstanceIds(ranges=f"0-{MACHINES - 1}").slices(5))


def torn() -> Batches:
    """Of three zones that are dealt out, one after the other."""
    return [batch for zone in range(3) for batch in every(3, zone).slices(5)]


def wished(the_plan: UpgradePlan) -> UpgradePlan:
    """By name each second one, and each second one of the others was left behind before."""
    wishes = StartWishes(instances=every(2), reason="r" * 500, by="b" * 200)
    return the_plan.model_copy(update={"wishes": wishes, "left_behind": every(4, 1)})


def goes_back(the_plan: UpgradePlan) -> UpgradePlan:
    """A rollback of neighbours to different versions."""
    parts = [
        GoingBack(image=IMAGE.at(f"1.{number}.0"), generation=1, ids=every(3, number), newly_made=number == 0)
        for number in range(3)
    ]
    return the_plan.model_copy(update={"way_back": WayBack(parts=tuple(parts), leaves=("2.0.0",))})


Sent = list[list[tuple[str, int]]]
"""Kind and size of messages; those that go in one call together."""


def sent(batches: Batches, the_plan: UpgradePlan, fails: InstanceIds, phases: dict[int, InstanceIds]) -> Sent:
    """What goes to and fro in an upgrade of these."""
    state = UpgradeState(
        scale_set=SET,
        number=1,
        operation_id="o" * 36,
        started_by=StartedBy.USER,
        started_at=NOON,
        plan=the_plan,
        key="k" * 36,
    )
    memory = UpgradeMemory(state)
    journal = Journal(memory)
    found: Sent = []

    def goes(*together: BaseModel) -> None:
        found.append([(type(one).__name__, size(one)) for one in together])

    everybody = Progress().moved(InstanceIds(ranges=f"0-{MACHINES - 1}"), Outcome.PENDING)
    checked = BatchChoice(progress=everybody.model_copy(update={"phases": phases}), reason="go on")
    memory.progress = checked.progress
    for number, batch in enumerate(batches, 1):
        noted = _record(journal, "verdict")
        choice = BatchChoice(
            progress=memory.known, batch=batch, sick_before=batch, stopped=batch, keeps_disk=batch, reason="r" * 500
        )
        asked = memory.look_request()
        memory.batch = number
        memory.move(batch, Outcome.IN_PROGRESS)
        begun = _record(journal, "batch")
        goes(asked)
        goes(CheckedAndChosen(checked=checked, choice=choice))
        goes(JudgedAndChosen.of(Verdict(progress=memory.known, reason="r" * 500), choice))
        goes(UpgradeRecords(records=(noted, begun)))
        doing: dict[str, Any] = {"scale_set": SET, "number": 1, "batch": number, "plan": the_plan.of_machines()}
        rows = few_slices(batch)
        goes(*(SwapSlice(**doing, ids=ids, key="k" * 36) for ids in rows))
        goes(*(RestoreSlice(**doing, ids=ids, key="k" * 36) for ids in rows))
        goes(*(SliceOutcome(done=ids, failed=ids, not_begun=ids, vanished=ids) for ids in rows))
        goes(HealthRequest(scale_set=SET, source=the_plan.health_source, ids=batch))
        goes(HealthFound(healthy=batch, unhealthy=batch, initializing=batch, stopped=batch))
        goes(memory.state(journal.sequence))
        memory.move(batch, Outcome.UPGRADED)
        memory.move(batch & fails, Outcome.FAILED)
        memory.unmade |= batch & fails
    goes(memory.state(journal.sequence))
    left = memory.known.of(Outcome.FAILED)
    goes(UpgradeEnded(number=1, ended_at=NOON, status=UpgradeStatus.FAULTED, left_behind=left, reason="r" * 500))
    return found


def _record(journal: Journal, action: str) -> Any:
    return journal.record(NOON, action, "r" * 500, UpgradeStatus.ROLLING_FORWARD)


def test_of_a_hundred_thousand_machines_in_one_piece_it_is_as_good_as_nothing() -> None:
    calls = sent(in_one_piece(), plan(), InstanceIds(), {})
    assert max(at for call in calls for _, at in call) < 8 * 1024


@pytest.mark.parametrize(
    ("pinned", "phases"), [(wished, 2), (goes_back, 0)], ids=["phases, and wishes by name", "a rollback"]
)
def test_of_a_hundred_thousand_machines_it_fits_however_their_ids_are_torn(
    pinned: Callable[[UpgradePlan], UpgradePlan], phases: int
) -> None:
    calls = sent(torn(), pinned(plan()), every(40, 7), {one: every(phases, one) for one in range(phases)})
    largest: dict[str, int] = {}
    for kind, at in chain.from_iterable(calls):
        largest[kind] = max(at, largest.get(kind, 0))
    assert max(largest.values()) < PAYLOAD_AT_MOST, largest
    assert max(sum(at for _, at in call) for call in calls) < MESSAGE_AT_MOST


def test_what_an_upgrade_remembers_grows_with_its_ranges_and_no_machine_more() -> None:
    small, large = (
        size(Progress().moved(InstanceIds(ranges=f"0-{machines - 1}"), Outcome.UPGRADED))
        for machines in (100, MACHINES)
    )
    assert large - small <= len("99999")


def test_the_limits_are_seen() -> None:
    request = LookRequest(
        scale_set=SET,
        number=1,
        started_by=StartedBy.USER,
        plan=plan(),
        progress=Progress(outcomes={Outcome.PENDING: every(2, machines=8 * MACHINES)}),
        boots_within=timedelta(minutes=5),
    )
    assert size(request) > PAYLOAD_AT_MOST
