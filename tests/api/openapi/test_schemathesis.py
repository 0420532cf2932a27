"""schemathesis over the API's own document: no 5xx and nothing undocumented, whatever is sent to whatever is there.

The tool's engine runs as its command line would, in this process: the examples of the document, then the borders of
every parameter and every method that a path does not have ("coverage"), then what Hypothesis thinks of. Always the
same requests. More of the last kind: `make test-schema`.
"""

import copy
import os
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from hypothesis import strategies as st
from schemathesis.config import SchemathesisConfig
from schemathesis.engine import events, from_schema
from schemathesis.python import asgi
from schemathesis.schemas import BaseSchema

from api.login.issuer_routes import TOKEN
from api.resources.resource_groups import GROUP
from tests.api.conftest import Api
from tests.api.inhabited import Inhabited, inhabited
from tests.api.test_nonsense import places

Json = dict[str, Any]

EXAMPLES = int(os.environ.get("INSTAR_SCHEMATHESIS_EXAMPLES", "4"))
"""Of Hypothesis's kind, for each operation."""

TO_WHAT_IS_THERE = 9
"""Of ten names in a path so many are those of something that exists: the rest finds 404s."""

DEPLOYMENT = f"{GROUP}/providers/Microsoft.Resources/deployments/{{deploymentName}}"
SET = f"{GROUP}/providers/Microsoft.Compute/virtualMachineScaleSets/{{scaleSetName}}"
EXTENSION_OF_INSTANCE = (
    f"{GROUP}/providers/Microsoft.Compute/virtualMachineScaleSets/{{scaleSetName}}/virtualMachines/{{instanceId}}"
    "/extensions/{extensionName}"
)
NOT_BY_CHANCE = {
    f"GET {EXTENSION_OF_INSTANCE}",  # one that ran
    f"POST {TOKEN}",
    f"GET {SET}/instar/pause",  # one that is paused: it would not be upgraded
    f"POST {SET}/instar/approve",  # one that waits
    f"POST {SET}/instar/reject",
    f"POST {SET}/instar/rollback",  # one whose machines have something to go back to
    f"POST {SET}/instar/rollback/plan",
    f"POST {DEPLOYMENT}/cancel",  # one that runs
    f"GET {DEPLOYMENT}/operations/{{operationId}}",
    f"GET {DEPLOYMENT}/operationStatuses/{{operationId}}",
}
"""What never ends well with the names that are there: test_deployments.py and access/ see to these."""

ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=5), inner, max_size=2),
    max_leaves=3,
)

OFF = {"enabled": False}
CONFIG: Json = {
    "seed": 1,
    "continue-on-failure": True,
    "generation": {
        "deterministic": True,
        "max-examples": EXAMPLES,
        "allow-extra-parameters": False,  # query parameters that are not known are let be, as ARM does
    },
    "phases": {"stateful": OFF},  # without links it would do what the others do, in longer chains
    "checks": {
        # A document that is well formed need not be one that can be kept: names, regions and states decide too.
        "positive_data_acceptance": OFF,
        # Everything of a run is made anew after each change, at one standing moment.
        "use_after_free": OFF,
        "ensure_resource_availability": OFF,
    },
    "operations": [
        # Kinds differ in what of a body they look at, and let the rest be.
        {"include-method": ["PUT", "PATCH", "POST"], "checks": {"negative_data_rejection": OFF}},
        # What cannot be there is not there: 204, whatever it is called.
        {"include-method": ["DELETE"], "checks": {"negative_data_rejection": OFF}},
    ],
}


@dataclass
class Run:
    """What came of it: how often each status was answered, and what was wrong with an answer."""

    statuses: dict[str, Counter[int]] = field(default_factory=dict)
    faults: list[str] = field(default_factory=list)


@pytest.fixture
async def there(api: Api, tmp_path: Path) -> AsyncIterator[Inhabited]:
    api.access.refusals.per_minute = 1_000_000
    made = await inhabited(api, tmp_path)
    yield made
    asgi.shutdown_lifespans()
    made.close()


@pytest.mark.timeout(900 + 20 * EXAMPLES)
def test_no_answer_is_a_5xx_or_other_than_documented(there: Inhabited) -> None:
    run = Run()
    for event in from_schema(_schema(there)).execute():
        _note(event, run)
    assert not run.faults, "\n\n".join(run.faults)
    operations = there.api.app.openapi()["paths"].items()
    labels = {f"{method.upper()} {path}" for path, methods in operations for method in methods}
    assert run.statuses.keys() == labels
    # Were the names in paths wrong, all would be 404 and nothing be found.
    well = {label for label, seen in run.statuses.items() if any(status < 300 for status in seen)}
    refusals = {
        f"{method.upper()} {path}"
        for path, methods in operations
        for method, one in methods.items()
        if min(one["responses"]) >= "400"
    }
    assert labels - well - refusals == NOT_BY_CHANCE


def _schema(there: Inhabited) -> BaseSchema:
    document = copy.deepcopy(there.api.app.openapi())
    for parameter in _parameters(document):
        if parameter["in"] == "path":
            parameter["example"] = there.names[parameter["name"]]
    config = SchemathesisConfig.from_dict(CONFIG | {"headers": there.headers})
    schema = schemathesis.openapi.from_dict(document, config=config)
    schema.app = there.api.app

    @schema.hook
    def flatmap_path_parameters(_context: Any, drawn: Mapping[str, Any] | None) -> st.SearchStrategy[Json]:
        choices = {
            name: st.sampled_from([there.names[name]] * TO_WHAT_IS_THERE + [value])
            for name, value in (drawn or {}).items()
        }
        return st.fixed_dictionaries(choices)

    @schema.hook
    def flatmap_body(context: Any, drawn: Any) -> st.SearchStrategy[Any]:
        described = document["paths"][context.operation.path][context.operation.method]["requestBody"]
        example = described["content"]["application/json"]["example"]
        spoiled = st.builds(_spoiled, st.just(example), st.sampled_from(places(example)), ANYTHING)
        return st.one_of(st.just(drawn), spoiled)

    @schema.hook
    def after_call(_context: Any, case: Any, response: Any) -> None:
        if case.method != "GET" and response.status_code < 400:
            there.restore()

    return schema


def _spoiled(example: Json, place: tuple[Any, ...], value: Any) -> Json:
    """A good body in which one value is another."""
    body = copy.deepcopy(example)
    holder: Any = body
    for key in place[:-1]:
        holder = holder[key]
    holder[place[-1]] = value
    return body


def _parameters(document: Json) -> Iterator[Json]:
    for operations in document["paths"].values():
        for operation in operations.values():
            yield from operation["parameters"]


def _note(event: events.EngineEvent, run: Run) -> None:
    if isinstance(event, events.NonFatalError):
        run.faults.append(f"{event.label}: {event.value}")
    elif isinstance(event, events.FatalError):
        raise event.exception
    elif isinstance(event, events.ScenarioFinished):
        seen = run.statuses.setdefault(event.recorder.label, Counter())
        interactions = event.recorder.interactions
        seen.update(one.response.status_code for one in interactions.values() if one.response)
        for case_id, checks in event.recorder.checks.items():
            for check in checks:
                if check.failure_info is not None:
                    failure, sent = check.failure_info.failure, interactions[case_id]
                    said = sent.response.content[:500] if sent.response else b""
                    run.faults.append(
                        f"{event.recorder.label}: {check.name}: {failure.title}: {failure.message}\n"
                        f"  {sent.request.method} {sent.request.uri[:500]} {sent.request.body!r:.500}\n  {said!r}"
                    )
