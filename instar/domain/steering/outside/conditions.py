"""A condition on what Prometheus answers: `> 0.99` must hold for every series (docs/rules.md G2)."""

import json
import math
import operator
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Self

_CONDITION = re.compile(r"\s*(>=|<=|==|!=|>|<)\s*([+-]?\d{1,30}(\.\d{1,30})?([eE][+-]?\d{1,3})?)\s*", re.ASCII)

_COMPARES: dict[str, Callable[[float, float], bool]] = {
    ">": operator.gt,
    ">=": operator.ge,
    "<": operator.lt,
    "<=": operator.le,
    "==": operator.eq,
    "!=": operator.ne,
}

SERIES_AT_MOST = 10_000


class NoAnswer(ValueError):
    """What came is no answer of Prometheus to an instant query; the text says what is wrong with it."""


@dataclass(frozen=True, slots=True)
class Condition:
    """A comparison with a number."""

    sign: str
    limit: float

    @classmethod
    def of(cls, text: str) -> Self:
        """Raises ValueError with what one looks like.

        >>> Condition.of(">=0.99")
        Condition(sign='>=', limit=0.99)
        """
        parts = _CONDITION.fullmatch(text)
        limit = float(parts[2]) if parts else math.inf
        if parts is None or not math.isfinite(limit):
            raise ValueError('must be a comparison with a number, like "> 0.99": there are > >= < <= == !=')
        return cls(parts[1], limit)

    def holds(self, value: float) -> bool:
        """Whether it holds. For what is no number it never does."""
        return not math.isnan(value) and _COMPARES[self.sign](value, self.limit)

    def __str__(self) -> str:
        return f"{self.sign} {self.limit:g}"


def values(body: bytes) -> list[float]:
    """The values of the series in an answer to an instant query, or of a scalar. Raises NoAnswer.

    >>> values(b'{"status":"success","data":{"resultType":"vector","result":[{"metric":{},"value":[1,"0.5"]}]}}')
    [0.5]
    """
    try:
        answer = json.loads(body)
    except (ValueError, RecursionError):
        raise NoAnswer("answered what is no JSON") from None
    match answer:
        case {"status": "success", "data": {"resultType": "vector", "result": list(series)}}:
            if len(series) > SERIES_AT_MOST:
                raise NoAnswer(f"answered with more than {SERIES_AT_MOST} series")
            return [_value(one.get("value") if isinstance(one, dict) else None) for one in series]
        case {"status": "success", "data": {"resultType": "scalar", "result": sample}}:
            return [_value(sample)]
        case {"status": "success"}:
            raise NoAnswer("answered with neither a vector nor a scalar: an instant query is needed")
        case _:
            raise NoAnswer("did not answer the query")


def _value(sample: Any) -> float:
    try:
        _, text = sample
        return float(text) if isinstance(text, str) else float("nan")
    except (TypeError, ValueError):
        raise NoAnswer("answered with a sample that is none") from None
