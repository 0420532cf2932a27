"""What is steered over many sets at once: holds, limits, rings. Each has a name, and a path of its own."""

from collections.abc import Callable
from urllib.parse import quote

from api.page.steering.act import Act, Field, Json, Kind, Subject, Typed, Wanted
from api.page.steering.reading import (
    HOURS,
    NAME_AT_MOST,
    REASON,
    REASON_NEEDED,
    UNTIL,
    document,
    given,
    name_of,
    number,
    until,
    written,
)
from instar.domain.access import Need, Role
from instar.domain.scopes import ROOT

HOLDS, LIMITS, RINGS = "/instar/holds", "/instar/limits", "/instar/rings"

NAME = Field(
    "name",
    "Name",
    needed=True,
    hint="Letters, digits, dots, dashes, underscores. One of that name that is there is replaced.",
    targets=("holdName", "limitName", "ringName"),
)
SCOPE = Field(
    "scope", "Where", needed=True, hint="/ for everything, a subscription, a resource group or a set, by its id."
)


def place_of(act: Act, name: str) -> str:
    """The path of what an act makes, replaces or removes; "" where it has no name yet."""
    parent = act.route[1].rpartition("/")[0]
    is_one = len(name) <= NAME_AT_MOST and name not in ("", ".", "..") and "/" not in name
    return f"{parent}/{quote(name, safe='')}" if is_one else ""


def _there(subject: Subject) -> object:
    """What was seen of it; who holds how much of a limit, and how far versions are, changes all the time."""
    told = {name: value for name, value in subject.properties.items() if name not in _CHANGING}
    return [subject.body.get("etag"), told]


_CHANGING = ("sentence", "now", "holders", "waiting", "lookedAt", "versions")


def _scoped(kind: str, verb: str) -> Callable[[Subject], Need]:
    """Contributor at the scope of what is there; of what is not yet: anywhere, for its form asks where."""

    def need(subject: Subject) -> Need:
        scope = subject.properties.get("scope")
        return Need(f"Instar/{kind}/{verb}", scope or ROOT, Role.CONTRIBUTOR, within=not scope)

    return need


def _no_such(subject: Subject) -> str:
    return "" if subject.body else f"There is none of the name '{subject.name}'."


def _tag(subject: Subject) -> dict[str, str]:
    """Only what was seen is replaced."""
    return {"If-Match": subject.body["etag"]} if subject.body else {"If-None-Match": "*"}


def _put(typed: Typed, parent: str, body: Json, headers: dict[str, str] | None = None) -> Wanted:
    wish = body | given(reason=typed.get("reason", "").strip())
    return Wanted("PUT", f"{parent}/{quote(name_of(typed), safe='')}", wish, headers=headers or {})


def _hold_body(subject: Subject, typed: Typed) -> Json:
    return given(scope=typed.get("scope", "").strip(), until=until(typed, subject.now))


def _limit_body(typed: Typed) -> Json:
    return given(
        scope=typed.get("scope", "").strip(),
        upgradesAtOnce=number(typed.get("upgradesAtOnce", "")),
        machinesOutAtOnce=number(typed.get("machinesOutAtOnce", "")),
    )


def _shown(subject: Subject, *names: str) -> dict[str, str]:
    """What is there, to be changed."""
    found = {name: subject.properties.get(name) for name in names}
    return {"name": subject.name} | {name: str(value) for name, value in found.items() if value is not None}


def _replaces(subject: Subject, told: str = "") -> str:
    return f"There is one of the name '{subject.name}'{told}. This takes its place." if subject.body else ""


def _by(subject: Subject) -> str:
    """Who stored it."""
    changed = subject.body.get("systemData") or {}
    return f", stored by {changed['lastModifiedBy']} at {changed['lastModifiedAt']}" if changed else ""


HOLD = Act(
    name="hold",
    title="Hold upgrades",
    button="Hold",
    done="It is held.",
    route=("PUT", HOLDS + "/{holdName}"),
    command="instar hold NAME --scope SCOPE",
    says=lambda subject: (
        "No upgrade begins there any more, by itself or by hand; those that run finish their batch and wait, however "
        "long it takes. Scaling, reads, cancels and rollbacks go on. "
        + _replaces(subject, f": {subject.properties.get('sentence')}")
    ),
    wanted=lambda subject, typed: _put(typed, HOLDS, _hold_body(subject, typed)),
    seen=_there,
    group="Holds",
    fields=(NAME, SCOPE, REASON_NEEDED, UNTIL, HOURS),
    initial=lambda subject: {"scope": ROOT} | _shown(subject, "scope", "reason", "until"),
    need=_scoped("holds", "write"),
    danger=True,
)

