"""What routes are given, as annotated types."""

import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from typing import Annotated

from fastapi import Depends, Path, Query, Request
from temporalio.converter import PayloadCodec

from api.access.caller import NOBODY, Caller
from api.access.guard import Access
from api.links.linked import Fetch, nothing_fetched
from api.remembered.answers import Answers
from api.services.healths import Healths
from api.services.scale_set_gateway import ScaleSetGateway
from api.wire.errors import ArmError, invalid
from instar.compute.clock import Clock
from instar.compute.provider import Provider
from instar.connection.settings import Settings
from instar.domain import scopes
from instar.domain.delays import Delays
from instar.outbound.questions import Questions
from instar.store.store import Store

API_VERSION = re.compile(r"(\d{4})-(\d{2})-(\d{2})(-preview)?", re.ASCII)
OLDEST_API_VERSION = "2018-10-01"
"""Of Microsoft.Compute: the first that knows automatic OS upgrades."""

OLDEST_OF_OTHERS = "2014-01-01"
"""Older than Azure Resource Manager itself. Clients pin versions of networks and groups for years."""

_OF_ANY_VERSION = re.compile(
    r"register|skus|locations/[^/]+/operations/[^/]+"
    r"|virtualMachineScaleSets/.+/networkInterfaces(/.*)?"
    r"|virtualMachineScaleSets/[^/]+/(networkInterfaces|publicIPAddresses)",
    re.IGNORECASE,
)
"""Below Microsoft.Compute. Operations are those of every provider, asked for in its version; interfaces are
Microsoft.Network's, whose clients ask in its oldest versions; sizes and providers have versions of their own."""

SUBSCRIPTION = scopes.SUBSCRIPTION
RESOURCE_GROUP = scopes.RESOURCE_GROUP

NAME_AT_MOST = 260
"""Characters of any name in a path."""


@dataclass(frozen=True)
class Services:
    """All that the process is made of; put together once, by `services_from`."""

    store: Store
    provider: Provider
    gateway: ScaleSetGateway
    healths: Healths
    settings: Settings
    access: Access
    clock: Clock
    codec: PayloadCodec
    """Opens and seals what goes through Temporal."""

    questions: Questions
    """Calls hooks and judges that somebody tries out."""

    fetch: Fetch = nothing_fetched
    """Fetches what templates link to."""

    answers: Answers = field(default_factory=Answers)
    """Those that are remembered while the store is unchanged."""

    delays: Delays = Delays()  # noqa: RUF009  # frozen
    """The durations that are set here (T6)."""

    not_ready: Callable[[], str] = str
    """Why this process should be sent nothing though its store answers; "" where there is no such thing."""

    caller: Caller = NOBODY
    """Who sent the request that this is for."""


async def services_of(request: Request) -> Services:
    """What this application was made of, for whoever asks."""
    services: Services = request.app.state.services
    return replace(services, caller=getattr(request.state, "caller", NOBODY))


ServicesDep = Annotated[Services, Depends(services_of)]


def oldest_version(path: str) -> str:
    """The oldest api-version that is taken on a path.

    >>> oldest_version("/subscriptions/s/resourceGroups/g/providers/Microsoft.Network/virtualNetworks/net")
    '2014-01-01'
    >>> web = "/subscriptions/s/resourceGroups/g/providers/Microsoft.Compute/virtualMachineScaleSets/web"
    >>> oldest_version(web), oldest_version(f"{web}/providers/Microsoft.Authorization/locks")
    ('2018-10-01', '2014-01-01')
    """
    namespace, _, rest = path.rpartition("/providers/")[2].partition("/")
    of_compute = namespace.lower() == "microsoft.compute" and rest and not _OF_ANY_VERSION.fullmatch(rest)
    return OLDEST_API_VERSION if of_compute else OLDEST_OF_OTHERS


async def api_version(
    request: Request,
    given: Annotated[
        str | None,
        Query(alias="api-version", description="of Microsoft.Compute 2018-10-01 or later", examples=["2026-04-01"]),
    ] = None,
) -> str:
    """The version asked for. Any from the oldest on is taken: one client uses many at once."""
    if not given:
        raise ArmError(
            400,
            "MissingApiVersionParameter",
            "The api-version query parameter (?api-version=) is required for all requests.",
        )
    parts = API_VERSION.fullmatch(given)
    oldest = oldest_version(request.url.path)
    if not parts or not (1 <= int(parts[2]) <= 12 and 1 <= int(parts[3]) <= 31) or given < oldest:  # noqa: PLR2004  # a calendar
        raise ArmError(
            400,
            "InvalidApiVersionParameter",
            f"The api-version '{_shown(given)}' is invalid. It must be {oldest} or later, in the format YYYY-MM-DD.",
        )
    return given


ApiVersion = Annotated[str, Depends(api_version)]


async def printable_path(request: Request) -> None:
    """Refuse names that no database may be asked for: control characters, lone surrogates, endless ones."""
    for name, value in request.path_params.items():
        if len(value) > NAME_AT_MOST or not value.isprintable():
            raise invalid(f"The name given for '{name}' is invalid.", name)
        if name == "subscriptionId" and not SUBSCRIPTION.fullmatch(value):
            message = f"The provided subscription identifier '{_shown(value)}' is malformed or invalid."
            raise ArmError(400, "InvalidSubscriptionId", message)
        if name == "resourceGroupName" and not RESOURCE_GROUP.fullmatch(value):
            message = f"The provided resource group name '{_shown(value)}' is invalid."
            raise ArmError(400, "InvalidResourceGroup", message)


def _shown(text: str) -> str:
    return "".join(character for character in text[:40] if character.isprintable())


@dataclass(frozen=True)
class ScaleSetPath:
    """Which scale set a path names, in the case in which it was sent."""

    subscription_id: str
    resource_group: str
    name: str

    @property
    def resource_id(self) -> str:
        """The set's ARM id."""
        return (
            f"/subscriptions/{self.subscription_id}/resourceGroups/{self.resource_group}"
            f"/providers/Microsoft.Compute/virtualMachineScaleSets/{self.name}"
        )


async def scale_set_path(
    subscription_id: Annotated[str, Path(alias="subscriptionId")],
    resource_group: Annotated[str, Path(alias="resourceGroupName")],
    name: Annotated[str, Path(alias="scaleSetName")],
) -> ScaleSetPath:
    """Read the path."""
    return ScaleSetPath(subscription_id, resource_group, name)


ScaleSetPathDep = Annotated[ScaleSetPath, Depends(scale_set_path)]

GROUP = "/subscriptions/{subscriptionId}/resourceGroups/{resourceGroupName}/providers/Microsoft.Compute"
SCALE_SET = GROUP + "/virtualMachineScaleSets/{scaleSetName}"
LOCATION = "/subscriptions/{subscriptionId}/providers/Microsoft.Compute/locations/{location}"

GUARDS: list[Callable[..., Awaitable[object]]] = [printable_path, api_version]
"""What every ARM route checks before anything else."""
