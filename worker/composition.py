"""The workers of one process: two queues, so that a slow compute cannot starve workflow progress."""

import os
import socket
from datetime import timedelta
from importlib.metadata import version

from temporalio.client import Client
from temporalio.worker import Worker

from activities.batches import BatchActivities
from activities.capacity import CapacityActivities
from activities.disks import DiskActivities
from activities.health import LOOKS_FOR, HealthActivities
from activities.images import ImageActivities
from activities.instance_actions import InstanceActionActivities
from activities.keeping.keepers import KeeperActivities, pause_between
from activities.kept.collecting import KeptDiskActivities
from activities.model_changes import ModelChangeActivities
from activities.outside.hooks import HookActivities
from activities.outside.judges import JudgeActivities
from activities.outside.webhooks import WebhookActivities
from activities.records.records_age import RecordsAgeActivities
from activities.records.upgrades import RecordActivities
from instar.compute.clock import Clock, utc_now
from instar.compute.provider import Provider
from instar.connection.setting_groups import HooksSettings
from instar.domain.delays import Delays
from instar.domain.sets.names import COMPUTE_QUEUE, HOOK_QUEUE, WEBHOOK_QUEUE, WORKFLOW_QUEUE
from instar.outbound.questions import Questions
from instar.store.store import Store
from worker.outside import Outside
from worker.subjects import Subjects
from worker.timings import Timings
from worker.waits import Waits
from workflows.webhooks.nudges import WebhookNudges

GRACE = timedelta(seconds=5)
"""What a stopping worker gives running activities to report; what does not is done again elsewhere (F2)."""

COMPUTE_AT_ONCE = 2000
"""Of one process: swaps and health waits of many upgrades. Each is a coroutine that waits for machines, for minutes
perhaps, and costs nothing else; whoever has no place here is not looked after meanwhile."""

DELIVERIES_AT_ONCE = 100
"""Of one process. Each waits for a receiver, 15 seconds at the most, and costs nothing else."""

QUESTIONS_AT_ONCE = 500
"""Of one process: hooks of batches and questions to judges, which may wait for minutes."""

HEARTBEAT_THROTTLE = timedelta(seconds=2)
"""How late a cancel or a lost attempt may be noticed."""

_DEFAULT = Delays()


def identity() -> str:
    """As Temporal shows this process: where it runs, and of which release it is (`instar doctor` compares them).

    >>> identity().rpartition(" instar/")[2] == version("instar")
    True
    """
    return f"{os.getpid()}@{socket.gethostname()} instar/{version('instar')}"


def workers(
    client: Client,
    provider: Provider,
    store: Store,
    *,
    clock: Clock = utc_now,
    cached_workflows: int = 1000,
    outside: Outside | None = None,
    delays: Delays = _DEFAULT,
    looks_for: timedelta = LOOKS_FOR,
) -> tuple[Worker, ...]:
    """Workflow tasks with their cheap activities, calls to the compute, deliveries. The client brings the plugin.

    `outside`: how other people's systems are called; by default as without any setting. `delays`: those that new sets
    are given, by which looks for idle ones are as quick. `looks_for`: see `HealthActivities`; 0 in virtual time.
    """
    who = identity()
    around = [Subjects(), Waits(store), Timings(clock)]
    outside = outside or Outside.of(HooksSettings(), "")
    nudges = WebhookNudges(client)
    questions = Questions(store.places, outside.hooks, clock)
    hooks, judges = HookActivities(questions), JudgeActivities(questions, store, clock)
    webhooks = WebhookActivities(store, outside.receivers, outside.links, clock)
    batches = BatchActivities(provider, store, clock)
    images = ImageActivities(provider, store, clock)
    records = RecordActivities(store, clock, nudges.look)
    disks = DiskActivities(provider, store)
    health = HealthActivities(provider, clock, looks_for)
    capacity = CapacityActivities(provider, store, clock)
    changes = ModelChangeActivities(provider, store, clock)
    ages = RecordsAgeActivities(provider, store)
    actions = InstanceActionActivities(provider, store, clock)
    keepers = KeeperActivities(provider, store, clock, pause_between(delays))
    return (
        Worker(
            client,
            task_queue=WORKFLOW_QUEUE,
            identity=who,
            activities=[
                batches.pre_check,
                batches.select_batch,
                batches.judge_batch,
                batches.check_and_select,
                batches.judge_and_select,
                images.resolve_upgrade,
                records.record_upgrade,
                records.record_upgrades,
                records.end_operation,
                records.record_status,
                records.upgrade_closed,
                records.record_closed,
                webhooks.due_deliveries,
                webhooks.give_up_delivery,
                keepers.see_to,
            ],
            interceptors=around,
            max_cached_workflows=cached_workflows,
            max_concurrent_activities=100,
            graceful_shutdown_timeout=GRACE,
            max_heartbeat_throttle_interval=HEARTBEAT_THROTTLE,
        ),
        Worker(
            client,
            task_queue=COMPUTE_QUEUE,
            identity=who,
            activities=[
                disks.swap_os_disks,
                disks.apply_models,
                disks.restore_os_disks,
                disks.give_back_os_disks,
                disks.collect_os_disks,
                KeptDiskActivities(provider, store).collect_due_disks,
                health.await_health,
                health.observe_health,
                capacity.plan_capacity,
                capacity.make_instances,
                capacity.delete_instances,
                capacity.delete_set,
                capacity.apply_capacity,
                capacity.delete_scale_set,
                changes.resolve_model_change,
                ages.records_age,
                actions.choose_instances,
                actions.act_on_instances,
                actions.lower_capacity,
            ],
            interceptors=around,
            max_cached_workflows=cached_workflows,
            max_concurrent_activities=COMPUTE_AT_ONCE,
            graceful_shutdown_timeout=GRACE,
            max_heartbeat_throttle_interval=HEARTBEAT_THROTTLE,
        ),
        Worker(
            client,
            task_queue=WEBHOOK_QUEUE,
            identity=who,
            activities=[webhooks.deliver],
            interceptors=[Subjects()],
            max_concurrent_activities=DELIVERIES_AT_ONCE,
            graceful_shutdown_timeout=GRACE,
        ),
        Worker(
            client,
            task_queue=HOOK_QUEUE,
            identity=who,
            activities=[hooks.call_hooks, judges.ask_judges, judges.until_yes, judges.until_no],
            interceptors=[Subjects()],
            max_concurrent_activities=QUESTIONS_AT_ONCE,
            graceful_shutdown_timeout=GRACE,
            max_heartbeat_throttle_interval=HEARTBEAT_THROTTLE,
        ),
    )