RELEASE = Act(
    name="release",
    title="Lift a hold",
    button="Lift the hold",
    done="That hold is lifted.",
    route=("DELETE", HOLDS + "/{holdName}"),
    command="instar release NAME",
    says=lambda subject: (
        f"{subject.properties.get('sentence', 'What is held')}. "
        "What it keeps back goes on at once, where it stopped, unless something else holds it."
    ),
    wanted=lambda _, typed: Wanted("DELETE", f"{HOLDS}/{quote(name_of(typed), safe='')}"),
    seen=_there,
    group="Holds",
    fields=(Field("name", "Name", needed=True, targets=NAME.targets),),
    initial=_shown,
    sense=_no_such,
    need=_scoped("holds", "delete"),
)

LIMIT = Act(
    name="limit",
    title="Limit what is upgraded at once",
    button="Store the limit",
    done="The limit is stored.",
    route=("PUT", LIMITS + "/{limitName}"),
    command="instar limits set NAME",
    says=lambda subject: (
        "All sets there share it: what is beyond it waits for its turn, first come, first served. What runs is not "
        "stopped. " + _replaces(subject, _by(subject))
    ),
    wanted=lambda subject, typed: _put(typed, LIMITS, _limit_body(typed), _tag(subject)),
    seen=_there,
    group="Limits",
    fields=(
        NAME,
        SCOPE,
        Field("upgradesAtOnce", "Upgrades at once", hint="From their first batch to their end. Empty: any number."),
        Field("machinesOutAtOnce", "Machines out at once", hint="Of batches without a verdict. Empty: any number."),
        REASON,
    ),
    initial=lambda subject: {"scope": ROOT} | _shown(subject, "scope", "upgradesAtOnce", "machinesOutAtOnce"),
    need=_scoped("limits", "write"),
)

LIMIT_DELETE = Act(
    name="limit-delete",
    title="Remove a limit",
    button="Remove the limit",
    done="There is no such limit any more.",
    route=("DELETE", LIMITS + "/{limitName}"),
    command="instar limits delete NAME",
    says=lambda subject: f"The limit '{subject.name}' ends{_by(subject)}; whoever waits for it alone goes on.",
    wanted=lambda subject, typed: Wanted("DELETE", f"{LIMITS}/{quote(name_of(typed), safe='')}", headers=_tag(subject)),
    seen=_there,
    group="Limits",
    fields=(Field("name", "Name", needed=True, targets=NAME.targets),),
    initial=_shown,
    sense=_no_such,
    need=_scoped("limits", "delete"),
    danger=True,
)

RINGS_PUT = Act(
    name="rings",
    title="Put sets into rings",
    button="Store the rings",
    done="The rings are stored.",
    route=("PUT", RINGS + "/{ringName}"),
    command="instar rings set NAME",
    says=lambda subject: (
        "A version reaches a ring by itself only after every set of the rings before it has completed with it and has "
        "baked it. By hand any set may overtake. What stops a version is its quarantine in one set, as of a cancel. "
        + _replaces(subject, _by(subject))
    ),
    wanted=lambda subject, typed: _put(typed, RINGS, {"rings": document(typed, "document", list)}, _tag(subject)),
    seen=_there,
    group="Rings",
    fields=(
        NAME,
        Field(
            "document",
            "Rings, as JSON",
            Kind.AREA,
            hint='[{"tag": {"name": "ring", "value": "canary"}, "bake": "P1D"}, {"sets": ["/subscriptions/…"]}]',
            needed=True,
            targets=("rings",),
        ),
        REASON,
    ),
    initial=lambda subject: _shown(subject) | {"document": written(subject.properties.get("rings") or [])},
)

RINGS_DELETE = Act(
    name="rings-delete",
    title="Remove rings",
    button="Remove the rings",
    done="There are no such rings any more.",
    route=("DELETE", RINGS + "/{ringName}"),
    command="instar rings delete NAME",
    says=lambda subject: (
        f"The rings '{subject.name}' end{_by(subject)}; their sets take versions as they come. "
        "What was remembered of versions in them is forgotten."
    ),
    wanted=lambda subject, typed: Wanted("DELETE", f"{RINGS}/{quote(name_of(typed), safe='')}", headers=_tag(subject)),
    seen=_there,
    group="Rings",
    fields=(Field("name", "Name", needed=True, targets=NAME.targets),),
    initial=_shown,
    sense=_no_such,
    danger=True,
)

ACTS = (HOLD, RELEASE, LIMIT, LIMIT_DELETE, RINGS_PUT, RINGS_DELETE)
