"""A browser as far as forms need one: a session, forms that are filled in and sent, redirects that are followed."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import Any

import httpx

from api.page.access.sessions import begin, known_by
from api.services.dependencies import Services
from instar.domain.access import Grant, Role
from instar.store.page.proofs import Proof
from tests.api.conftest import SCALE_SET, Api

ORIGIN = "http://api.test:8000"
STEER = f"/page/steering{SCALE_SET}"


class Read(HTMLParser):
    """Texts by the ids of their elements, links and buttons, and the fields of the form `ask`."""

    VOID = ("input", "meta", "link", "br", "hr")

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.texts: dict[str, str] = {}
        self.attributes: dict[str, dict[str, str]] = {}
        self.fields: dict[str, str] = {}
        self.tags: list[str] = []
        self.acts: list[str] = []
        self._open: list[str] = []
        self._form = ""
        self._filling = ""
        self._select = ""
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        self.tags.append(tag)
        name = given.get("id", "")
        if name:
            assert name not in self.attributes, f"two elements have the id {name}"
            self.attributes[name] = {**given, "": tag}
        if "data-act" in given:
            self.acts.append(given["data-act"])
        if tag == "form":
            self._form = name
        if self._form == "ask":
            self._field(tag, given)
        if tag not in self.VOID:
            self._open.append(name)

    def _field(self, tag: str, given: dict[str, str]) -> None:
        if tag == "input" and (given.get("type") != "checkbox" or "checked" in given):
            self.fields[given["name"]] = given.get("value", "")
        if tag == "textarea":
            self._filling = given["name"]
            self.fields[self._filling] = ""
        if tag == "select":
            self._select = given["name"]
        if tag == "option" and self._select and ("selected" in given or self._select not in self.fields):
            self.fields[self._select] = given["value"]

    def handle_endtag(self, tag: str) -> None:
        assert tag not in self.VOID
        self._open.pop()
        if tag == "textarea":
            self.fields[self._filling] = self.fields[self._filling].removeprefix("\n")
            self._filling = ""
        self._select = "" if tag == "select" else self._select
        self._form = "" if tag == "form" else self._form

    def handle_data(self, data: str) -> None:
        if self._filling:
            self.fields[self._filling] += data
        for name in filter(None, self._open):
            self.texts[name] = f"{self.texts.get(name, '')}{data}"


@dataclass
class Shown:
    """One answer of the page."""

    status: int
    text: str
    headers: httpx.Headers
    read: Read = field(init=False)

    def __post_init__(self) -> None:
        self.read = Read(self.text)

    @property
    def buttons(self) -> set[str]:
        """Ids of what can be pressed in the form."""
        return {name for name in ("confirm", "show-plan") if name in self.read.attributes}

    def told(self, name: str) -> str:
        """The text of an element, without the spaces between lines."""
        return " ".join(self.read.texts.get(name, "").split())


@dataclass
class Browser:
    """Somebody who is logged in."""

    http: httpx.AsyncClient
    name: str

    async def get(self, path: str, **headers: str) -> Shown:
        return _shown(await self.http.get(path, headers=headers))

    async def send(self, path: str, form: dict[str, str], **headers: str) -> Shown:
        """A form as it is sent, without looking at it first; redirects are not followed."""
        return _shown(await self.http.post(path, data=form, headers=headers))

    async def form(self, path: str, **typed: Any) -> dict[str, str]:
        """The form, filled in as `typed` says; None unticks a box."""
        shown = await self.get(path)
        assert shown.status == 200, shown.text
        return filled(shown, **typed)

    async def do(self, path: str, **typed: Any) -> Shown:
        """Look at the form, perhaps at the plan of what is typed, confirm it, and follow to the outcome."""
        form = await self.form(path, **typed)
        shown = await self.get(path)
        if "show-plan" in shown.buttons and typed:
            planned = await self.send(path, form | {"step": "plan"})
            assert planned.status == 200, planned.told("refusal") or planned.told("unreadable")
            form = dict(planned.read.fields)
        return await self.follow(await self.send(path.partition("?")[0], form | {"step": "do"}))

    async def follow(self, shown: Shown) -> Shown:
        return await self.get(shown.headers["location"]) if shown.status == 303 else shown


def filled(shown: Shown, **typed: Any) -> dict[str, str]:
    """The fields of the form that is shown, with others in place of some."""
    form = dict(shown.read.fields)
    for name, value in typed.items():
        key = name.replace("__", "-")
        assert f"field-{key}" in shown.read.attributes, f"no field {key}"
        if value is None:
            form.pop(key, None)
        else:
            form[key] = value
    return form


def _shown(answer: httpx.Response) -> Shown:
    return Shown(answer.status_code, answer.text, answer.headers)


@asynccontextmanager
async def browser(api: Api, role: Role = Role.OWNER, scope: str = "/", name: str = "ann") -> AsyncIterator[Browser]:
    """Somebody with that role, logged in."""
    client, _ = api.store.credentials.create(name, Grant(role, scope), api.clock())
    services: Services = api.app.state.services
    proof = Proof(client_id=client.client_id)
    value, _ = await begin(services, await known_by(services, proof), proof)
    transport = httpx.ASGITransport(app=api.app)
    async with httpx.AsyncClient(
        transport=transport,
        base_url=ORIGIN,
        cookies={"instar-session-8000": value},
        headers={"Origin": ORIGIN, "Accept": "text/html"},
    ) as http:
        yield Browser(http, name)
