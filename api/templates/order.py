"""In which order the resources of a template are made: each after those that it depends on or refers to."""

from collections.abc import Sequence
from graphlib import CycleError, TopologicalSorter
from typing import Any

from api.templates.errors import TemplateError
from api.templates.expressions import Node, calls_in
from api.templates.planned import Planned

REFERENCE = "reference"


def ordered(resources: Sequence[Planned]) -> list[Planned]:
    """The resources in their order; where that leaves a choice, as in the template. Raises TemplateError."""
    by_id: dict[str, Planned] = {}
    for one in resources:
        if one.resource_id.lower() in by_id:
            raise TemplateError(f"the template makes the resource '{one.resource_id}' twice")
        by_id[one.resource_id.lower()] = one
    words = _words(resources)
    sorter: TopologicalSorter[str] = TopologicalSorter()
    for one in resources:
        key = one.resource_id.lower()
        needs = [target for word in one.depends_on for target in _targets(word, words, one)]
        sorter.add(key, *(need for need in [*needs, *_referred(one, by_id)] if need != key))
    try:
        return [by_id[key] for key in sorter.static_order()]
    except CycleError as error:
        around = ", ".join(by_id[key].names[-1] for key in dict.fromkeys(error.args[1]))
        raise TemplateError(f"the resources {around} depend on each other") from None


def refers(value: Any) -> bool:
    """Whether something of a template can be evaluated only when other resources are there."""
    return any(call.name == REFERENCE for call in calls_in(value))


def _words(resources: Sequence[Planned]) -> dict[str, list[str]]:
    """What `dependsOn` may call each: its id, its type and names, its last name, its copy."""
    words: dict[str, list[str]] = {}
    for one in resources:
        key = one.resource_id.lower()
        short = f"{one.type}/{'/'.join(one.names)}".lower()
        for word in (key, short, one.names[-1].lower(), *((one.copy,) if one.copy else ())):
            words.setdefault(word, []).append(key)
    return words


def _targets(word: str, words: dict[str, list[str]], one: Planned) -> list[str]:
    targets = words.get(word.lower(), [])
    if not targets and not word.startswith("/"):
        raise TemplateError(f"the resource '{word}' on which '{one.names[-1]}' depends is not defined in the template")
    return targets


def _referred(one: Planned, by_id: dict[str, Planned]) -> list[str]:
    """Resources of the template that the body refers to come first, whether it says so or not."""
    needs = []
    for call in calls_in(one.body):
        if call.name == REFERENCE and call.arguments and not _is_late(call.arguments[0]):
            word = str(one.scope.evaluate_node(call.arguments[0])).lower()
            needs += [key for key in by_id if word in (key, key.rpartition("/")[2])]
    return needs


def _is_late(node: Node) -> bool:
    return any(call.name == REFERENCE for call in node.calls())
