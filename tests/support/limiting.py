"""Limits and rings as the API writes them down."""

from typing import Any

from instar.domain.sets.names import TURNS, keeper_workflow_id
from instar.domain.steering.rings import plans
from instar.domain.steering.turns import limits
from instar.store.steering.named import wished
from tests.support.world import World


def has_limit(world: World, name: str = "all", **document: Any) -> None:
    """Ann limits everything, or what is at a scope."""
    limit = limits.parsed(name, {"scope": "/", **document})
    world.store.turns.limits.put(wished(name, limit.document, world.clock(), "ann", ""), lambda _: None)


def has_no_limit(world: World, name: str = "all") -> None:
    """Nobody is told."""
    assert world.store.turns.limits.delete(name, lambda _: None)


def has_rings(world: World, *rings: dict[str, Any], name: str = "fleet") -> None:
    """Ann orders sets."""
    plan = plans.parsed(name, {"rings": list(rings)})
    world.store.rings.documents.put(wished(name, plan.document, world.clock(), "ann", ""), lambda _: None)


def keeper_id(what: str = TURNS, name: str = "") -> str:
    return keeper_workflow_id(what, name)
