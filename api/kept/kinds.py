"""Which types are kept, which never are, and what is said of each: nothing of it is done in silence."""

import re

_REFUSED = {
    "microsoft.compute/virtualmachinescalesets": "of a scale set only extensions can be made by themselves",
    "microsoft.network/loadbalancers/probes": "write the probe into its load balancer",
    "microsoft.resources": "resource groups, tags and the like are made by requests of their own",
}
"""Types, and those below them, that would change what Instar acts on: they are never kept. Why, by their names."""

_KEPT_ALL_THE_SAME = dict.fromkeys(
    ("microsoft.resources/deploymentscripts", "microsoft.resources/templatespecs"), "yes"
)

NOTHING_ACTS = "it is kept as a document, and nothing here acts on it"

_EFFECTS = {
    "microsoft.insights/autoscalesettings": "nothing here scales a set: its capacity stays as it was given",
    "microsoft.compute/virtualmachines": "no machine is started, and nothing is run on one: only sets have machines",
    "microsoft.compute/images": "no set can be made of it: put the image into a gallery",
    "microsoft.compute/disks": "no disk is made",
    "microsoft.compute/snapshots": "no disk is copied",
    "microsoft.compute/availabilitysets": "no machine is placed by it",
    "microsoft.compute/proximityplacementgroups": "no machine is placed by it",
    "microsoft.compute/hostgroups": "no machine is placed by it",
    "microsoft.compute/capacityreservationgroups": "nothing is reserved",
    "microsoft.compute/diskencryptionsets": "no disk is encrypted by it",
    "microsoft.network/applicationgateways": "no traffic passes it, and its probes say nothing of a set's health",
    "microsoft.network/networkinterfaces": "no machine has it: those of a set's machines are in the set's own model",
    "microsoft.network/trafficmanagerprofiles": "no traffic passes it, and its probes say nothing of a set's health",
    "microsoft.network/frontdoors": "no traffic passes it, and its probes say nothing of a set's health",
    "microsoft.maintenance": "no upgrade waits for its window",
    "microsoft.authorization/roleassignments": "it gives nobody a role here",
    "microsoft.authorization/locks": "it protects nothing here",
    "microsoft.authorization/policyassignments": "nothing here obeys it",
    "microsoft.managedidentity": "it is nobody here: no machine can act in its name",
    "microsoft.keyvault/vaults": "secrets and keys given to it are not kept, and no machine gets one from it",
    "microsoft.resources/deploymentscripts": "the script is not run, and has no outputs",
    "microsoft.servicefabric/managedclusters": "no machine is started, and no upgrade asks it",
    "microsoft.servicefabric/clusters": "nothing is deployed to the cluster",
    "microsoft.containerservice/managedclusters": "no machine is started",
    "microsoft.batch/batchaccounts": "no machine is started",
    "microsoft.recoveryservices/vaults": "no machine is backed up",
    "microsoft.automation/automationaccounts": "nothing is run",
}
"""Types, and those below them, that act on machines, on their health or on who may do what. What does not happen."""

_COMPUTE = "microsoft.compute/"
OF_COMPUTE = (
    "virtualMachines",
    "disks",
    "images",
    "snapshots",
    "availabilitySets",
    "proximityPlacementGroups",
    "hostGroups",
    "capacityReservationGroups",
    "sshPublicKeys",
    "diskEncryptionSets",
    "diskAccesses",
    "restorePointCollections",
    "cloudServices",
)
"""Of the provider that Instar stands in for only these, and what is below them: a word that Azure does not know either
is not kept as if it did."""

_TYPE = re.compile(r"[A-Za-z][\w-]*(\.[A-Za-z][\w-]*)+(/[A-Za-z$][\w.$-]*)+", re.ASCII)


def is_kept(kind: str) -> bool:
    """Whether a type that Instar cannot make is kept."""
    return _TYPE.fullmatch(kind) is not None and not why_refused(kind) and _is_known(kind.lower())


def spelled(kind: str) -> str:
    """A type of Microsoft.Compute as Azure writes it, any other as it came."""
    for word in OF_COMPUTE:
        if kind.lower() == f"{_COMPUTE}{word.lower()}":
            return f"Microsoft.Compute/{word}"
    return kind


def _is_known(word: str) -> bool:
    rest = word.removeprefix(_COMPUTE)
    return rest == word or rest.partition("/")[0] in {known.lower() for known in OF_COMPUTE}


def why_refused(kind: str) -> str:
    """Why a type is never kept; empty for one that may be."""
    word = kind.lower()
    return "" if _longest(word, _KEPT_ALL_THE_SAME) else _longest(word, _REFUSED)


def what_fails(kind: str) -> str:
    """What a resource of this type would do elsewhere and does not do here; empty where nobody would miss it.

    >>> what_fails("Microsoft.Insights/autoscaleSettings")
    'nothing here scales a set: its capacity stays as it was given'
    >>> what_fails("Microsoft.Storage/storageAccounts")
    ''
    """
    return _longest(kind.lower(), _EFFECTS)


def warning_of(kind: str) -> str:
    """What a client is told in a `Warning` header: code 299, and a text for a person.

    >>> warning_of("Microsoft.Storage/storageAccounts")
    '299 instar "Microsoft.Storage/storageAccounts: it is kept as a document, and nothing here acts on it."'
    """
    fails = what_fails(kind)
    return f'299 instar "{kind}: {NOTHING_ACTS}{fails and f"; {fails}"}."'


def _longest(word: str, table: dict[str, str]) -> str:
    found = [key for key in table if word == key or word.startswith(f"{key}/")]
    return table[max(found, key=len)] if found else ""
