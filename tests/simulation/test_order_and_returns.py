"""What the court has against rings and rollbacks is found where it is planted, and nowhere else (W5, R2)."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from activities.keeping import keepers
from instar.compute.simulated.flight.recorder import Kind
from instar.domain.sets.policies import StartedBy
from instar.domain.steering.start_wishes import StartWishes
from tests.simulation.court import Court, told
from tests.simulation.flown import Flown, flown
from tests.simulation.logbook import Rings
from tests.simulation.minutes import utc
from tests.simulation.order import Order
from tests.simulation.returns import judged_return
from tests.simulation.scene import Scene, Site, a_scene
from tests.support.models import NEW, OLD

MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)
BACK = StartWishes(goes_back=True, reason="errors went up", by="ann")


@contextmanager
def rings_and_a_rollback(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Scene, list[Site]]]:
    """`canary`, two hours later `rest`, which then goes back; `aside` is of no ring, and its upgrade is cancelled."""
    monkeypatch.setattr(keepers, "EVERY", 5 * MINUTE)
    with a_scene(folder, utc("2027-03-19 08:00")) as scene:
        scene.publish(OLD)
        canary, rest, aside = (scene.has_set(name, 2, policy=LIMITS) for name in ("canary", "rest", "aside"))
        scene.rings("fleet", ([canary], "PT2H"), ([rest], "PT0S"))
        scene.pass_time(HOUR)
        scene.publish(NEW)
        scene.engine.run(scene.now + HOUR, lambda: aside.running() is not None)
        scene.cancel(aside)
        scene.pass_time(4 * HOUR)
        scene.start(rest, BACK)
        scene.pass_time(HOUR)
        yield scene, [canary, rest, aside]


LIMITS = {"maxBatchInstancePercent": 50, "maxUnhealthyInstancePercent": 50}


def test_w5_r2_what_is_planted_is_found_and_nothing_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with rings_and_a_rollback(tmp_path, monkeypatch) as (scene, sites):
        percents = {one.name: 50 for one in sites}
        found = Court(scene, percents=percents, saw=10 * MINUTE).judged()
        assert not found, told(found)
        everybody = flown(scene)
        canary, rest, aside = (one.scale_set.unique_id for one in sites)
        assert [(one.site.name, one.goes_back) for one in everybody] == [
            ("canary", False),
            ("rest", False),
            ("rest", True),
            ("aside", False),
        ]

        def against(*rings: tuple[list[str], str]) -> list[str]:
            written = [Rings("fleet", list(rings), utc("2027-03-19 08:00"))]
            order = Order(everybody, written, 10 * MINUTE)
            return [f"{one.site.name} {sentence}" for one in everybody for sentence in order.judged(one)]

        assert not against(([canary], "PT2H"), ([rest], "PT0S"))
        [early] = against(([canary], "PT3H"), ([rest], "PT0S"))
        assert early == f"rest it took {NEW} before canary had completed and baked it for PT3H"
        assert "canary" in against(([rest], "PT0S"), ([canary], "PT0S"))[0]
        excluded = against(([canary], "PT2H"), ([rest], "PT0S"), ([aside], "PT0S"))
        assert f"rest it took {NEW}, which is quarantined in aside" in excluded

        upgrade, back = everybody[1], everybody[2]
        assert not list(judged_return(back, [upgrade, back]))
        assert "nobody began it" in planted(back, [upgrade, back], started_by=StartedBy.PLATFORM)
        undone = replace(upgrade, record=upgrade.record.model_copy(update={"number": 3}))
        assert list(judged_return(back, [upgrade, back, undone])) == ["upgrade 3 of the platform undid it"]
        present = {one.instance_id: one.os_disk for one in back.flight if one.kind is Kind.COMMIT_SWAP}
        wrong = [
            replace(one, os_disk=present[one.instance_id]) if one.kind is Kind.COMMIT_GIVE_BACK else one
            for one in back.flight
        ]
        assert len(list(judged_return(replace(back, flight=wrong), [upgrade, back]))) == 2
        # As if the disk had failed before, and been taken from the machine once.
        failed = [
            line
            for one in back.flight
            for line in (
                [one, replace(one, kind=Kind.COMMIT_RESTORE, os_disk="other")] if one.kind is Kind.CREATE else [one]
            )
        ]
        assert "had failed" in " ".join(judged_return(replace(back, flight=failed), [upgrade, back]))
        unmoved = [one for one in back.flight if one.kind is not Kind.COMMIT_GIVE_BACK]
        assert "0 was stopped and got no disk" in judged_return(replace(back, flight=unmoved), [upgrade, back])


def planted(back: Flown, of_the_set: list[Flown], **record: object) -> list[str]:
    return list(judged_return(replace(back, record=back.record.model_copy(update=record)), of_the_set))
