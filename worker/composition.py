"""The workers of one process: two queues, so that a slow compute cannot starve workflow progress."""

from datetime import timedelta

from temporalio.client import Client
from temporalio.worker import Worker

from activities.batches import BatchActivities
from activities.capacity import CapacityActivities
from activities.disks import DiskActivities
from activities.health import HealthActivities
from activities.images import ImageActivities
from activities.instance_actions import InstanceActionActivities
from activities.kept.collecting import KeptDiskActivities
from activities.model_changes import ModelChangeActivities
from activities.outside.questions import QuestionActivities
from activities.outside.webhooks import WebhookActivities
from activities.records.records_age import RecordsAgeActivities
from activities.records.upgrades import RecordActivities
from instar.compute.clock import Clock, utc_now
from instar.compute.provider import Provider
from instar.connection.setting_groups import HooksSettings
from instar.domain.sets.names import COMPUTE_QUEUE, HOOK_QUEUE, WEBHOOK_QUEUE, WORKFLOW_QUEUE
from instar.store.store import Store
from worker.outside import Outside
from worker.waits import Waits
from workflows.webhooks.nudges import WebhookNudges

GRACE = timedelta(seconds=5)
"""What a stopping worker gives running activities to report; what does not is done again elsewhere (F2)."""

DELIVERIES_AT_ONCE = 100
"""Of one process. Each waits for a receiver, 15 seconds at the most, and costs nothing else."""

QUESTIONS_AT_ONCE = 500
"""Of one process: a hook for each machine of a batch may wait for minutes, and costs a socket."""

HEARTBEAT_THROTTLE = timedelta(seconds=2)
"""How late a cancel or a lost attempt may be noticed."""


def workers(
    client: Client,
    provider: Provider,
    store: Store,
    *,
    clock: Clock = utc_now,
    cached_workflows: int = 1000,
    outside: Outside | None = None,
) -> tuple[Worker, ...]:
    """Workflow tasks with their cheap activities, calls to the compute, deliveries. The client brings the plugin.

    `outside`: how other people's systems are called; by default as without any setting.
    """
    waits = Waits(store)
    outside = outside or Outside.of(HooksSettings(), "")
    nudges = WebhookNudges(client)
    questions = QuestionActivities(store, outside.hooks, clock)
    webhooks = WebhookActivities(store, outside.receivers, outside.links, clock)
    batches = BatchActivities(provider, store, clock)
    images = ImageActivities(provider, store, clock)
    records = RecordActivities(store, clock, nudges.look)
    disks = DiskActivities(provider, store)
    health = HealthActivities(provider, clock)
    capacity = CapacityActivities(provider, store, clock)
    changes = ModelChangeActivities(provider, store, clock)
    ages = RecordsAgeActivities(provider, store)
    actions = InstanceActionActivities(provider, store, clock)
    return (
        Worker(
            client,
            task_queue=WORKFLOW_QUEUE,
            activities=[
                batches.pre_check,
                batches.select_batch,
                batches.judge_batch,
                images.resolve_upgrade,
                records.record_upgrade,
                records.end_operation,
                records.record_status,
                records.upgrade_closed,
                records.record_closed,
                webhooks.due_deliveries,
                webhooks.give_up_delivery,
            ],
            interceptors=[waits],
            max_cached_workflows=cached_workflows,
            max_concurrent_activities=100,
            graceful_shutdown_timeout=GRACE,
            max_heartbeat_throttle_interval=HEARTBEAT_THROTTLE,
        ),
        Worker(
            client,
            task_queue=COMPUTE_QUEUE,
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
            interceptors=[waits],
            max_cached_workflows=cached_workflows,
            max_concurrent_activities=100,
            graceful_shutdown_timeout=GRACE,
            max_heartbeat_throttle_interval=HEARTBEAT_THROTTLE,
        ),
        Worker(
            client,
            task_queue=WEBHOOK_QUEUE,
            activities=[webhooks.deliver],
            max_concurrent_activities=DELIVERIES_AT_ONCE,
            graceful_shutdown_timeout=GRACE,
        ),
        Worker(
            client,
            task_queue=HOOK_QUEUE,
            activities=[questions.call_hook, questions.ask_judge],
            max_concurrent_activities=QUESTIONS_AT_ONCE,
            graceful_shutdown_timeout=GRACE,
            max_heartbeat_throttle_interval=HEARTBEAT_THROTTLE,
        ),
    )
