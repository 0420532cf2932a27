"""The one place that says how Instar's workflows run: clients, workers, tests and the replayer all take it."""

import dataclasses

from pydantic import ValidationError
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.converter import PayloadCodec
from temporalio.plugin import SimplePlugin
from temporalio.worker import WorkflowRunner
from temporalio.worker.workflow_sandbox import SandboxRestrictions

from workflows.failures import Failures, SealedFailures
from workflows.keepers.keeper import KeeperWorkflow
from workflows.release_0_1.scale_set import ScaleSetWorkflow as ScaleSetWorkflow01
from workflows.runner import Runner
from workflows.sets.scale_set import ScaleSetWorkflow
from workflows.upgrades.os_upgrade import OsUpgradeWorkflow
from workflows.webhooks.webhook import WebhookWorkflow

PASSED_THROUGH = ("instar", "activities", "sqlalchemy", "cryptography", "alembic")
"""Modules not loaded anew per workflow: the domain for speed, the others because only their types are named."""


def _runner(_existing: WorkflowRunner | None) -> WorkflowRunner:
    restrictions = SandboxRestrictions.default.with_passthrough_modules(*PASSED_THROUGH)
    return Runner(restrictions=restrictions)


def instar_plugin(codec: PayloadCodec | None) -> SimplePlugin:
    """With the codec that seals what goes through Temporal; None leaves it in clear, for histories that are kept."""
    failures = Failures if codec is None else SealedFailures
    return SimplePlugin(
        "instar",
        data_converter=dataclasses.replace(
            pydantic_data_converter, payload_codec=codec, failure_converter_class=failures
        ),
        workflow_runner=_runner,
        workflows=[ScaleSetWorkflow, OsUpgradeWorkflow, WebhookWorkflow, KeeperWorkflow, ScaleSetWorkflow01],
        # A message that cannot be read fails its workflow or update; any other bug waits for its mend.
        workflow_failure_exception_types=[ValidationError],
    )
