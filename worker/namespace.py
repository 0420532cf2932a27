"""Whether Temporal's namespace has what workflows need there: without a search attribute an upgrade could not go on."""

import logging
from collections.abc import Iterable
from dataclasses import dataclass

from temporalio.api.enums.v1 import IndexedValueType
from temporalio.api.operatorservice.v1 import ListSearchAttributesRequest
from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode

from instar.connection.readiness import Readiness
from instar.connection.waiting import until_there
from instar.domain.sets.names import Attribute

_log = logging.getLogger(__name__)

KEYWORD = IndexedValueType.INDEXED_VALUE_TYPE_KEYWORD

MAY_NOT_ASK = frozenset({RPCStatusCode.PERMISSION_DENIED, RPCStatusCode.UNAUTHENTICATED, RPCStatusCode.UNIMPLEMENTED})
"""Some servers keep that question for their operators: then a worker goes on, and says so."""


class Lacking(Exception):
    """The namespace is not there, or lacks search attributes. The text says what to run."""


@dataclass(frozen=True, slots=True)
class Lacks:
    """Search attributes of Instar that a namespace does not have, and those that it has with another type."""

    missing: tuple[Attribute, ...] = ()
    other: tuple[Attribute, ...] = ()


async def lacking(client: Client) -> Lacks:
    """What the client's namespace lacks. Raises RPCError: MAY_NOT_ASK has how a server says that it does not tell."""
    asked = ListSearchAttributesRequest(namespace=client.namespace)
    there = dict((await client.operator_service.list_search_attributes(asked)).custom_attributes)
    return Lacks(
        missing=tuple(name for name in Attribute if name not in there),
        other=tuple(name for name in Attribute if there.get(name, KEYWORD) != KEYWORD),
    )


async def has_namespace(client: Client, readiness: Readiness) -> bool:
    """True, once the namespace has all search attributes: it is looked at again and again (docs/rules.md F9)."""
    await until_there("Temporal's namespace", lambda: check_namespace(client), Lacking, readiness)
    return True


async def check_namespace(client: Client) -> None:
    """Raises Lacking, also where the server does not answer just now."""
    try:
        lacks = await lacking(client)
    except RPCError as error:
        if error.status in MAY_NOT_ASK:
            _log.warning(
                "cannot see whether namespace %s has the search attributes %s (%s): without them upgrades do not begin",
                client.namespace,
                ", ".join(Attribute),
                error.message,
            )
            return
        raise Lacking(f"{error.message}; {_what_to_run(client.namespace, Attribute)}") from None
    if lacks.missing:
        raise Lacking(
            f"namespace {client.namespace} lacks the search attributes {', '.join(lacks.missing)}; "
            f"{_what_to_run(client.namespace, lacks.missing)}"
        )
    if lacks.other:
        raise Lacking(
            f"in namespace {client.namespace} the search attributes {', '.join(lacks.other)} are of another type than "
            "Keyword: remove them there (temporal operator search-attribute remove), or use another namespace"
        )


def _what_to_run(namespace: str, missing: Iterable[Attribute]) -> str:
    names = " ".join(f"--name {name}" for name in missing)
    return (
        "run deploy/temporal-namespace.sh, or: "
        f"temporal operator search-attribute create --namespace {namespace} --type Keyword {names}"
    )
