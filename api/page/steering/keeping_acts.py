"""What keeps the upgrades of one set back or lets them go on: pause, switch, quarantine; and what is kept of them."""

from urllib.parse import quote

from api.page.steering.act import Act, Field, Json, Kind, Subject, Typed, Unreadable, Wanted
from api.page.steering.reading import HOURS, REASON_NEEDED, UNTIL, given, until
from api.page.steering.wording import is_deleting, path_of
from api.services.dependencies import SCALE_SET

AUTOMATIC = "/instar/automaticOSUpgrades"
KEPT = "/instar/retention"


def _gone(subject: Subject) -> str:
    return f"{subject.name} is being deleted." if is_deleting(subject) else ""


def _paused(subject: Subject) -> Json:
    found: Json = subject.properties.get("paused") or {}
    return found


def _pause_seen(subject: Subject) -> object:
    return {name: value for name, value in _paused(subject).items() if name != "sentence"}


def _wish(subject: Subject, typed: Typed) -> Json:
    return given(reason=typed.get("reason", "").strip(), until=until(typed, subject.now))


def _quarantine(subject: Subject) -> list[Json]:
    found: list[Json] = (subject.more.get("properties") or {}).get("quarantine") or []
    return found


def _lifted(subject: Subject, typed: Typed) -> Wanted:
    if not (version := typed.get("version", "").strip().strip("./")):
        raise Unreadable("version", "Name the version.")
    return Wanted("POST", path_of(subject, f"{AUTOMATIC}/quarantine/{quote(version, safe='')}/lift"))


def _kept(subject: Subject) -> Json:
    found: Json = subject.more.get("properties") or {}
    return found


def _kept_body(subject: Subject, typed: Typed) -> Json:
    keep = typed.get("keepPreviousDisks", "").strip()
    return _wish(subject, typed) | given(keepPreviousDisks=keep)


def _automatic(subject: Subject, *, on: bool) -> Wanted:
    policy = {"automaticOSUpgradePolicy": {"enableAutomaticOSUpgrade": on}}
    return Wanted("PATCH", path_of(subject), {"properties": {"upgradePolicy": policy}})


def _is_on(subject: Subject) -> bool:
    return bool(subject.properties.get("automatic"))


def _behind(subject: Subject) -> str:
    """Why the set is held: its records are older than its machines (F7)."""
    return str((subject.more.get("properties") or {}).get("held") or "")


PAUSE = Act(
    name="pause",
    title="Pause upgrades",
    button="Pause",
    done="The set is paused.",
    route=("POST", SCALE_SET + "/instar/pause"),
    command="instar pause SET",
    says=lambda subject: (
        f"A batch of {subject.name} that is in work comes to its end, with its health wait and its verdict; then "
        "nothing new begins until somebody resumes. "
        + (f"It is {_paused(subject)['sentence']}. This takes its place." if _paused(subject) else "")
    ),
    wanted=lambda subject, typed: Wanted("POST", path_of(subject, "/instar/pause"), _wish(subject, typed)),
    seen=_pause_seen,
    group="Keep back",
    fields=(REASON_NEEDED, UNTIL, HOURS),
    sense=_gone,
)

RESUME = Act(
    name="resume",
    title="Resume upgrades",
    button="Resume",
    done="The set is paused no more.",
    route=("POST", SCALE_SET + "/instar/resume"),
    command="instar resume SET",
    says=lambda subject: (
        f"{subject.name} is {_paused(subject).get('sentence', 'paused')}. "
        "Its upgrades go on where they stopped, unless something else keeps them back."
    ),
    wanted=lambda subject, _: Wanted("POST", path_of(subject, "/instar/resume")),
    seen=_pause_seen,
    group="Keep back",
    sense=lambda subject: _gone(subject) or ("" if _paused(subject) else f"{subject.name} is not paused."),
)

LIFT = Act(
    name="lift",
    title="Lift a quarantine",
    button="Lift the quarantine",
    done="The version is not quarantined any more.",
    route=("POST", SCALE_SET + AUTOMATIC + "/quarantine/{version}/lift"),
    command="instar lift SET VERSION",
    says=lambda subject: (
        f"{subject.name}, and machines that the version did not suit, may take it again by themselves, once no newer "
        "one is there. "
        + " ".join(f"{one['version']}: {one.get('reason') or 'of some machines alone'}" for one in _quarantine(subject))
    ),
    wanted=_lifted,
    seen=_quarantine,
    group="Versions and disks",
    fields=(Field("version", "Version", Kind.CHOICE, needed=True),),
    choices=lambda subject: tuple(str(one["version"]) for one in _quarantine(subject)),
    sense=lambda subject: _gone(subject) or ("" if _quarantine(subject) else "No version is quarantined."),
    reads=AUTOMATIC,
)

