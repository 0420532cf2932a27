"""How a set wishes to be rolled out, beyond Azure's policies (docs/rules.md W1 to W3).

One document, all members optional. None of it widens what may be out at once: B1, B2, P2, P3 and P9 stay as they are.
The model itself takes what was stored, whatever a later release added to it; what a person sends is read by `parsed`.
"""

import re
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, field_validator, model_validator
from pydantic.alias_generators import to_camel

from instar.domain.steering.calendar.days_off import DaySpan
from instar.domain.steering.calendar.window import Window
from instar.domain.steering.calendar.windows import Timetable
from instar.domain.steering.calendar.zones import zone
from instar.domain.steering.durations import Duration, within
from instar.domain.steering.outside.asked_calls import HOOKS_AT_MOST, JUDGES_AT_MOST
from instar.domain.steering.outside.hooks import Hook
from instar.domain.steering.outside.judges import Judge
from instar.domain.steering.refusals import PolicyRefused, refusal_of

WAVES_AT_MOST = 20
INSTANCES_AT_MOST = 100_000
"""Of one wave; no set has more."""

CANARIES_AT_MOST = 100
WINDOWS_AT_MOST = 20
DAYS_OFF_AT_MOST = 400
"""Days or spans: two years in which every other day is off nearly fit."""

BAKE_AT_MOST = timedelta(days=7)
DEADLINE_LEAST, DEADLINE_MOST = timedelta(minutes=1), timedelta(days=30)

_PERCENT = re.compile(r"([1-9]\d?|100)%", re.ASCII)
_ID = re.compile(r"0|[1-9]\d{0,17}", re.ASCII)


class ApprovalAt(StrEnum):
    """Where somebody has to say that it may go on (G3)."""

    NONE = "none"
    FIRST = "first"
    """Before the first batch."""
    AFTER_CANARY = "afterCanary"


def _absent(value: object) -> bool:
    """What is not said is not written either: not into a plan, so that histories without a policy stay as they are."""
    return value is None or value == ()


def _wave(given: Any) -> Any:
    if isinstance(given, int) and not isinstance(given, bool) and 1 <= given <= INSTANCES_AT_MOST:
        return given
    if isinstance(given, str) and _PERCENT.fullmatch(given):
        return given
    raise ValueError(f'must be a number of instances from 1 to {INSTANCES_AT_MOST}, or "1%" to "100%" of the set\'s')


def _id(given: Any) -> Any:
    if isinstance(given, str) and _ID.fullmatch(given):
        return given
    raise ValueError('must be the id of an instance as text, like "0"')


def _date(given: Any) -> Any:
    if isinstance(given, date) or (isinstance(given, str) and re.fullmatch(r"\d{4}-\d{2}-\d{2}", given, re.ASCII)):
        return given
    raise ValueError("must be a day like 2027-12-31")


Wave = Annotated[int | str, BeforeValidator(_wave)]
Bake = Annotated[Duration, within(timedelta(0), BAKE_AT_MOST)]
Deadline = Annotated[Duration, within(DEADLINE_LEAST, DEADLINE_MOST)]
InstanceId = Annotated[str, BeforeValidator(_id)]


class _Document(BaseModel):
    model_config = ConfigDict(frozen=True, alias_generator=to_camel, populate_by_name=True, extra="ignore")


class Canary(_Document):
    """Who goes first, and how long it is watched. Without `instances` the first wave is the canary."""

    instances: Annotated[tuple[InstanceId, ...], Field(max_length=CANARIES_AT_MOST, exclude_if=_absent)] = ()
    bake: Annotated[Bake | None, Field(exclude_if=_absent)] = None

    @model_validator(mode="after")
    def _says_something(self) -> "Canary":
        if not self.instances and self.bake is None:
            raise ValueError("says nothing: name its instances, or its bake, or both")
        if len(dict.fromkeys(self.instances)) < len(self.instances):
            raise ValueError("names an instance twice")
        return self


