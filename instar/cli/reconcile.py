"""`instar reconcile`: records that are older than the machines take over what is there (docs/rules.md F7)."""

from typing import Any

from rich.console import Console

from instar.client.api_client import ApiClient
from instar.client.api_token import Login
from instar.client.watch import find
from instar.domain.legible import legible_line
from instar.errors import Trouble


def reconcile(  # which set, and how it is asked
    name: str, login: Login, subscription: str, resource_group: str, console: Console, *, apply: bool
) -> None:
    """Print what would be, or was, taken over. Raises Trouble if the API is away or has no such set."""
    with ApiClient(login) as api:
        resource_id = find(api, name, subscription, resource_group)
        answer = api.send("POST", f"{resource_id}/instar/reconcile", {"dryRun": not apply})
    try:
        told = answer.json()
    except ValueError:
        raise Trouble(f"what answers at {api.url} is no Instar API: its answer is no JSON") from None
    for line in lines(told):
        console.print(legible_line(line), markup=False, soft_wrap=True)


def lines(told: dict[str, Any]) -> list[str]:
    """What the API told, a fact a line; the last says what came of it."""
    facts = [("machines", f"{told['machines']}")]
    facts += [("", f"{version['version']}: {version['instances']}") for version in told["versions"]]
    if told["reason"]:
        facts.append(("why", told["reason"]))
    if told["unknownInstances"]:
        facts.append(("unknown machines", told["unknownInstances"]))
    for operation in told["unknownOperations"]:
        facts.append(("unknown operation", f"{operation['number']}, last seen by {operation['instances']}"))
    for generation in told["unknownGenerations"]:
        facts.append(
            (
                "unknown model",
                f"generation {generation['generation']} of {generation['instances']}: they count as outdated",
            )
        )
    before, then = told["capacity"]["found"], told["capacity"]["then"]
    if before != then:
        facts.append(("capacity", f"{before} becomes {then}, so that no machine is deleted"))
    before, then = told["generation"]["found"], told["generation"]["then"]
    if before != then:
        facts.append(("model", f"generation {before} becomes {then}"))
    facts += [("numbers", f"from {told['numbersFrom']} on"), ("instance ids", f"from {told['idsFrom']} on")]
    if told["disksToCollect"]:
        numbers = ", ".join(f"{one['number']}" for one in told["disksToCollect"])
        facts.append(("kept disks", f"of operations {numbers}: deleted when their time is over"))
    return [*(f"{name:<20} {fact}" for name, fact in facts), _outcome(told)]


def _outcome(told: dict[str, Any]) -> str:
    if not told["dryRun"]:
        return "done: the records know these machines, and the set is held no more"
    if told["changes"]:
        return "nothing was changed: --apply takes this over; no machine is changed or deleted by it"
    return "nothing to take over: the records know these machines"
