"""A form that asks once: shown, planned, sent, and answered by the API."""

import hashlib
import json
import secrets
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from urllib.parse import urlencode, urlsplit

import httpx
from fastapi import Request
from fastapi.responses import RedirectResponse, Response

from api.access.caller import NOBODY
from api.page.access.visitor import Visitor
from api.page.asking import Answer, api_of
from api.page.steering.act import TICKED, Act, Field, Kind, Subject, Typed, Unreadable, Wanted, stamp
from api.page.steering.once import once_of
from api.page.steering.subjects import NotShown
from api.page.views import view
from api.steering.starts import OVERRIDE
from instar.domain.access import Need, Role

PLAN, DO = "plan", "do"
FROM_LINKS = ("name", "scope", "version", "instances")
"""What a link may fill in beforehand."""

TOO_LONG = {"code": "RequestNotSent", "message": "What was typed is too long to be asked for: nothing was done."}

NOT_KNOWN = {
    "code": "ServiceUnavailable",
    "message": "What you may do cannot be told just now: nothing was done. Try again later.",
}

OPERATION_AT_MOST = 500
"""Characters of where an operation is; the API's own are far shorter."""

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
    first = {**place.act.initial(subject), **asked}
    typed = {field.name: first.get(field.name, "") for field in place.act.fields}
    unasked = place.act.plan_first and place.act.plan_unasked
    planned = await _plan(request, visitor, place.act, subject, typed) if unasked else None
    return _form(request, visitor, place, subject, typed, planned, Said())


async def sent(request: Request, visitor: Visitor, place: Place, form: Mapping[str, str]) -> Response:
    """The plan of what is asked, or the API's answer to it."""
    typed = {field.name: _typed(field, form) for field in place.act.fields}
    key = _key(visitor, place, form, typed)
    if form.get("step") == DO and (known := await once_of(request).known(key)):
        return answered(request, visitor, place, typed, known)
    try:
        return await _sent(request, visitor, place, form, typed, key)
    except NotShown as gone:
        return not_shown(request, visitor, gone.answer)


async def _sent(  # noqa: PLR0917  # what was sent
    request: Request, visitor: Visitor, place: Place, form: Mapping[str, str], typed: Typed, key: tuple[str, ...]
) -> Response:
    """Raises NotShown."""
    act, subject, does = place.act, await place.look(typed), form.get("step") == DO
    if does and subject.caller is NOBODY:
        # Not whoever may not: nobody knows. The API, asked a moment later, might do what was overtaken.
        raise NotShown(Answer(503, {"error": NOT_KNOWN}))
    try:
        wanted = act.wanted(subject, typed)
        planned = await _plan(request, visitor, act, subject, typed) if act.plan_first or not does else None
    except Unreadable as unreadable:
        return _form(request, visitor, place, subject, typed, None, Said(unreadable=unreadable))
    said = Said()
    # Whoever may not is not told that something changed: the API refuses it, and says which role it takes.
    if does and act.may(subject) and (act.sense(subject) or form.get("seen") != _stamp(act, subject, typed, planned)):
        said = Said(changed=True)
    elif does:
        answer = await once_of(request).answer(key, lambda: _ask(request, visitor, wanted))
        if answer.ok:
            return answered(request, visitor, place, typed, answer)
        said, subject = Said(answer=answer), await place.look(typed)
    return _form(request, visitor, place, subject, typed, planned, said)


def answered(request: Request, visitor: Visitor, place: Place, typed: Typed, answer: Answer) -> Response:
    """Where the outcome is told: another address, so that a reload asks nothing again."""
    if place.act.shows_answer:
        return view(request, visitor, "steering/answer.html", act=place.act, place=place, answer=answer.body)
    query = {"name": typed["name"].strip()} if "name" in typed else {}
    parts = urlsplit(answer.headers.get("azure-asyncoperation", "")).path.split("/")
    if len(parts) > 2:  # noqa: PLR2004  # …/locations/LOCATION/operations/ID
        query |= {"location": parts[-3], "operation": parts[-1]}
    return RedirectResponse(f"{place.address}/done" + (f"?{urlencode(query)}" if query else ""), status_code=303)


def not_shown(request: Request, visitor: Visitor, answer: Answer) -> Response:
    """What is to be acted on is not there, or not for this visitor."""
    return view(request, visitor, "steering/not_shown.html", status=answer.status, answer=answer)


async def done(request: Request, visitor: Visitor, place: Place, operation_path: str) -> Response:
    """What became of it: how the subject stands now, and the operation that was accepted, where there is one."""
    operation = await api_of(request, visitor).ask("GET", operation_path) if operation_path else None
    try:
        subject = await place.look(dict(request.query_params))
    except NotShown as gone:
        return not_shown(request, visitor, gone.answer)
    return view(
        request,
        visitor,
        "steering/done.html",
        act=place.act,
        place=place,
        subject=subject,
        operation=operation,
        again=f"{place.address}/done?{request.url.query}",
    )


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
    is_owner = subject.caller.may(Need(OVERRIDE, subject.id, Role.OWNER))
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
        may_confirm=act.may(subject) and not act.sense(subject) and (planned is not None or not act.plan_first),
        sense=act.sense(subject),
        says=act.says(subject),
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
    try:
        return await api.ask(wanted.method, wanted.path, params=wanted.params, json=wanted.json, headers=wanted.headers)
    except httpx.InvalidURL:
        return Answer(400, {"error": TOO_LONG})


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