class RolloutPolicy(_Document):
    """What an upgrade is pinned to beside the set's own policies (P1)."""

    waves: Annotated[tuple[Wave, ...], Field(max_length=WAVES_AT_MOST, exclude_if=_absent)] = ()
    """Sizes of the first batches, the last one repeats; empty: as large as B1 and B2 let them be (W1)."""
    canary: Annotated[Canary | None, Field(exclude_if=_absent)] = None
    bake: Annotated[Bake | None, Field(exclude_if=_absent)] = None
    """How long health is observed after each batch (W2); 0 to 7 days."""
    final_bake: Annotated[Bake | None, Field(exclude_if=_absent)] = None
    """After the last one; likewise."""
    windows: Annotated[tuple[Window, ...], Field(max_length=WINDOWS_AT_MOST, exclude_if=_absent)] = ()
    """When batches may begin; empty: always (W3)."""
    not_on: Annotated[tuple[str, ...], Field(max_length=DAYS_OFF_AT_MOST, exclude_if=_absent)] = ()
    """Days off, and spans of them, as `DaySpan.of` reads them."""
    not_on_read_until: Annotated[date | None, BeforeValidator(_date), Field(exclude_if=_absent)] = None
    """Of days off that were read from a calendar: no later day was looked for in it."""
    approval: Annotated[ApprovalAt, Field(exclude_if=lambda value: value is ApprovalAt.NONE)] = ApprovalAt.NONE
    approval_deadline: Annotated[Deadline | None, Field(exclude_if=_absent)] = None
    """After so long without an answer it is a no; a minute to 30 days. None: it waits for ever."""
    hooks: Annotated[tuple[Hook, ...], Field(max_length=HOOKS_AT_MOST, exclude_if=_absent)] = ()
    """Who is asked about each machine (G1). What a person sends of them is read by `asked_calls`, apart."""
    judges: Annotated[tuple[Judge, ...], Field(max_length=JUDGES_AT_MOST, exclude_if=_absent)] = ()
    """Who is asked before each batch, and while it bakes (G2); likewise."""

    @field_validator("not_on")
    @classmethod
    def _days(cls, given: tuple[str, ...]) -> tuple[str, ...]:
        for one in given:
            DaySpan.of(one)
        return given

    @model_validator(mode="after")
    def _belongs_together(self) -> "RolloutPolicy":
        if self.approval is ApprovalAt.AFTER_CANARY and self.canary is None:
            raise ValueError("asks for approval afterCanary and has no canary: name its instances, or its bake")
        if self.approval is ApprovalAt.NONE and self.approval_deadline is not None:
            raise ValueError("has an approvalDeadline and no approval: nothing is waited for")
        return self

    @property
    def timetable(self) -> Timetable:
        """When batches may begin."""
        return Timetable(self.windows, tuple(DaySpan.of(one) for one in self.not_on))

    @property
    def document(self) -> dict[str, Any]:
        """As it is stored and shown."""
        return self.model_dump(mode="json", by_alias=True)


def parsed(document: Any, now: datetime) -> RolloutPolicy:
    """Read what a person sent, but for its hooks and judges; null leaves a member out.

    Raises PolicyRefused that names the member at fault and says what it may be.

    >>> noon = datetime.fromisoformat("2026-12-04T12:00Z")
    >>> parsed({"waves": [1, "5%"], "bake": "PT10M"}, noon).document
    {'waves': [1, '5%'], 'bake': 'PT10M'}
    >>> parsed({"wave": [1]}, noon)
    Traceback (most recent call last):
    ...
    instar.domain.steering.refusals.PolicyRefused: 'wave' is no member of a rollout policy; do you mean 'waves'?
    """
    try:
        policy = RolloutPolicy.model_validate(_without_nulls(document), extra="forbid", by_alias=True, by_name=False)
    except ValidationError as error:
        raise refusal_of(error, RolloutPolicy) from None
    for index, window in enumerate(policy.windows):
        try:
            zone(window.time_zone)
        except ValueError as error:
            target = f"windows[{index}].timeZone"
            raise PolicyRefused(f"'{target}': {error}", target) from None
    if next(policy.timetable.openings(now), None) is None:
        raise PolicyRefused(
            "No window ever opens: within a year from now each is on a day off, or at a time that is skipped.",
            "windows",
        )
    return policy


def _without_nulls(given: Any) -> Any:
    """Of an object and the objects in it, not of lists."""
    if not isinstance(given, dict):
        return given
    return {name: _without_nulls(value) for name, value in given.items() if value is not None}
