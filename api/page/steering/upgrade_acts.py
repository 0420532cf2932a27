"""What begins an upgrade, ends one, or answers it: start, rollback, cancel, approval."""

from api.page.steering.act import TICKED, Act, Field, Json, Kind, Subject, Typed, Wanted
from api.page.steering.reading import (
    INSTANCES,
    REASON,
    REASON_NEEDED,
    given,
    ids,
    is_ticked,
    override_fields,
    overrides,
)
from api.page.steering.wording import is_deleting, path_of, quarantine_told, running, upgrade_of, upgrade_told
from api.services.dependencies import SCALE_SET

FAILED = "failed"

START_FIELDS = (
    Field("version", "Version", hint="An exact one, also a lower one. Empty: the newest."),
    Field(
        "instances",
        "Machines",
        hint=f"0,3-5 for these alone; {FAILED} for those that the last upgrade left behind. Empty: all.",
        suggests=(FAILED,),
    ),
    Field(
        "rollback",
        "Give a machine that does not get healthy its previous disk back",
        Kind.FLAG,
        hint="Otherwise it is left on the new one, for somebody to look at.",
    ),
    *override_fields(
        {
            "unhealthySet": "roll forward out of a sick fleet",
            "quarantine": "take a version that is quarantined",
            "hold": "go on through a hold",
            "window": "outside of the windows of the rollout policy",
        }
    ),
    REASON,
)

BACK_FIELDS = (
    Field("toVersion", "Version", hint="One for everybody. Empty: what each machine had before."),
    INSTANCES,
    *override_fields(
        {
            "unhealthySet": "go back though most of the set is sick",
            "window": "outside of the windows of the rollout policy",
        }
    ),
    REASON,
)


def _start_body(typed: Typed) -> Json:
    instances = typed.get("instances", "").strip()
    return given(
        version=typed.get("version", "").strip(),
        instances=FAILED if instances == FAILED else ids(instances),
        rollback="" if is_ticked(typed, "rollback") else "none",
        override=overrides(typed),
        reason=typed.get("reason", "").strip(),
    )


def _back_body(typed: Typed) -> Json:
    return given(
        toVersion=typed.get("toVersion", "").strip(),
        instances=ids(typed.get("instances", "")),
        override=overrides(typed),
        reason=typed.get("reason", "").strip(),
    )


def _since(subject: Subject) -> object:
    """A start is of a set whose newest upgrade is the one that was seen: none has begun or ended in between."""
    return [_number(subject), is_deleting(subject)]


def _is_free(subject: Subject) -> str:
    if is_deleting(subject):
        return f"{subject.name} is being deleted."
    return f"{upgrade_told(running(subject))} runs: one at a time." if running(subject) else ""


def _runs(subject: Subject) -> str:
    if is_deleting(subject):
        return f"{subject.name} is being deleted."
    return "" if running(subject) else f"No upgrade of {subject.name} runs."


def _waits(subject: Subject) -> str:
    return _runs(subject) or ("" if _gate(subject) else f"{upgrade_told(running(subject))} waits for no approval.")


def _gate(subject: Subject) -> str:
    return str((subject.properties.get("approval") or {}).get("gate") or "")


def _number(subject: Subject) -> object:
    return upgrade_of(subject).get("number"), bool(running(subject))


def _at_gate(subject: Subject) -> object:
    return [_number(subject), _gate(subject)]


def _cancel(subject: Subject, typed: Typed, *, revert: bool) -> Wanted:
    body = given(reason=typed.get("reason", "").strip(), upgrade=running(subject).get("number"), revert=revert or None)
    return Wanted("POST", path_of(subject, "/instar/cancel"), body)


def _answer(subject: Subject, typed: Typed, word: str) -> Wanted:
    body = given(
        reason=typed.get("reason", "").strip(), upgrade=running(subject).get("number"), gate=_gate(subject) or None
    )
    return Wanted("POST", path_of(subject, f"/instar/{word}"), body)


