"""Extensions of a model that tests make fail, and how they ended on machines."""

from typing import Any

from tests.support.world import World

TOKEN, FRESH = "token-of-last-year", "token-of-this-year"


def with_token(token: str) -> list[dict[str, Any]]:
    """One that downloads with a token, and before it in the model one that waits for it."""
    kind = {"publisher": "Microsoft.Azure.Extensions", "type": "CustomScript", "typeHandlerVersion": "2.1"}
    after = {"provisionAfterExtensions": ["download"]}
    return [
        {"name": "app", "properties": kind | after},
        {"name": "download", "properties": kind | {"protectedSettings": {"sasToken": token}}},
    ]


async def errors(world: World) -> dict[str, list[str]]:
    """What failed on each machine, by extension."""
    found = {one: view.extensions for one, view in (await world.instances()).items()}
    return {
        one: [f"{each.name}: {each.error}" for each in ended if each.error]
        for one, ended in found.items()
        if any(each.error for each in ended)
    }
