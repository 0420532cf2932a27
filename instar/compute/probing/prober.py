"""Looks at machines over real sockets: as many equal answers as the source asks for, its interval apart (H6).

For any backend whose machines have addresses. Everything happens on the event loop: hundreds of machines are asked at
once, and no thread is started as long as hosts are addresses.
"""

import asyncio
import ssl
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from instar.compute.clock import Clock, utc_now
from instar.compute.errors import NotProbed
from instar.compute.probing.questions import any_certificate, ask
from instar.compute.probing.reach import SETTING, Reach
from instar.domain.health.probe_answers import Said, believed, observed
from instar.domain.health.sources import HealthSource, SourceKind
from instar.domain.machines.instances import HealthObservation, HealthState
from instar.telemetry.about import about
from instar.telemetry.metrics import PROBES

AT_ONCE = 500
"""Questions open at the same time, each with a socket: half of what a process may have open by default."""

NAMED_AT_MOST = 10
"""Instances that one sentence names."""


@dataclass(frozen=True, slots=True)
class Target:
    """Where an instance is asked: the address and port behind which the source's port is found.

    `since` is when its agent began to ask, from which its grace period counts (H5): the end of its boot. None: not
    known, or so long ago that the grace period is over.
    """

    instance_id: str
    host: str
    port: int
    reach: Reach
    """Where probes of this machine may go: what its address was said to be may be anything."""
    since: datetime | None = None


class Prober:
    """Takes looks, for one event loop. Many may be taken at the same time: what is open at once is counted for all."""

    def __init__(self, clock: Clock = utc_now, at_once: int = AT_ONCE) -> None:
        self._clock = clock
        self._gate = asyncio.Semaphore(at_once)

    async def look(self, targets: Iterable[Target], source: HealthSource) -> tuple[HealthObservation, ...]:
        """One look at each target, in their order; the source must be one that asks machines.

        A probe without an answer is an observation. Raises Unavailable if one could not be made at all (H7), NotProbed
        if one may not be made: the other machines were asked then.
        """
        if source.kind is SourceKind.DEFAULT:
            raise ValueError("without a source there is nothing to ask a machine")
        if source.kind is SourceKind.LOAD_BALANCER and not source.port:
            why = f"the load balancer's probe '{source.name}' does not exist"
            now = self._clock()
            return tuple(HealthObservation(target.instance_id, HealthState.UNHEALTHY, now, why) for target in targets)
        targets, tls = tuple(targets), any_certificate()
        not_asked = {
            target.instance_id: why for target in targets if (why := target.reach.why_not(target.host, target.port))
        }
        try:
            async with asyncio.TaskGroup() as group:
                tasks = [
                    group.create_task(self._observe(tls, source, target))
                    for target in targets
                    if target.instance_id not in not_asked
                ]
        except ExceptionGroup as failed:
            raise failed.exceptions[0] from failed
        seen = {task.result().instance_id: task.result() for task in tasks}
        if not_asked:
            raise self._not_probed(targets, seen, not_asked)
        return tuple(seen[target.instance_id] for target in targets)

    def _not_probed(
        self, targets: Iterable[Target], seen: dict[str, HealthObservation], not_asked: dict[str, str]
    ) -> NotProbed:
        now = self._clock()
        seen = seen | {
            instance_id: HealthObservation(instance_id, HealthState.UNKNOWN, now, f"it is not probed: {why}")
            for instance_id, why in not_asked.items()
        }
        ids = sorted(not_asked, key=int)
        more = f" and {len(ids) - NAMED_AT_MOST} more" if len(ids) > NAMED_AT_MOST else ""
        return NotProbed(
            f"probes may not go to the address of instance {', '.join(ids[:NAMED_AT_MOST])}{more}: its health says "
            f"why, {SETTING} says where they may go",
            tuple(seen[target.instance_id] for target in targets),
        )

    async def _observe(self, tls: ssl.SSLContext, source: HealthSource, target: Target) -> HealthObservation:
        loop, answers = asyncio.get_running_loop(), list[Said]()
        while len(answers) < source.probes_at_most:
            async with self._gate:
                asked_at = loop.time()
                with about(instance=target.instance_id):
                    answers.append(await ask(tls, source, target.reach, target.host, target.port))
                PROBES.labels(source.protocol.value, answers[-1].answer.value).inc()
            if believed(answers, source.number_of_probes):
                break
            if len(answers) < source.probes_at_most:
                await asyncio.sleep(asked_at + source.interval.total_seconds() - loop.time())
        return observed(target.instance_id, source, answers, since=target.since, now=self._clock())
