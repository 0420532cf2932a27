"""What the agent inside a simulated machine reports at a moment, computed from its boot and its script.

The agent asks the application each `interval` and believes `number_of_probes` equal answers in a row (docs/rules.md
H6): a change of the application shows (number_of_probes - 1) intervals after it happened. Nobody waits for that: the
agent did its asking before anyone looked. All moments and durations are microseconds.
"""

from dataclasses import dataclass

from instar.compute.simulated.file.moments import micros
from instar.compute.simulated.file.scripts import Timing
from instar.domain.health.probe_answers import Answer, state_of
from instar.domain.health.sources import HealthSource, SourceKind
from instar.domain.machines.instances import HealthState

NOT_ASKED = -1
"""How long an answer must hold that nobody asks for (H2)."""


@dataclass(frozen=True, slots=True)
class Life:
    """A machine's life since its last boot."""

    boot_end: int
    ready: int
    """From then on the application answers."""

    mute: bool
    """It never does."""

    flapping: int = 0
    sick_from: int | None = None
    sick_until: int | None = None

    def sick_at(self, moment: int) -> bool:
        """Whether it is scripted as sick then."""
        return (
            self.sick_from is not None
            and self.sick_from <= moment
            and (self.sick_until is None or moment < self.sick_until)
        )

    def answer_at(self, moment: int) -> Answer:
        """What a probe at that moment gets."""
        if self.sick_at(moment):
            return Answer.BAD
        if self.mute or moment < self.ready:
            return Answer.NONE
        if self.flapping and (moment - self.ready) // self.flapping % 2:
            return Answer.BAD
        return Answer.GOOD

    def _changed_at(self, moment: int) -> int:
        """The last moment up to that one at which the answer may have changed; not before the end of the boot."""
        changes = [self.boot_end, self.ready, self.sick_from or 0, self.sick_until or 0]
        if self.flapping and moment >= self.ready and not self.sick_at(moment):
            changes.append(moment - (moment - self.ready) % self.flapping)
        return max(self.boot_end, *(change for change in changes if change <= moment))

    def believed_at(self, moment: int, settle: int) -> Answer | None:
        """The last answer that held for `settle`; None if none did since the boot."""
        end = moment
        while end >= self.boot_end:
            answer = self.answer_at(end)
            too_fast = self.flapping and self.flapping < settle
            if too_fast and not self.sick_at(end) and end >= self.ready:
                return None  # no run of equal answers is ever long enough, and there may be thousands to walk through
            start = self._changed_at(end)
            while start > self.boot_end and self.answer_at(start - 1) is answer:
                start = self._changed_at(start - 1)
            last = end if end == moment else end + 1
            if last - start >= settle:
                return answer
            end = start - 1
        return None


def life_since(booted_at: int, timing: Timing, instance_id: str, sick_from: int | None, sick_until: int | None) -> Life:
    """The life of a machine that began to boot at that moment on a version with that timing."""
    boot_end = booted_at + timing.boot
    return Life(
        boot_end=boot_end,
        ready=boot_end + timing.initializing,
        mute=timing.all_never_healthy or instance_id in timing.never_healthy,
        flapping=timing.flapping,
        sick_from=sick_from,
        sick_until=sick_until,
    )


def settle_of(source: HealthSource) -> int:
    """How long an answer must hold to be believed; NOT_ASKED without a source."""
    return (
        NOT_ASKED
        if source.kind is SourceKind.DEFAULT
        else max(0, source.number_of_probes - 1) * micros(source.interval)
    )


def healthy_from(life: Life, settle: int) -> int | None:
    """When the machine will first be believed healthy, sickness aside; None: never.

    >>> healthy_from(Life(boot_end=10, ready=15, mute=False), settle=2)
    17
    """
    if settle == NOT_ASKED:
        return life.boot_end
    if life.mute or (life.flapping and life.flapping < settle):
        return None
    return life.ready + settle


@dataclass(frozen=True, slots=True)
class Report:
    """A state, its reason, and while it is Initializing the moment at which it can no longer be."""

    state: HealthState
    detail: str = ""
    settles_by: int | None = None


HEALTHY = Report(HealthState.HEALTHY)


def report(life: Life, source: HealthSource, settle: int, grace: int, moment: int) -> Report:
    """What the source says of a machine that is not out of service (H2, H3, H4, H5)."""
    booted = moment >= life.boot_end
    if source.kind is SourceKind.DEFAULT:
        return HEALTHY if booted else Report(HealthState.UNHEALTHY, "the machine boots")
    believed = life.believed_at(moment, settle) if booted else None
    settles_by = life.boot_end + grace
    state = state_of(believed, source, in_grace=moment < settles_by)
    match state:
        case HealthState.HEALTHY:
            return HEALTHY
        case HealthState.INITIALIZING:
            return Report(state, _detail(believed, booted=booted), settles_by)
        case HealthState.UNKNOWN:
            return Report(state, f"{_detail(believed, booted=booted)}, and its grace period is over")
        case HealthState.UNHEALTHY:
            return Report(state, _detail(believed, booted=booted))


def _detail(believed: Answer | None, *, booted: bool) -> str:
    if not booted:
        return "the machine boots"
    if believed is Answer.BAD:
        return "the application answers that it is unhealthy"
    return "the application gives no answer that lasts"


def report_out(source: HealthSource, *, stopped_by_owner: bool) -> Report:
    """What the source says of a machine that does not run."""
    return Report(
        state_of(None, source, in_grace=False),
        "stopped by its owner" if stopped_by_owner else "stopped while its OS disk is replaced",
    )
