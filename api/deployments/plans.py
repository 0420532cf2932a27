"""What a deployment needs to go on, as it is sealed: its template, what it is given, where it goes, in whose name."""

import dataclasses
from datetime import datetime
from typing import Any

from api.access.principals import Principal
from api.links.linked import Fetch, Links
from api.templates.budget import WORK_AT_MOST, Budget
from api.templates.limits import Share
from api.templates.nested import Nested
from api.templates.scope import Place
from api.templates.template import Template, read_template
from api.templates.types import Types

Json = dict[str, Any]

LEAST_WORK = 20_000
"""What each nested template may ask for at least, once its turn has come."""


def plan_of(template: Template, principal: Principal, around: Nested | None = None) -> Json:
    """What it takes to read a template once more."""
    # Defaults may have asked the clock or chance: they are settled now.
    values = {name: {"value": value} for name, value in template.scope.parameters.items()}
    place = {key: value for key, value in dataclasses.asdict(template.scope.place).items() if key != "now"}
    plan = {
        "template": template.document,
        "parameters": values,
        "place": place,
        "principal": dataclasses.asdict(principal),
    }
    if around is not None:
        kept = {"made_in": around.made_in, "is_inner": around.is_inner, "copies": around.copies}
        plan["around"] = kept | {"secure": list(around.secure)}
    if template.share is not None:
        share = template.share
        plan["share"] = {"resources": share.resources, "deployments": share.deployments, "depth": share.depth}
    if template.scope.links.used:
        plan["linked"] = dict(template.scope.links.used)
    return plan


def links_of(plan: Json, fetch: Fetch) -> Links:
    """What the template links to, as it was fetched when it was read first."""
    return Links(fetch, plan.get("linked"))


def read_plan(plan: Json, begun_at: datetime, types: Types, fetch: Fetch) -> Template:
    """The template. Raises TemplateError."""
    place = Place(**plan["place"] | {"now": begun_at})
    given = plan.get("around")
    around = None if given is None else Nested({}, {}, **given | {"secure": tuple(given["secure"])})
    links = links_of(plan, fetch)
    return read_template(plan["template"], plan["parameters"], place, types, around, links=links)


def share_of(plan: Json, among: int) -> Share:
    """What a nested deployment of this plan may ask for, one of so many. Its work is done in its own time."""
    return Share(**plan["share"], budget=Budget(max(WORK_AT_MOST // max(among, 1), LEAST_WORK)))


def principal_of(plan: Json) -> Principal:
    """Who deploys."""
    return Principal(**plan["principal"] | {"names": tuple(plan["principal"]["names"])})
