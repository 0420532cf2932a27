"""What a request asks to deploy: the template, read and checked, whether it is to be deployed or only looked at."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from fastapi import Request

from api.deployments.plans import plan_of
from api.deployments.resource_types import types_of
from api.links.errors import LinkError
from api.links.linked import Link, Links, link_of
from api.resources.resource_groups import group_location
from api.services.dependencies import Services
from api.stored.stored_resources import ResourceName
from api.templates.errors import TemplateError
from api.templates.nested import LINK
from api.templates.scope import Place
from api.templates.template import Template, read_template
from api.wire.bodies import raw_body
from api.wire.errors import ArmError, bad_content
from api.wire.lenient_json import lenient_object
from api.wire.texts import check_texts
from instar.domain.access import need_of

Json = dict[str, Any]
Read = TypeVar("Read")

NOT_TAKEN = ("onErrorDeployment", "expressionEvaluationOptions", "extensionConfigs")

_READING = ThreadPoolExecutor(4, thread_name_prefix="templates")
"""What a template links to may come slowly: no other request waits behind it for a thread."""


async def in_reading_thread(read: Callable[[], Read]) -> Read:
    """What comes of reading a template that may have to be fetched."""
    return await asyncio.get_running_loop().run_in_executor(_READING, read)


async def requested(properties: Json, services: Services, which: ResourceName) -> tuple[Template, Json]:
    """The checked template, and what it takes to read it once more. Raises ArmError.

    400 InvalidTemplate and the like, 403 for a resource that the caller may not make.
    """
    for name in NOT_TAKEN:
        if properties.get(name):
            raise refused(f"'{name}' is not supported: leave it out")
    if str(properties.get("mode", "Incremental")).lower() != "incremental":
        raise refused(f"the mode '{properties['mode']}' is not supported: it must be Incremental")
    location = await group_location(services, which.subscription_id, which.resource_group)
    place = Place(
        subscription_id=which.subscription_id,
        resource_group=which.resource_group,
        location=location,
        deployment=which.names[0],
        now=services.clock(),
    )
    links, types, most = Links(services.fetch), types_of(services), services.settings.quotas.template_resources

    def read() -> Template:
        document, link = _whole(properties, "template", links)
        parameters, _ = _whole(properties, "parameters", links)
        parameters = parameters.get("parameters", {}) if properties.get("parametersLink") else parameters
        if not isinstance(document, dict) or not isinstance(parameters, dict):
            raise bad_content("'template' and 'parameters' must be objects.")
        there = Place(**vars(place) | {"base": link.uri, "base_query": link.query, "is_linked": bool(link.uri)})
        return read_template(document, parameters, there, types, at_most=most, links=links)

    try:
        template = await in_reading_thread(read)
    except TemplateError as error:
        raise refused(str(error), error.code) from None
    check_texts({"parameters": template.shown_parameters, "outputs": dict.fromkeys(template.outputs)})
    # A role at the deployment is none at what it makes.
    services.caller.require_deployed(
        (resource.type, need_of("PUT", resource.resource_id)) for resource in template.everything
    )
    return template, plan_of(template, services.caller.principal)


async def properties_of(request: Request) -> Json:
    """What a request says of a deployment. Raises ArmError 400 or 413."""
    properties = lenient_object(await raw_body(request)).get("properties")
    if not isinstance(properties, dict):
        raise bad_content("'properties' must be an object with 'template'.")
    return properties


def refused(message: str, code: str = "InvalidTemplate") -> ArmError:
    """That a template cannot be deployed, as ARM says it."""
    return ArmError(400, code, f"Deployment template validation failed: {message}.")


def _whole(properties: Json, name: str, links: Links) -> tuple[Any, Link]:
    """The template or the parameters, as they are sent or linked to. Raises TemplateError."""
    given, linked = properties.get(name), properties.get(f"{name}Link")
    if not linked:
        return {} if given is None and name == "parameters" else given, Link()
    if given:
        raise TemplateError(f"the deployment has both '{name}' and '{name}Link'")
    try:
        link = link_of(linked, Link())
        return links.document(link, linked.get("contentVersion")), link
    except LinkError as error:
        raise TemplateError(f"the '{name}Link' of the deployment: {error}", LINK) from None
