"""One set on a page: its machines, what runs, what keeps it back, what a person is to do: `instar show`."""

import json
from collections import Counter
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from rich.table import Table
from rich.text import Text

from instar.client.sets.machines import is_healthy, version_of
from instar.client.showing.pace import batches_done, pace_lines
from instar.client.showing.set_list import image_of
from instar.client.showing.words import STYLES, counted, moment, progressed, took, what_it_is, why
from instar.domain.legible import legible_line

Json = dict[str, Any]
Fact = tuple[str, str | Text]

SICK_SHOWN = 10
NAMES = 19
"""Letters of the longest name of a fact; two blanks follow."""


@dataclass(frozen=True)
class SetPage:
    """All that was asked for, as the API told it."""

    overview: Json
    """The set's line of the list."""
    automatic: Json
    """Properties of `…/instar/automaticOSUpgrades`."""
    machines: list[Json]
    upgrade: Json | None
    """Properties of the newest one, with its decisions and where it takes machines from."""
    policy: Json
    """The rollout policy in force, {} where there is none."""

    def document(self) -> Json:
        """For programs."""
        told = self.overview["properties"]
        health = Counter(health_of(one) for one in self.machines)
        versions = Counter(version_of(one) for one in self.machines)
        return {
            **self.overview,
            "properties": {
                **told,
                **self.automatic,
                "automatic": told["automatic"],
                "versions": dict(sorted(versions.items())),
                "health": dict(sorted(health.items())),
                "upgrade": self.upgrade,
                "rolloutPolicy": self.policy,
            },
        }


def facts(page: SetPage, now: datetime) -> list[Fact]:
    """A fact each, with its name; names that are empty go on with the one before."""
    told = page.overview["properties"]
    found: list[Fact] = [
        ("set", legible_line(f"{page.overview['name']} in group {told['resourceGroup']}, {_subscription(told)}")),
        ("image", f"{image_of(told)} {legible_line(told['image'].get('version') or 'latest')}"),
        ("capacity", f"{told['capacity']}, in {legible_line(page.overview['location'])}"),
        *machine_facts(page.machines),
        ("state", _state(told)),
    ]
    if told["provisioningState"] != "Succeeded":
        found.append(("last request", legible_line(told["provisioningState"])))
    found += upgrade_facts(page.upgrade, now) if page.upgrade else [("last upgrade", "none yet")]
    found += [(name, legible_line(sentence)) for name, sentence in _wishes(told)]
    found.append(("rollout policy", policy_line(page.policy)))
    found.append(("automatic upgrades", "on" if told["automatic"] else "off"))
    return found + _looks(page.automatic)


def machine_facts(machines: list[Json]) -> list[Fact]:
    """Versions and health, with those by name that are not healthy."""
    if not machines:
        return [("machines", "none")]
    versions = Counter(version_of(one) or "no image" for one in machines)
    on = [f"{count} on {legible_line(version)}" for version, count in versions.most_common()]
    sick = [str(one["instanceId"]) for one in machines if not is_healthy(one)]
    rest = f" and {len(sick) - SICK_SHOWN} more" if len(sick) > SICK_SHOWN else ""
    not_healthy = f"; not: {', '.join(sick[:SICK_SHOWN])}{rest}" if sick else ""
    return [
        ("machines", f"{len(machines)}: {', '.join(on)}"),
        ("health", f"{len(machines) - len(sick)} healthy{legible_line(not_healthy)}"),
    ]


def upgrade_facts(upgrade: Json, now: datetime) -> list[Fact]:
    """The upgrade that runs, or the last one."""
    runs, status = "endTime" not in upgrade, legible_line(upgrade["status"])
    when = f", since {moment(upgrade['startTime'])}" if runs else f", {moment(upgrade['endTime'])}"
    name = "upgrade" if runs else "last upgrade"
    found: list[Fact] = [(name, Text.assemble(f"{what_it_is(upgrade)}: ", (status, STYLES.get(status, "")), when))]
    found.append(("", f"{progressed(upgrade)} machines: {counted(upgrade)}"))
    found += [("", line) for line in pace_lines(upgrade, batches_done(upgrade.get("decisions") or []), now)]
    if upgrade.get("waitsFor"):
        since = moment(upgrade["waitsSince"])
        waits = {"startTime": upgrade["waitsSince"]}
        found.append(("waits for", f"{legible_line(upgrade['waitsFor'])} (since {since}, {took(waits, now)})"))
    elif reason := why(upgrade):
        found.append(("", reason))
    return found


def policy_line(policy: Json) -> str:
    """A rollout policy in one line.

    >>> policy_line({"waves": [1, "5%"], "bake": "PT10M"}), policy_line({})
    ('waves [1, "5%"], bake PT10M', 'none')
    """
    told = [f"{name} {one if isinstance(one, str) else json.dumps(one)}" for name, one in policy.items()]
    return legible_line(", ".join(told)) or "none"


def health_of(machine: Json) -> str:
    """What its health source says of a machine, in one word.

    >>> health_of({"properties": {"instanceView": {"vmHealth": {"status": {"code": "HealthState/unhealthy"}}}}})
    'unhealthy'
    """
    health = machine["properties"].get("instanceView", {}).get("vmHealth", {})
    return legible_line(str(health.get("status", {}).get("code", "")).rpartition("/")[2] or "unknown")


def in_columns(rows: list[Fact]) -> Table:
    """On a screen of any width."""
    table = Table(box=None, show_header=False, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column(no_wrap=True, min_width=NAMES)
    table.add_column(overflow="fold")
    for name, fact in rows:
        table.add_row(Text(name, style="dim"), fact)
    return table


def _subscription(told: Json) -> str:
    return f"subscription {told['subscriptionId']}"


def _state(told: Json) -> str:
    state = legible_line(told["state"])
    # Of an upgrade the sentence stands with it.
    of_upgrade = state in ("upgrading", "parked")
    return state if of_upgrade or not told["reason"] else f"{state}: {legible_line(told['reason'])}"


def _wishes(told: Json) -> list[tuple[str, str]]:
    found = [("pause", told["paused"]["sentence"])] if "paused" in told else []
    found += [("hold", hold["sentence"]) for hold in told.get("holds", ())]
    if approval := told.get("approval"):
        found.append(("approval", f"waited for since {moment(approval['since'])}, at the gate '{approval['gate']}'"))
    return found


def _looks(automatic: Json) -> list[Fact]:
    found: list[Fact] = []
    if look := automatic.get("lastLook"):
        found.append(("last look", f"{moment(look['at'])}: {legible_line(look['outcome'])}"))
    elif automatic["enabled"] and "firstTriggerAt" in automatic:
        found.append(("first upgrade", f"not before {moment(automatic['firstTriggerAt'])}"))
    if "nextLookAt" in automatic:
        found.append(("next look", moment(automatic["nextLookAt"])))
    for entry in automatic.get("quarantine", ()):
        version = legible_line(entry["version"])
        if entry["wholeSet"]:
            since = f"since upgrade {entry['upgrade']}, {moment(entry['since'])}"
            found.append(("quarantined", f"{version} {since}: {legible_line(entry['reason'])}"))
        if entry.get("instances"):
            found.append(("not offered again", f"{version} to instances {legible_line(entry['instances'])}"))
    return found
