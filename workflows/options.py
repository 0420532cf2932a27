"""Every time-out and retry rule of the activities, named, with its reason."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from temporalio.common import RetryPolicy
from temporalio.workflow import ActivityCancellationType

from instar.domain.sets.names import HOOK_QUEUE, WEBHOOK_QUEUE

LOST_AFTER = timedelta(seconds=10)
"""Without a heartbeat for that long an attempt's worker is taken for dead: five beats missed (activities.heartbeats).

Machines may stand stopped that long, so it is short; a false alarm costs a second attempt, which looks before it acts.
"""

AGAIN_AT_MOST = timedelta(seconds=10)
"""Between two attempts: after an outage, however long, the next one begins within that (F9).

A thousand activities that wait for a compute cost a hundred attempts a second, as much as a busy fleet does.
"""

READ: dict[str, Any] = {
    # A look at 10,000 machines takes seconds; with real probes up to 24 probes, 60 s apart, make one look (H6).
    "start_to_close_timeout": timedelta(minutes=30),
    "heartbeat_timeout": LOST_AFTER,
    # Without an end: a look that could not be made says nothing, it is made again and the upgrade waits (H7).
    "retry_policy": RetryPolicy(
        initial_interval=timedelta(seconds=1),
        backoff_coefficient=1.5,
        maximum_interval=AGAIN_AT_MOST,
    ),
}

RECORD: dict[str, Any] = {
    # Milliseconds, or the store's busy time-out; longer, and its worker was killed (there is no heartbeat to tell).
    "start_to_close_timeout": timedelta(seconds=20),
    # Without an end: a decision that nobody can read is not taken; the store comes back.
    "retry_policy": RetryPolicy(
        initial_interval=timedelta(seconds=1),
        backoff_coefficient=1.5,
        maximum_interval=AGAIN_AT_MOST,
    ),
}

DISKS: dict[str, Any] = {
    # A slice of many machines, each some minutes; the heartbeat, not this, finds a stalled worker.
    "start_to_close_timeout": timedelta(hours=4),
    "heartbeat_timeout": LOST_AFTER,
    # Without an end: effects are idempotent, and an instance must not be left half-way (F1, P14).
    "retry_policy": RetryPolicy(
        initial_interval=timedelta(seconds=1),
        backoff_coefficient=2,
        maximum_interval=AGAIN_AT_MOST,
    ),
    # A cancelled one still tells how far it came: its begun machines come to their end first (P14).
    "cancellation_type": ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
}

KEEP: dict[str, Any] = {
    # A look at the sets of a ring, or a word to each upgrade whose turn it is.
    "start_to_close_timeout": timedelta(minutes=10),
    "heartbeat_timeout": LOST_AFTER,
    # Without an end: the pause between two looks is said by the activity, this one is for what goes wrong.
    "retry_policy": RetryPolicy(
        initial_interval=timedelta(seconds=1), backoff_coefficient=2, maximum_interval=timedelta(minutes=1)
    ),
    "cancellation_type": ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
}

DESCRIBE: dict[str, Any] = {
    # One call to the Temporal server itself; asked again at the next look after the upgrade.
    "start_to_close_timeout": timedelta(seconds=10),
    "retry_policy": RetryPolicy(maximum_attempts=5),
}

LOOK_AGAIN = timedelta(minutes=10)
"""While something is being delivered, for what was written meanwhile and whose word was lost."""

FIRST_RETRY = timedelta(seconds=10)
LAST_RETRY = timedelta(hours=1)
"""Pauses between the attempts of one delivery: doubled from the first to the last, some thirty in a day."""

LAST_TRY = timedelta(minutes=1)
"""What had no turn in its day has at least one attempt."""


def delivery(left: timedelta, attempts: int) -> dict[str, Any]:
    """Attempts to deliver one event, for as long as is left. `attempts`: those before, which the pauses go on from."""
    first = min(FIRST_RETRY * 2 ** min(attempts, 10), LAST_RETRY)
    return {
        "task_queue": WEBHOOK_QUEUE,
        # Its call has 15 seconds, and the store some.
        "start_to_close_timeout": timedelta(seconds=40),
        "schedule_to_close_timeout": max(left, LAST_TRY),
        "retry_policy": RetryPolicy(initial_interval=first, backoff_coefficient=2, maximum_interval=LAST_RETRY),
    }


QUESTION: dict[str, Any] = {
    # `ask_judges` ends by itself, with the longest time-out of a judge, six hours at the most, and says what follows.
    # One whose worker was killed goes on elsewhere, within the same time-out and with the same id.
    "task_queue": HOOK_QUEUE,
    "start_to_close_timeout": timedelta(hours=7),
    "heartbeat_timeout": LOST_AFTER,
    "retry_policy": RetryPolicy(
        initial_interval=timedelta(seconds=1), backoff_coefficient=2, maximum_interval=AGAIN_AT_MOST
    ),
}


def hooks(timeouts: Sequence[timedelta], turns: int) -> dict[str, Any]:
    """Calls of hooks with these time-outs, for machines that have their turn one after the other: they end so."""
    return QUESTION | {
        "start_to_close_timeout": sum(timeouts, timedelta()) * turns + timedelta(hours=1),
        # A cancelled one still tells whom it has called (G1).
        "cancellation_type": ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
    }


def asked_again(pause: timedelta) -> dict[str, Any]:
    """Questions to judges, made again after each answer that is not the one that is waited for: no history (G2)."""
    policy = RetryPolicy(initial_interval=pause, backoff_coefficient=1, maximum_interval=pause)
    return QUESTION | {"retry_policy": policy}


HEALTH_POLL_GROWTH = 1.05
"""Each pause between looks is a twentieth longer: a boot is noticed within a twentieth of its time, and five minutes
take some 80 looks."""


def health_wait(first: timedelta, most: timedelta) -> dict[str, Any]:
    """Looks of a health wait: within an attempt of one activity, and its retries: 300 cost as much history as two."""
    return {
        "start_to_close_timeout": timedelta(minutes=30),
        "heartbeat_timeout": LOST_AFTER,
        "retry_policy": RetryPolicy(
            initial_interval=first, backoff_coefficient=HEALTH_POLL_GROWTH, maximum_interval=most
        ),
    }
