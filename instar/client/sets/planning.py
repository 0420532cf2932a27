"""What an upgrade would do, as a person asks for it and reads it (docs/rules.md C3)."""

from typing import Any

from instar.client.api_client import ApiClient

Json = dict[str, Any]

BY = {
    "thisUpgrade": "the batches so far",
    "lastUpgrades": "the last upgrade",
    "healthWait": "how long machines have to become healthy: no upgrade has run yet",
}


def plan(api: ApiClient, scale_set: str, body: Json) -> Json:
    """What a start with that body would do now. Raises Trouble."""
    told: Json = api.send("POST", f"{scale_set}/instar/plan", body).json()
    return told


def plan_back(api: ApiClient, scale_set: str, body: Json) -> Json:
    """What a rollback with that body would do now. Raises Trouble."""
    told: Json = api.send("POST", f"{scale_set}/instar/rollback/plan", body).json()
    return told


def heading(told: Json) -> list[str]:
    """What it comes to, a line each.

    >>> told = {"target": {"exactVersion": "2.0"}, "wouldBegin": True, "obstacles": [], "leftOut": [], "remarks": []}
    >>> heading(told | {"instances": {"all": 3, "due": 0, "current": 3}})
    ['to 2.0: 0 of 3 machines, 3 are there already', 'nothing to do']
    """
    count, target = told["instances"], told["target"]
    version = target.get("exactVersion") or target.get("version", "")
    lines = [f"to {version}: {count['due']} of {count['all']} machines, {count['current']} are there already"]
    if told.get("goesBackTo"):
        lines.append(f"{told['sentence']}; quarantined then: {', '.join(told['quarantines']) or 'no version'}")
    for one in told["obstacles"]:
        waived = f" (an owner may override {one['override']})" if one.get("override") else ""
        lines.append(f"{'stops it' if one['stops'] else 'waits for'}: {one['what']}: {one['reason']}{waived}")
    lines += [f"left out: {one['instances']}: {one['reason']}" for one in told["leftOut"]]
    if further := told.get("further"):
        lines.append(f"and about {further['batches']} batches more, of {further['instances']} machines")
    if told.get("ends"):
        by = BY.get(told["pace"]["by"], told["pace"]["by"])
        lines.append(f"takes {told['takes']}, until {told['ends']}, by {told['pace']['batch']} a batch ({by})")
    elif told["wouldBegin"]:
        lines.append("nothing to do")
    return lines + list(told["remarks"])


def rows(told: Json) -> list[tuple[str, ...]]:
    """The batches: number, machines, wave, earliest begin, what is waited for before, how long it is watched after."""
    return [
        (
            str(one["batch"]),
            f"{one['size']}: {one['instances']}",
            one.get("wave", ""),
            one["begins"],
            "; ".join(filter(None, ["approval" if one.get("gate") else "", one.get("waits", "")])),
            "" if one["bake"] == "PT0S" else one["bake"],
        )
        for one in told["batches"]
    ]


COLUMNS = ("BATCH", "MACHINES", "WAVE", "BEGINS", "WAITS FOR", "BAKE")
