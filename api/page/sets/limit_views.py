"""How near each limit is that an upgrade of a set keeps to."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from instar.domain.records.machine_doing import Doing
from instar.domain.shares import share

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class LimitView:
    """How near a limit is."""

    name: str
    used: int
    most: int
    sentence: str

    @property
    def parts(self) -> tuple[tuple[str, int], ...]:
        """Of its bar."""
        over = max(0, self.used - self.most)
        return (("bad" if over else "work", self.used), ("still", max(0, self.most - self.used)))

    @property
    def over(self) -> bool:
        """Whether it is exceeded."""
        return self.used > self.most


def limits(machines: Mapping[str, Any], of_many: Iterable[Json], upgrade: Mapping[str, Any] | None) -> list[LimitView]:
    """How near each limit is that an upgrade of this set keeps to (B1, B2, P2, P9, W4)."""
    found: list[LimitView] = []
    if machines:
        found += _of_set(machines)
        found += _of_upgrade(machines["policy"], upgrade or {})
    for one in of_many:
        told = one["properties"]
        for member, name, now in (
            ("upgradesAtOnce", "upgrades at once", "upgrades"),
            ("machinesOutAtOnce", "machines out at once", "machinesOut"),
        ):
            if (most := told.get(member)) is not None:
                used = told["now"][now]
                found.append(
                    LimitView(f"limit '{one['name']}'", used, most, f"{used} of {most} {name}, on {told['scope']}")
                )
    return found


def _of_set(machines: Mapping[str, Any]) -> list[LimitView]:
    health, policy = machines["health"], machines["policy"]
    counted_ones = health["all"] - health["stopped"]
    most = counted_ones * health["limitPercent"] // 100
    sick = health["unhealthy"]
    found = [
        LimitView(
            "unhealthy",
            sick,
            most,
            f"{sick} of {counted_ones} machines unhealthy; more than {most} ({health['limitPercent']} %) stop it",
        )
    ]
    percent, zones = policy["maxBatchInstancePercent"], _out_by_zone(machines["groups"])
    by_zone = len(zones) > 1 and not policy.get("enableCrossZoneUpgrade")
    for zone, (out, whole) in (zones if by_zone else {"": _sum(zones.values())}).items():
        at_most = share(whole, percent) if whole else 0
        where = f"zone {zone}: " if by_zone else ""
        found.append(
            LimitView(
                "out of service",
                out,
                at_most,
                f"{where}{out} of {whole} machines out of service; with a batch it may be {at_most} ({percent} %)",
            )
        )
    return found


def _out_by_zone(groups: Iterable[Json]) -> dict[str, tuple[int, int]]:
    found: dict[str, tuple[int, int]] = {}
    for one in groups:
        if one["doing"] == Doing.VANISHED:
            continue
        zone = one.get("zone", "")
        out, whole = found.get(zone, (0, 0))
        is_out = one.get("health") != "Healthy" or one["doing"] == Doing.STOPPED
        found[zone] = (out + one["count"] * is_out, whole + one["count"])
    return dict(sorted(found.items()))


def _sum(pairs: Iterable[tuple[int, int]]) -> tuple[int, int]:
    whole = list(pairs)
    return sum(out for out, _ in whole), sum(count for _, count in whole)


def _of_upgrade(policy: Mapping[str, Any], upgrade: Mapping[str, Any]) -> list[LimitView]:
    """Those that an upgrade itself made sick: failed ones among those that it has touched."""
    progress = upgrade.get("progress") or {}
    failed = progress.get("failedInstanceCount", 0)
    touched = failed + progress.get("successfulInstanceCount", 0) + progress.get("inProgressInstanceCount", 0)
    if "endTime" in upgrade or not touched:
        return []
    percent = policy["maxUnhealthyUpgradedInstancePercent"]
    most = touched * percent // 100
    sentence = f"{failed} of {touched} machines of this upgrade failed until now; its limit is {percent} %"
    return [LimitView("failed in this upgrade", failed, most, sentence)]
