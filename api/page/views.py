"""From what is known to what is shown: templates, in which every string from outside is text and never markup."""

from typing import Any

from fastapi import Request
from fastapi.responses import HTMLResponse
from jinja2 import Environment, PackageLoader, StrictUndefined

from api.page import wording
from api.page.access.visitor import Visitor

STATIC = "/page/static"

TEMPLATES = Environment(
    loader=PackageLoader("api.page", "templates"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
TEMPLATES.globals |= {
    "static": STATIC,
    "looks": wording.LOOKS,
    "moment": wording.moment,
    "duration": wording.duration,
    "took": wording.took,
    "kind": wording.kind,
    "who": wording.who,
    "target": wording.target,
}
TEMPLATES.filters["in_words"] = wording.in_words


def view(request: Request, visitor: Visitor | None, template: str, *, status: int = 200, **what: Any) -> HTMLResponse:
    """A page, which extends base.html, or a fragment, which does not. `visitor` is None before the login."""
    return HTMLResponse(rendered(template, visitor=visitor, path=request.url.path, **what), status)


def rendered(template: str, **what: Any) -> str:
    """A template as text. Raises jinja2.UndefinedError where it asks for what was not given."""
    return TEMPLATES.get_template(template).render(what)
