"""In which order the resources of a template are made: each after those that it depends on or refers to."""

from collections.abc import Sequence
from dataclasses import replace
from graphlib import CycleError, TopologicalSorter
from typing import Any

from api.templates.errors import TemplateError
from api.templates.expressions import Node, calls_in
from api.templates.planned import Planned
from api.templates.scope import is_late


def ordered(resources: Sequence[Planned]) -> list[Planned]:
    """Those that are made, in their order; where that leaves a choice, as in the template. Raises TemplateError."""
    words = _words(resources)
    resources = [resource for resource in resources if resource.is_made]
    by_id: dict[str, Planned] = {}
    for resource in resources:
        if resource.resource_id.lower() in by_id:
            raise TemplateError(f"the template makes the resource '{resource.resource_id}' twice")
        by_id[resource.resource_id.lower()] = resource
    batches = _batches(resources)
    sorter: TopologicalSorter[str] = TopologicalSorter()
    for resource in resources:
        key = resource.resource_id.lower()
        needs = [
            target for word in resource.depends_on for target in _targets(word, words, resource) if target in by_id
        ]
        needs += [*_referred(resource, by_id, words), *_earlier(resource, batches)]
        if key in needs:
            raise TemplateError(f"the resource {resource.names[-1]} depends on itself")
        by_id[key] = replace(resource, needs=tuple(dict.fromkeys(needs)))
        sorter.add(key, *needs)
    try:
        return [by_id[key] for key in sorter.static_order()]
    except CycleError as error:
        around = ", ".join(by_id[key].names[-1] for key in dict.fromkeys(error.args[1]))
        raise TemplateError(f"the resources {around} depend on each other") from None


def refers(value: Any) -> bool:
    """Whether something of a template can be evaluated only when other resources are there."""
    return any(is_late(call.name) for call in calls_in(value))


def _batches(resources: Sequence[Planned]) -> dict[tuple[str, str, int], list[str]]:
    """The resources of each batch of each serial copy."""
    batches: dict[tuple[str, str, int], list[str]] = {}
    for resource in resources:
        if resource.batch_size:
            batches.setdefault((resource.copy, resource.type, resource.turn // resource.batch_size), []).append(
                resource.resource_id.lower()
            )
    return batches


def _earlier(one: Planned, batches: dict[tuple[str, str, int], list[str]]) -> list[str]:
    """Those of a serial copy that are made before it."""
    return batches.get((one.copy, one.type, one.turn // one.batch_size - 1), []) if one.batch_size else []


def _words(resources: Sequence[Planned]) -> dict[str, list[str]]:
    """What `dependsOn` may call each: its id, its type and names, its names, its copy, its symbolic name."""
    words: dict[str, list[str]] = {}
    for resource in resources:
        key = resource.resource_id.lower()
        short = f"{resource.type}/{'/'.join(resource.names)}".lower()
        symbols = {resource.symbol.lower(), resource.symbol.partition("[")[0].lower(), resource.copy}
        below = key.rpartition("/providers/")[2]
        names = ("/".join(resource.names).lower(), resource.names[-1].lower())
        for word in dict.fromkeys((key, below, short, *names, *sorted(symbols))):
            if word:
                words.setdefault(word, []).append(key)
    return words


def _targets(word: str, words: dict[str, list[str]], one: Planned) -> list[str]:
    targets = words.get(word.lower(), [])
    if not targets:
        raise TemplateError(f"the resource '{word}' on which '{one.names[-1]}' depends is not defined in the template")
    return targets


def _referred(one: Planned, by_id: dict[str, Planned], words: dict[str, list[str]]) -> list[str]:
    """Resources of the template that the body refers to come first, whether it says so or not."""
    needs: list[str] = []
    for call in calls_in(one.body):
        if is_late(call.name) and call.arguments and not _refers(call.arguments[0]):
            try:
                word = str(one.scope.evaluate_node(call.arguments[0])).lower()
            except TemplateError:  # named by a turn of a property's copy, or by what a lambda is given: only then known
                continue
            needs += [key for key in words.get(word, []) if key in by_id]
    return needs


def _refers(node: Node) -> bool:
    return any(is_late(call.name) for call in node.calls())
