"""Where somebody has to say yes after a canary of several batches (G3, W1)."""

from datetime import timedelta
from pathlib import Path

from instar.domain.records.upgrades import UpgradeStatus
from tests.simulation.court import Court, told
from tests.simulation.scene import Scene, Site, a_scene
from tests.support.models import NEW, OLD

HOUR = timedelta(hours=1)


def begun(scene: Scene, *canaries: str) -> Site:
    """A set of four, a machine at a time, and its upgrade, whose canaries those are."""
    scene.publish(OLD)
    site = scene.has_set("web", 4, policy={"maxBatchInstancePercent": 25, "maxUnhealthyInstancePercent": 25})
    scene.policy(site, canary={"instances": list(canaries)}, approval="afterCanary")
    scene.pass_time(HOUR)
    scene.publish(NEW)
    return site


def on_new(site: Site) -> list[str]:
    return [one for one, version in site.version_of().items() if version == NEW]


def test_g3_w1_the_gate_is_after_the_last_batch_of_the_canary(tmp_path: Path) -> None:
    with a_scene(tmp_path) as scene:
        site = begun(scene, "1", "3")
        scene.pass_time(5 * HOUR)
        assert on_new(site) == ["1", "3"]
        assert "after its canary" in site.waits_for()
        assert site.decisions(1).count("approval") == 1
        assert scene.answer(site, approved=True)
        assert scene.until_rest(5 * HOUR)
        assert site.record(1).status is UpgradeStatus.COMPLETED
        assert not (found := Court(scene, percents={"web": 25}).judged()), told(found)


def test_g3_w1_a_canary_that_vanishes_meanwhile_is_waited_for_no_longer(tmp_path: Path) -> None:
    with a_scene(tmp_path) as scene:
        site = begun(scene, "1", "3")
        scene.engine.run(scene.now + HOUR, lambda: site.running() is not None and "batch" in site.decisions(1))
        scene.pass_time(timedelta(seconds=1))
        scene.pause(site)
        scene.pass_time(HOUR)
        scene.awaited(site.fleet.delete_instance(site.scale_set, "3"))  # after the verdict, before the next look
        scene.resume(site)
        scene.pass_time(5 * HOUR)
        assert on_new(site) == ["1"]
        assert "after its canary" in site.waits_for()
        assert scene.answer(site, approved=True)
        assert scene.until_rest(5 * HOUR)
        assert on_new(site) == ["0", "1", "2"]


def test_g3_c1_c2_a_rejection_ends_an_upgrade_that_is_also_paused_and_held(tmp_path: Path) -> None:
    with a_scene(tmp_path) as scene:
        site = begun(scene, "1")
        scene.pass_time(5 * HOUR)
        scene.pause(site)
        scene.hold()
        scene.pass_time(HOUR)
        assert "held by" in site.waits_for()
        assert scene.answer(site, approved=False)
        scene.pass_time(timedelta(minutes=1))
        assert site.record(1).status is UpgradeStatus.CANCELLED
        assert "rejected by ann" in site.reasons(1)
