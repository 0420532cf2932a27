"""Rollout policies, of a set and the default one: stored, checked, tried, removed."""

from typing import Any

from api.page.steering.act import Act, Field, Json, Kind, Subject, Typed, Wanted
from api.page.steering.reading import REASON, document, given, written
from api.page.steering.wording import is_deleting, path_of
from api.services.dependencies import SCALE_SET

POLICY = "/instar/rolloutPolicy"
DEFAULT = POLICY
"""The default one's own path."""

FIELD = Field(
    "document",
    "Policy, as JSON",
    Kind.AREA,
    hint='Every member may be left out: {"waves": [1, "5%"], "bake": "PT10M"}. Secrets are never shown, and are kept '
    "where they are left out.",
    targets=("properties",),
)


def _own(subject: Subject) -> Json:
    """The policy that is there: of a set it is read besides, the default one is the subject itself."""
    return subject.more if subject.id != DEFAULT else subject.body


def _place(subject: Subject, below: str = "") -> str:
    return (path_of(subject, POLICY) if subject.id != DEFAULT else DEFAULT) + below


def _whose(subject: Subject) -> str:
    return f"of {subject.name}" if subject.id != DEFAULT else "of every set that has none of its own"


def _tag(subject: Subject) -> dict[str, str]:
    """Only what was seen is replaced."""
    etag = _own(subject).get("etag")
    return {"If-Match": etag} if etag else {"If-None-Match": "*"}


def _body(typed: Typed) -> Json:
    policy = document(typed, "document", dict)
    return {"properties": policy} | given(reason=typed.get("reason", "").strip())


def _check(subject: Subject, typed: Typed) -> Wanted:
    """Of the policy that is typed; of the one in force where nothing is."""
    body = _body({"document": typed["document"]}) if typed.get("document", "").strip() else None
    return Wanted("POST", _place(subject, "/check"), body)


def _gone(subject: Subject) -> str:
    return f"{subject.name} is being deleted." if is_deleting(subject) else ""


def _initial(subject: Subject) -> Typed:
    return {"document": written(_own(subject).get("properties") or {})}


def _acts(base: str, command: str, group: str) -> tuple[Act, Act, Act]:
    reads: dict[str, Any] = {"reads": POLICY} if base.startswith(SCALE_SET) else {}
    put = Act(
        name="policy",
        title="Change the rollout policy",
        button="Store the policy",
        done="The rollout policy is stored; the next upgrade goes by it.",
        route=("PUT", base),
        command=f"instar rollout-policy set{command}",
        says=lambda subject: (
            f"The rollout policy {_whose(subject)} is replaced as a whole. The next upgrade goes by it; one that runs "
            "goes on by the one that it began with. " + ("" if _own(subject) else "There is none yet.")
        ),
        wanted=lambda subject, typed: Wanted("PUT", _place(subject), _body(typed), headers=_tag(subject)),
        seen=lambda subject: _own(subject).get("etag"),
        group=group,
        fields=(FIELD, REASON),
        initial=_initial,
        sense=_gone,
        plan=_check,
        planned_by="Check it: what it would mean",
        readers_plan=True,
        **reads,
    )
    delete = Act(
        name="policy-delete",
        title="Remove the rollout policy",
        button="Remove the policy",
        done="There is no such rollout policy any more.",
        route=("DELETE", base),
        command=f"instar rollout-policy delete{command}",
        says=lambda subject: (
            f"The rollout policy {_whose(subject)} is removed."
            + (" From its next upgrade on the default one holds, if there is one." if subject.id != DEFAULT else "")
        ),
        wanted=lambda subject, typed: Wanted(
            "DELETE", _place(subject), params=given(reason=typed.get("reason", "").strip()), headers=_tag(subject)
        ),
        seen=lambda subject: _own(subject).get("etag"),
        group=group,
        fields=(REASON,),
        sense=lambda subject: _gone(subject) or ("" if _own(subject) else "There is none."),
        danger=True,
        **reads,
    )
    test = Act(
        name="policy-test",
        title="Try hooks and judges",
        button="Call each once",
        done="Each was called once.",
        route=("POST", base + "/test"),
        command=f"instar rollout-policy test{command}",
        says=lambda subject: (
            f"Each hook and judge of the policy {_whose(subject)} that is in force is called once, with a test that "
            "names no machine and no upgrade. Nothing follows from what they answer."
        ),
        wanted=lambda subject, _: Wanted("POST", _place(subject, "/test")),
        seen=is_deleting,
        group=group,
        sense=_gone,
        shows_answer=True,
    )
    return put, test, delete


ACTS = _acts(SCALE_SET + POLICY, " SET", "Rollout policy")
DEFAULT_ACTS = _acts(DEFAULT, "", "Default rollout policy")
