"""`instar show`: one set on a page."""

from instar.cli import status as standing
from instar.cli.found import found
from instar.cli.options import (
    DATA_DIR,
    ApiUrl,
    Credentials,
    DataDir,
    Group,
    Output,
    SetName,
    Shown,
    Subscription,
    command,
)
from instar.cli.showing.told import say_json
from instar.client.api_client import ApiClient
from instar.client.sets import overviews, policies
from instar.client.sets.machines import machines
from instar.client.showing.pace import FORECAST
from instar.client.showing.set_page import SetPage, facts, in_columns
from instar.client.showing.terminal import console
from instar.client.watch import DEFAULT_SUBSCRIPTION
from instar.compute.clock import utc_now
from instar.domain.legible import legible_line
from instar.errors import Trouble


def show(
    *,
    scale_set: SetName,
    output: Shown = Output.TABLE,
    api: ApiUrl = "",
    data_dir: DataDir = DATA_DIR,
    credentials: Credentials = None,
    resource_group: Group = "",
    subscription: Subscription = DEFAULT_SUBSCRIPTION,
) -> None:
    """Show one scale set: machines and their health, its upgrade, what keeps it back, its policy, what to do."""
    with found(scale_set, api, data_dir, credentials, resource_group, subscription) as (there, resource_id):
        page = page_of(there, resource_id)
        ways = standing.Ways(scale_set, lambda words: command(words, data_dir))
        state = str(page.overview["properties"]["provisioningState"])
        missing = standing.missing_image(there, there.get(resource_id)) if state == "Failed" else ""
    if output is Output.JSON:
        say_json(page.document())
        return
    shown = console()
    shown.print(in_columns(facts(page, utc_now())))
    for line in standing.advice(page.automatic, state, missing, ways, left_sick(page, ways)):
        # Commands are to be pasted, so that they are not wrapped.
        shown.print(legible_line(line), soft_wrap=True)


def left_sick(page: SetPage, ways: standing.Ways) -> list[str]:
    """What to do about machines with which the last upgrade failed."""
    upgrade = page.upgrade
    if upgrade is None or "endTime" not in upgrade or not upgrade["progress"]["failedInstanceCount"]:
        return []
    words = f"history {ways.name} --number {upgrade['number']}"
    return [f"{ways.command(words)} tells which machines failed, and why"]


def page_of(api: ApiClient, resource_id: str) -> SetPage:
    """Ask for all of it. Raises Trouble."""
    listed = overviews.all_sets(api, resource_id, versions=False)
    mine = [one for one in listed if one["id"].lower() == resource_id.lower()]
    if not mine:
        raise Trouble(f"the scale set {resource_id} is gone")
    latest = overviews.upgrade(api, resource_id, "latest", "decisions,from")
    upgrade = latest["properties"] if latest else None
    if upgrade and "endTime" not in upgrade and (forecast := overviews.forecast(api, resource_id)):
        upgrade[FORECAST] = forecast
    return SetPage(
        overview=mine[0],
        automatic=api.get(f"{resource_id}/instar/automaticOSUpgrades")["properties"],
        machines=machines(api, resource_id),
        upgrade=upgrade,
        policy=policies.checked(api, policies.place(resource_id), None)["properties"],
    )