KEEP = Act(
    name="keep",
    title="Keep previous disks longer",
    button="Keep them so",
    done="How long previous disks are kept is written down.",
    route=("PUT", SCALE_SET + KEPT),
    command="instar keep SET",
    says=lambda subject: (
        f"Previous disks of {subject.name} are kept for {_kept(subject).get('keepPreviousDisks')} after an upgrade's "
        "end now. What you say takes the place of that, for those that are kept now, too; a shorter time deletes at "
        "once. " + (f"Somebody said so: {_kept(subject)['sentence']}." if _kept(subject).get("sentence") else "")
    ),
    wanted=lambda subject, typed: Wanted("PUT", path_of(subject, KEPT), _kept_body(subject, typed)),
    seen=_kept,
    group="Versions and disks",
    fields=(
        Field("keepPreviousDisks", "For", hint="After each upgrade's end: P7D for a week, PT12H for half a day."),
        Field("until", "Not before", hint="As 2026-12-01T06:00:00Z."),
        HOURS,
        REASON_NEEDED,
    ),
    sense=_gone,
    reads=KEPT,
)

KEEP_DEFAULT = Act(
    name="keep-default",
    title="Keep previous disks as the setting says",
    button="As the setting says",
    done="Previous disks are kept as long as the setting says.",
    route=("DELETE", SCALE_SET + KEPT),
    command="instar keep SET --default",
    says=lambda subject: (
        f"{_kept(subject).get('sentence', 'Previous disks are kept as the setting says')}. That ends; disks that have "
        "had their time by the setting are deleted at once."
    ),
    wanted=lambda subject, _: Wanted("DELETE", path_of(subject, KEPT)),
    seen=_kept,
    group="Versions and disks",
    sense=lambda subject: _gone(subject) or ("" if _kept(subject).get("isOwn", True) else "The setting holds."),
    reads=KEPT,
)

AUTOMATIC_ON = Act(
    name="automatic-on",
    title="Switch automatic upgrades on",
    button="Switch on",
    done="Automatic upgrades are switched on.",
    route=("PATCH", SCALE_SET),
    command="instar automatic SET on",
    says=lambda subject: f"Upgrades of {subject.name} begin by themselves when there is a newer version.",
    wanted=lambda subject, _: _automatic(subject, on=True),
    seen=_is_on,
    group="Automatic upgrades",
    sense=lambda subject: _gone(subject) or ("They are on." if _is_on(subject) else ""),
)

AUTOMATIC_OFF = Act(
    name="automatic-off",
    title="Switch automatic upgrades off",
    button="Switch off",
    done="Automatic upgrades are switched off.",
    route=("PATCH", SCALE_SET),
    command="instar automatic SET off",
    says=lambda subject: (
        f"No upgrade of {subject.name} begins by itself any more. One that runs goes on; by hand they begin as ever."
    ),
    wanted=lambda subject, _: _automatic(subject, on=False),
    seen=_is_on,
    group="Automatic upgrades",
    sense=lambda subject: _gone(subject) or ("" if _is_on(subject) else "They are off."),
)

RECONCILE = Act(
    name="reconcile",
    title="Reconcile the records with the machines",
    button="Take over what is shown",
    done="The records have taken over what the machines know.",
    route=("POST", SCALE_SET + "/instar/reconcile"),
    command="instar reconcile",
    says=lambda subject: (
        f"The records of {subject.name} take over what its machines have seen since the records were backed up. No "
        "machine is changed; the set is held no more afterwards. " + _behind(subject)
    ),
    wanted=lambda subject, _: Wanted("POST", path_of(subject, "/instar/reconcile"), {"dryRun": False}),
    seen=is_deleting,
    group="After a restore",
    sense=lambda subject: _gone(subject) or ("" if _behind(subject) else "Its records are not behind its machines."),
    reads=AUTOMATIC,
    plan=lambda subject, _: Wanted("POST", path_of(subject, "/instar/reconcile"), {"dryRun": True}),
    plan_first=True,
    plan_unasked=False,
    planned_by="Look what would be taken over",
)

ACTS = (PAUSE, RESUME, AUTOMATIC_ON, AUTOMATIC_OFF, LIFT, KEEP, KEEP_DEFAULT, RECONCILE)
