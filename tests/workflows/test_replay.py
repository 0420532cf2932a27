"""Histories that were recorded replay in this version; what a replay does not notice is compared."""

from pathlib import Path

import pytest
from temporalio.client import WorkflowHistory
from temporalio.worker import Replayer
from temporalio.workflow import NondeterminismError

from instar.connection.sealed_payloads import SealedPayloads
from instar.domain.delays import Delays
from instar.store.database.key_file import KeyFile
from tests.histories.commands import activities, timers
from tests.histories.kept import files, read
from tests.histories.scenes import SCALE_SET, SCENES, UPGRADE, played
from workflows.plugin import instar_plugin

FIVE_MINUTES, THREE_HOURS = 300.0, 10_800.0

WHAT_TO_DO = (
    "A workflow that began before this change would not go on under it. docs/adr/0006-running-workflows-replay.md says "
    "how workflow code may change; only histories of a release that is not out may be recorded anew."
)

TO_MACHINES = ("swap_os_disks", "await_health")

A_SLOW_MACHINE = 25.0
"""Seconds; the shortest timer of a set in any scene is four minutes, a minute less than the next."""


@pytest.mark.parametrize("scene", SCENES)
@pytest.mark.parametrize("kind", [UPGRADE, SCALE_SET])
def test_every_scene_has_kept_histories(scene: str, kind: str) -> None:
    assert files(scene, kind)


@pytest.mark.parametrize("path", files(release="*"), ids=lambda path: f"{path.parent.name}/{path.stem}")
async def test_f1_f8_a_history_of_any_release_replays(path: Path, tmp_path: Path) -> None:
    # They are in clear, as releases up to 0.1 left them; a worker of today seals what it adds.
    plugin = instar_plugin(SealedPayloads(KeyFile(tmp_path / "seal.keys")))
    try:
        await Replayer(workflows=[], plugins=[plugin]).replay_workflow(read(path))
    except NondeterminismError as error:
        pytest.fail(f"{error}\n{WHAT_TO_DO}")


@pytest.mark.parametrize("scene", SCENES)
async def test_timers_and_activity_inputs_are_those_of_the_kept_run(scene: str, tmp_path: Path) -> None:
    fresh = (await played(scene, tmp_path)).runs
    kept = {kind: [read(path) for path in files(scene, kind)] for kind in (UPGRADE, SCALE_SET)}
    assert timers(fresh[UPGRADE]) == timers(kept[UPGRADE])
    # A set's timers run to moments in its life, so what the machine takes is missing from them.
    assert chosen(fresh[SCALE_SET]) == pytest.approx(chosen(kept[SCALE_SET]), abs=A_SLOW_MACHINE)
    assert len(timers(fresh[SCALE_SET])) == len(timers(kept[SCALE_SET]))
    for kind in (UPGRADE, SCALE_SET):
        there, wanted = (activities(runs[kind]) for runs in (fresh, kept))
        if (scene, kind) == ("continued_as_new", UPGRADE):
            # How many workflow tasks a busy machine makes says where a run ends, and there it looks and writes twice.
            there, wanted = ([one for one in each if one["type"] in TO_MACHINES] for each in (there, wanted))
        assert there[: len(wanted)] == wanted
        # The clock of a busy machine stops late: the day of the previous disks may be over by then.
        assert {activity["type"] for activity in there[len(wanted) :]} <= {"collect_due_disks"}


def chosen(runs: list[WorkflowHistory]) -> list[float]:
    """A set's timers without the one to its next look, whose moment is drawn anew in each life (T2).

    It is set at an upgrade's end, so it may be shorter than the least time between looks, but not as short as the
    timers of a running upgrade.
    """
    shorter = Delays().look_after_upgrade.total_seconds() + A_SLOW_MACHINE
    longer = Delays().look_most.total_seconds()
    return [one for one in timers(runs) if not shorter < one <= longer]


def test_p6_t1_the_kept_timers_are_those_of_the_rules() -> None:
    assert set(timers(map(read, files("nominal", UPGRADE)))) == {FIVE_MINUTES}
    # Set within a second of the moment of enabling, from which the three hours count.
    longest = max(one for one in timers(map(read, files("rolled_back", SCALE_SET))) if one <= THREE_HOURS)
    assert longest > THREE_HOURS - 1
