"""A form that asks once: shown, planned, sent, and answered by the API."""

import hashlib
import json
import secrets
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from urllib.parse import urlencode, urlsplit

from fastapi import Request
from fastapi.responses import RedirectResponse, Response

from api.page.access.visitor import Visitor
from api.page.asking import Answer, api_of
from api.page.steering.act import TICKED, Act, Field, Kind, Subject, Typed, Unreadable, Wanted, stamp
from api.page.steering.once import once_of
from api.page.steering.reading import OVERRIDE
from api.page.steering.starting_at import OVERRIDE_NEED
from api.page.steering.subjects import NotShown
from api.page.views import view

PLAN, DO = "plan", "do"
FROM_LINKS = ("name", "scope", "version", "instances")
"""What a link may fill in beforehand."""

Look = Callable[[Typed], Awaitable[Subject]]


@dataclass(frozen=True, slots=True)
class Place:
    """Where a form is, what it acts on, and where it leads back to."""

    act: Act
    look: Look
    address: str
    back: str
    crumb: str
    """How that is called."""


@dataclass(frozen=True, slots=True)
class Said:
    """What is told above a form."""

    answer: Answer | None = None
    """The API's refusal."""
    unreadable: Unreadable | None = None
    changed: bool = False
    """What was shown is not so any more: nothing was asked."""

    @property
    def status(self) -> int:
        """Of the page."""
        if self.answer is not None:
            return self.answer.status
        return 400 if self.unreadable else 409 if self.changed else 200

    def about(self, field: Field) -> str:
        """What is wrong with a field; "" where nothing is, as far as is known."""
        if self.unreadable and self.unreadable.field_name == field.name:
            return str(self.unreadable)
        return self.answer.error if self.answer is not None and field.is_meant_by(_target(self.answer)) else ""


async def shown(request: Request, visitor: Visitor, place: Place) -> Response:
    """The form as it is at first, with a plan where the act has one."""
    asked = {name: request.query_params[name] for name in FROM_LINKS if name in request.query_params}
    try:
        subject = await place.look(asked)
    except NotShown as gone:
        return not_shown(request, visitor, gone.answer)
    typed = {**place.act.initial(subject), **asked}
    planned = await _plan(request, visitor, place.act, subject, typed) if place.act.plan_first else None
    return _form(request, visitor, place, subject, typed, planned, Said())


async def sent(request: Request, visitor: Visitor, place: Place, form: Mapping[str, str]) -> Response:
    """The plan of what is asked, or the API's answer to it."""
    act = place.act
    typed = {field.name: _typed(field, form) for field in act.fields}
    key = _key(visitor, place, form, typed)
    once = once_of(request)
    if form.get("step") == DO and (known := await once.known(key)):
        return answered(request, visitor, place, typed, known)
    try:
        subject = await place.look(typed)
    except NotShown as gone:
        return not_shown(request, visitor, gone.answer)
    try:
        wanted = act.wanted(subject, typed)
        plans = act.plan is not None and (act.plan_first or form.get("step") != DO)
        planned = await _plan(request, visitor, act, subject, typed) if plans else None
    except Unreadable as unreadable:
        return _form(request, visitor, place, subject, typed, None, Said(unreadable=unreadable))
    if form.get("step") != DO:
        return _form(request, visitor, place, subject, typed, planned, Said())
    # Whoever may not is not told that something changed: the API refuses it, and says which role it takes.
    if act.may(subject) and (act.sense(subject) or form.get("seen") != _stamp(act, subject, typed, planned)):
        return _form(request, visitor, place, subject, typed, planned, Said(changed=True))
    answer = await once.answer(key, lambda: _ask(request, visitor, wanted))
    if answer.ok:
        return answered(request, visitor, place, typed, answer)
    try:
        subject = await place.look(typed)
    except NotShown as gone:
        return not_shown(request, visitor, gone.answer)
    return _form(request, visitor, place, subject, typed, planned, Said(answer=answer))


def answered(request: Request, visitor: Visitor, place: Place, typed: Typed, answer: Answer) -> Response:
    """Where the outcome is told: another address, so that a reload asks nothing again."""
    if place.act.shows_answer:
        return view(
            request, visitor, "steering/answer.html", act=place.act, place=place, answer=answer.body, csrf=visitor.csrf
        )
    query = {"name": typed["name"].strip()} if "name" in typed else {}
    parts = urlsplit(answer.headers.get("azure-asyncoperation", "")).path.split("/")
    if len(parts) > 2:  # noqa: PLR2004  # …/locations/LOCATION/operations/ID
        query |= {"location": parts[-3], "operation": parts[-1]}
    return RedirectResponse(f"{place.address}/done" + (f"?{urlencode(query)}" if query else ""), status_code=303)


def not_shown(request: Request, visitor: Visitor, answer: Answer) -> Response:
    """What is to be acted on is not there, or not for this visitor."""
    return view(request, visitor, "steering/not_shown.html", status=answer.status, answer=answer)


def _form(  # noqa: PLR0917  # what is shown
    request: Request,
    visitor: Visitor,
    place: Place,
    subject: Subject,
    typed: Typed,
    planned: Answer | None,
    said: Said,
) -> Response:
    act = place.act
    is_owner = subject.caller.may(OVERRIDE_NEED(subject))
    fields = [field for field in act.fields if is_owner or not field.for_owners]
    return view(
        request,
        visitor,
        "steering/form.html",
        status=said.status,
        act=act,
        place=place,
        subject=subject,
        may=act.may(subject),
        sense=act.sense(subject),
        says=[one for one in act.says(subject) if one],
        fields=[(field, typed.get(field.name, ""), said.about(field)) for field in fields],
        choices=act.choices(subject),
        plan=planned,
        said=said,
        is_told_beside=any(said.about(field) for field in fields),
        seen=_stamp(act, subject, typed, planned),
        once=secrets.token_hex(16),
    )


async def _plan(request: Request, visitor: Visitor, act: Act, subject: Subject, typed: Typed) -> Answer | None:
    """Raises Unreadable."""
    return await _ask(request, visitor, act.plan(subject, typed)) if act.plan else None


async def _ask(request: Request, visitor: Visitor, wanted: Wanted) -> Answer:
    api = api_of(request, visitor)
    return await api.ask(
        wanted.method, wanted.path, params=wanted.params, json=wanted.json, headers=wanted.headers
    )


def _stamp(act: Act, subject: Subject, typed: Typed, planned: Answer | None) -> str:
    if planned is None:
        return stamp(act, subject, typed)
    return stamp(act, subject, typed, act.plan_is(planned.body) if planned.ok else planned.error)


def _typed(field: Field, form: Mapping[str, str]) -> str:
    given = form.get(field.name, "")
    if field.kind is Kind.FLAG:
        return TICKED if given else ""
    return given.replace("\r\n", "\n")


def _key(visitor: Visitor, place: Place, form: Mapping[str, str], typed: Typed) -> tuple[str, ...]:
    """The same form with the same content, of the same session."""
    content = hashlib.sha256(json.dumps(typed, sort_keys=True).encode()).hexdigest()
    return visitor.csrf, place.address, form.get("once") or secrets.token_hex(16), content


def _target(answer: Answer) -> str:
    error = answer.body.get("error")
    return str(error.get("target") or "") if isinstance(error, dict) else ""
