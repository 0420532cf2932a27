"""Every id, queue and search attribute, built in one place."""

import hashlib
from enum import StrEnum

from instar.domain.sets.scale_sets import ScaleSetIdentity

WORKFLOW_QUEUE = "instar"
"""Workflow tasks and cheap activities."""

COMPUTE_QUEUE = "instar-compute"
"""Calls to the compute, apart, so that a slow one cannot starve workflow progress."""

WEBHOOK_QUEUE = "instar-webhooks"
"""Deliveries to receivers of webhooks, apart, so that slow ones starve nothing else."""

HOOK_QUEUE = "instar-hooks"
"""Calls to hooks and judges, apart for the same reason."""

NAMESPACE = "default"


class Attribute(StrEnum):
    """Search attributes, all Keyword. Registered by whoever starts the server; no worker works without them."""

    SCALE_SET_ID = "InstarScaleSetId"
    SCALE_SET = "InstarScaleSet"
    """Its name alone, for people: two groups may have a set of that name."""
    PHASE = "InstarPhase"
    """The status of an upgrade, or `Parked`."""
    TARGET_VERSION = "InstarTargetVersion"


class WorkflowType(StrEnum):
    """Types of workflows, as Temporal lists them."""

    SCALE_SET = "ScaleSet"
    SCALE_SET_0_1 = "ScaleSetWorkflow"
    """Of release 0.1: it goes on until it is told to move on."""


UPGRADE_WORKFLOW = "OsUpgradeWorkflow"
"""The type of the workflow of one upgrade."""

WEBHOOK_WORKFLOW = "Webhook"
"""The type of the workflow that delivers to one webhook."""

LOOK = "look"
"""The signal that tells it that there is something to deliver; and a keeper, that something is due sooner."""

KEEPER_WORKFLOW = "Keeper"
"""The type of the workflow that sees to turns, to the rings of one name, or to the looks of idle sets."""

TURNS = "turns"
RINGS = "rings"
LOOKS = "looks"
"""What a keeper sees to."""

MOVE_ON = "move_on"
"""The signal that tells a set's workflow of an older release to continue under the workflow of today."""


class Refusal(StrEnum):
    """Types of the errors with which an update is refused, each with the HTTP status that the API answers."""

    OPERATION_NOT_ALLOWED = "OperationNotAllowed"
    NOT_FOUND = "ResourceNotFound"


def scale_set_key(scale_set: ScaleSetIdentity) -> str:
    """`<name>-<16 hex>`: readable, unique per set and life of it, far below 255 characters.

    >>> one = ScaleSetIdentity(resource_id="/A/b", name="web", unique_id="u", location="here")
    >>> scale_set_key(one) == scale_set_key(one.model_copy(update={"resource_id": "/a/B"}))
    True
    """
    digest = hashlib.sha256(f"{scale_set.resource_id.lower()}{scale_set.unique_id}".encode()).hexdigest()
    return f"{scale_set.name}-{digest[:16]}"


def scale_set_workflow_id(scale_set: ScaleSetIdentity) -> str:
    """The id of the set's own workflow."""
    return f"scale-set/{scale_set_key(scale_set)}"


def os_upgrade_workflow_id(scale_set: ScaleSetIdentity, number: int) -> str:
    """The id of one upgrade's workflow; `number` counts from 1 in the life of the set."""
    return f"os-upgrade/{scale_set_key(scale_set)}/{number}"


def os_upgrade_number(workflow_id: str) -> int:
    """The number of the upgrade whose workflow has that id; 0 where it is another's.

    >>> [os_upgrade_number(one) for one in ("os-upgrade/web-0123456789abcdef/12", "scale-set/web-0123456789abcdef", "")]
    [12, 0, 0]
    """
    kind, _, rest = workflow_id.partition("/")
    number = rest.rpartition("/")[2]
    return int(number) if kind == "os-upgrade" and number.isdecimal() else 0


def scale_set_of_workflow(workflow_id: str) -> str:
    """The name of the set whose workflow, or whose upgrade's, has that id; "" where it is another's.

    >>> ids = ("os-upgrade/web-0123456789abcdef/12", "scale-set/a-b-0123456789abcdef", "webhook/chat")
    >>> [scale_set_of_workflow(one) for one in ids]
    ['web', 'a-b', '']
    """
    kind, _, rest = workflow_id.partition("/")
    return rest.partition("/")[0].rpartition("-")[0] if kind in ("os-upgrade", "scale-set") else ""


def webhook_workflow_id(webhook_id: str) -> str:
    """The id of the workflow that delivers to one webhook."""
    return f"webhook/{webhook_id}"


def keeper_workflow_id(what: str, name: str = "") -> str:
    """The id of the workflow that sees to turns, or to the rings of that name; names differ by more than their case.

    >>> keeper_workflow_id(TURNS), keeper_workflow_id(RINGS, "Web")
    ('keeper/turns', 'keeper/rings/web')
    """
    return f"keeper/{what}/{name.lower()}" if name else f"keeper/{what}"
