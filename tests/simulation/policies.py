"""Any rollout policy, as a person sends it, about the change of a clock."""

from datetime import date, timedelta
from typing import Any

from hypothesis import strategies as st

from tests.simulation.minutes import NAMES

DAY = timedelta(days=1)

CHANGES = {
    "Europe/Berlin": ("2027-03-28", "2027-10-31"),
    "America/New_York": ("2027-03-14", "2027-11-07"),
    "Australia/Lord_Howe": ("2027-10-03", "2027-04-04"),  # half an hour
    "America/Santiago": ("2026-09-06", "2027-04-04"),  # at midnight
    "America/Havana": ("2026-03-08", "2027-11-07"),
    "Pacific/Apia": ("2011-12-30", "2011-09-24"),  # a day that was not
    "Asia/Kathmandu": ("2027-03-28", "2027-10-31"),  # none, and 5:45 ahead
}
"""By zone: days on which clocks are put forward and back."""


BAKES = st.sampled_from([None, None, "PT0S", "PT10M", "PT45M", "PT3H"])


@st.composite
def windows(draw: st.DrawFn, zone: str) -> dict[str, Any]:
    """Of an hour at least, so that a batch fits."""
    hour, length = draw(st.integers(0, 23)), draw(st.sampled_from([2, 3, 5, 9, 24]))
    minute = draw(st.sampled_from(["00", "30", "45"]))
    days = draw(st.lists(st.sampled_from(NAMES), min_size=1, unique=True))
    other = draw(st.sampled_from([zone, zone, *sorted(CHANGES)]))
    return {
        "from": f"{hour:02}:{minute}",
        "to": f"{(hour + length) % 24:02}:{minute}",
        "timeZone": other,
        "days": [one for one in NAMES if one in days],
    }


@st.composite
def policies(draw: st.DrawFn, zone: str, change: date) -> dict[str, Any]:
    """What may be sent; it wishes something in each way, or not."""
    waves = draw(st.lists(st.one_of(st.integers(1, 6), st.sampled_from(["5%", "20%", "50%"])), max_size=3))
    named = draw(st.lists(st.integers(0, 14).map(str), max_size=3, unique=True))
    canary: dict[str, Any] = {"instances": named} if named else {}
    if bake := draw(BAKES):
        canary["bake"] = bake
    approval = draw(st.sampled_from(["none", "none", "first", "afterCanary" if canary else "first"]))
    days = [change + draw(st.integers(-4, 5)) * DAY for _ in range(draw(st.integers(0, 2)))]
    document = {
        "waves": waves,
        "canary": canary or None,
        "bake": draw(BAKES),
        "finalBake": draw(BAKES),
        "windows": draw(st.lists(windows(zone), max_size=2)),
        "notOn": list(dict.fromkeys(day.isoformat() for day in days)),
        "approval": approval,
        "approvalDeadline": draw(st.sampled_from([None, None, "PT8H", "P2D"])) if approval != "none" else None,
    }
    return {name: value for name, value in document.items() if value not in (None, [])}