START = Act(
    name="start",
    title="Start an upgrade",
    button="Start the upgrade",
    done="The start was accepted.",
    route=("POST", SCALE_SET + "/instar/upgrade"),
    command="instar upgrade SET",
    says=lambda subject: (
        f"The machines of {subject.name} get another version of their image, batch by batch, as the plan says. "
        "It goes by the same limits, gates and windows as an upgrade that begins by itself."
    ),
    wanted=lambda subject, typed: Wanted("POST", path_of(subject, "/instar/upgrade"), _start_body(typed)),
    seen=_since,
    group="Begin",
    fields=START_FIELDS,
    initial=lambda _: {"rollback": TICKED},
    sense=_is_free,
    plan=lambda subject, typed: Wanted("POST", path_of(subject, "/instar/plan"), _start_body(typed)),
    plan_first=True,
    plan_is=lambda plan: plan.get("properties", {}).get("target", plan),
    planned_by="Show the plan",
    readers_plan=True,
)

ROLLBACK = Act(
    name="rollback",
    title="Go back to the previous disks",
    button="Go back",
    done="The rollback was accepted.",
    route=("POST", SCALE_SET + "/instar/rollback"),
    command="instar rollback SET",
    says=lambda subject: (
        f"Machines of {subject.name} get the disk back that they had before, batch by batch, as the plan says. Data "
        "disks stay. "
        "The version that they leave is quarantined for the set, so that the next look does not bring it again."
    ),
    wanted=lambda subject, typed: Wanted("POST", path_of(subject, "/instar/rollback"), _back_body(typed)),
    seen=_since,
    group="Begin",
    fields=BACK_FIELDS,
    sense=_is_free,
    plan=lambda subject, typed: Wanted("POST", path_of(subject, "/instar/rollback/plan"), _back_body(typed)),
    plan_first=True,
    plan_is=lambda plan: plan.get("properties", {}).get("goesBackTo", plan),
    planned_by="Show the plan",
    readers_plan=True,
    danger=True,
)

CANCEL = Act(
    name="cancel",
    title="Cancel the upgrade",
    button="Cancel the upgrade",
    done="The cancel was accepted.",
    route=("POST", SCALE_SET + "/instar/cancel"),
    command="instar cancel SET",
    says=lambda subject: (
        f"{upgrade_told(running(subject))} ends: no machine is begun any more, disks that are being swapped come to "
        "their end, and who has the new disk keeps it. "
        f"{quarantine_told(subject)}A pause of the set ends with it."
    ),
    wanted=lambda subject, typed: _cancel(subject, typed, revert=False),
    seen=_number,
    group="This upgrade",
    fields=(REASON,),
    sense=_runs,
    danger=True,
)

REVERT = Act(
    name="revert",
    title="Cancel the upgrade and go back",
    button="Cancel and go back",
    done="The cancel was accepted; the machines go back once it has ended.",
    route=("POST", SCALE_SET + "/instar/cancel"),
    command="instar cancel SET --revert",
    says=lambda subject: (
        f"{upgrade_told(running(subject))} ends; then every machine that it moved, and no other, gets its previous "
        "disk back, batch by batch. "
        f"{quarantine_told(subject)}A pause of the set ends with it."
    ),
    wanted=lambda subject, typed: _cancel(subject, typed, revert=True),
    seen=_number,
    group="This upgrade",
    fields=(REASON,),
    sense=_runs,
    danger=True,
)

APPROVE = Act(
    name="approve",
    title="Approve",
    button="Approve: let it go on",
    done="Approved: the upgrade goes on.",
    route=("POST", SCALE_SET + "/instar/approve"),
    command="instar approve SET",
    says=lambda subject: (
        f"{upgrade_told(running(subject))} passes the gate '{_gate(subject)}', at which it waits, and goes on. "
        "It counts for this gate of this upgrade alone."
    ),
    wanted=lambda subject, typed: _answer(subject, typed, "approve"),
    seen=_at_gate,
    group="This upgrade",
    fields=(REASON,),
    sense=_waits,
)

REJECT = Act(
    name="reject",
    title="Reject",
    button="Reject: end the upgrade",
    done="Rejected: the upgrade ends as cancelled.",
    route=("POST", SCALE_SET + "/instar/reject"),
    command="instar reject SET",
    says=lambda subject: (
        f"{upgrade_told(running(subject))} ends at the gate '{_gate(subject)}', at which it waits, as cancelled; "
        "machines that are done stay done. " + quarantine_told(subject)
    ),
    wanted=lambda subject, typed: _answer(subject, typed, "reject"),
    seen=_at_gate,
    group="This upgrade",
    fields=(REASON_NEEDED,),
    sense=_waits,
    danger=True,
)

ACTS = (APPROVE, REJECT, CANCEL, REVERT, START, ROLLBACK)
