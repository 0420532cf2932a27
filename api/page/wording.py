"""The API's words in those of the page: moments, spans, states and kinds."""

from datetime import timedelta
from typing import Any

from isodate import ISO8601Error, parse_duration

from instar.domain.moments import instant, minute
from instar.domain.spans import briefly

Json = dict[str, Any]

KINDS = {
    "osUpgrade": "upgrade",
    "modelChange": "model change",
    "rollback": "rollback",
    "instanceAction": "single machines",
}
LOOKS = {
    "Completed": "good",
    "RollingForward": "work",
    "RollingBack": "back",
    "Cancelled": "still",
    "Faulted": "bad",
    "upgrading": "work",
    "parked": "work",
    "held": "still",
    "paused": "still",
    "deleting": "still",
    "idle": "still",
}
"""The class of a word's mark. The word itself stands in it: no fact is told by a colour alone."""


def moment(text: str) -> str:
    """To the minute; what is no moment, as it is.

    >>> moment("2026-03-01T12:00:59.1234+00:00"), moment("soon")
    ('2026-03-01 12:00Z', 'soon')
    """
    at = instant(text)
    return text if at is None else minute(at)


def took(upgrade: Json) -> str:
    """How long an upgrade that has ended took; "" of one that runs."""
    began, ended = instant(upgrade.get("startTime", "")), instant(upgrade.get("endTime", ""))
    return briefly(ended - began) if began and ended else ""


def duration(text: str) -> str:
    """An ISO 8601 duration in words; what is none, as it is.

    >>> duration("PT3M20S"), duration("PT0S"), duration("a while")
    ('3 min 20 s', '0 s', 'a while')
    """
    try:
        given = parse_duration(text)
    except ISO8601Error:
        return text
    return briefly(given) if isinstance(given, timedelta) else text


def kind(upgrade: Json) -> str:
    """What it is called."""
    return KINDS.get(upgrade.get("kind", ""), str(upgrade.get("kind", "")))


def who(upgrade: Json) -> str:
    """Who began it, as far as it is known."""
    if by := (upgrade.get("wishes") or {}).get("by"):
        return f"by {by}"
    return "by hand" if upgrade.get("startedBy") == "User" else "by itself"


def target(upgrade: Json) -> str:
    """Where it takes machines: a version, or a generation of the model."""
    return upgrade.get("targetVersion") or f"model {upgrade.get('generation', '?')}"


def image(reference: Json) -> str:
    """What a set is made from.

    >>> image({"publisher": "Canonical", "offer": "UbuntuServer", "sku": "22_04", "version": "latest"})
    'UbuntuServer 22_04'
    >>> image({"id": "/subscriptions/s/resourceGroups/g/providers/Microsoft.Compute/galleries/own/images/web"})
    'own/web'
    """
    if identity := reference.get("id"):
        parts = identity.split("/")
        return "/".join(parts[index + 1] for index, part in enumerate(parts[:-1]) if part in ("galleries", "images"))
    return " ".join(filter(None, (reference.get("offer"), reference.get("sku"))))


def counts(upgrade: Json) -> list[tuple[str, int, str]]:
    """What became of its machines, without what there is none of: word, count, class.

    >>> [counts({"progress": {"pendingInstanceCount": 2}, **ended}) for ended in ({}, {"endTime": "x"})]
    [[('waiting', 2, 'still')], [('not reached', 2, 'still')]]
    """
    progress = upgrade.get("progress") or {}
    words = (
        ("successful", "done", "good"),
        ("inProgress", "out now", "work"),
        ("pending", "not reached" if "endTime" in upgrade else "waiting", "still"),
        ("failed", "failed", "bad"),
        ("rolledBack", "of them rolled back", "back"),
        ("needsPerson", "of them need a person", "bad"),
        ("skipped", "left out", "still"),
    )
    told = [(word, progress.get(f"{name}InstanceCount", 0), look) for name, word, look in words]
    return [one for one in told if one[1]]


def in_words(what: Any) -> str:
    """A member of a document, in one line: for documents whose members have no words here.

    >>> in_words([1, "5%"]), in_words([{"days": ["Sat"], "from": "01:00"}]), in_words({"bake": "PT1H"})
    ('1, 5%', 'days Sat; from 01:00', 'bake PT1H')
    """
    if isinstance(what, dict):
        return "; ".join(f"{name} {in_words(one)}" for name, one in what.items())
    if isinstance(what, list):
        return ", ".join(map(in_words, what))
    return str(what)
