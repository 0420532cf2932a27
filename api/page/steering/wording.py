"""How acts speak of what the API shows, what runs of a set, and where below a subject the API is asked."""

from urllib.parse import quote

from api.page.steering.act import Json, Subject

KINDS = {"rollback": "Rollback", "modelChange": "Model change"}


def path_of(subject: Subject, below: str = "") -> str:
    """A path of the API at or below the subject, as it stands in a request."""
    return quote(subject.id) + below


def upgrade_of(subject: Subject) -> Json:
    """The newest upgrade of a set; {} where it had none."""
    found: Json = subject.properties.get("upgrade") or {}
    return found


def upgrade_told(upgrade: Json) -> str:
    """An upgrade in a few words.

    >>> upgrade_told({"number": 7, "kind": "osUpgrade", "targetVersion": "2.0"}), upgrade_told({})
    ('Upgrade 7 to 2.0', 'The upgrade')
    """
    if not upgrade:
        return "The upgrade"
    kind = KINDS.get(str(upgrade.get("kind")), "Upgrade")
    version = upgrade.get("targetVersion")
    return f"{kind} {upgrade['number']}" + (f" to {version}" if version else "")


def running(subject: Subject) -> Json:
    """The upgrade that is under way; {} where none is."""
    upgrade = upgrade_of(subject)
    return {} if "endTime" in upgrade else upgrade


def is_deleting(subject: Subject) -> bool:
    """A set that is being deleted is steered no more."""
    return subject.properties.get("state") == "deleting"


def quarantine_told(subject: Subject) -> str:
    """What a cancel says against the version (T5)."""
    upgrade = running(subject)
    if upgrade.get("kind") != "osUpgrade":
        return ""
    return f"{upgrade.get('targetVersion')} is quarantined for the set then: it is not taken by itself any more. "
