"""A run's figures as JSON, with the facts of the machine that they were measured on.

`releases/schema.json` is the JSON schema of it, `python -m tests.bench.report` writes that anew.
"""

import json
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, FiniteFloat, ValidationError

from tests.bench.figures import COMPARABLE, Better, Figure, Figures

KEPT = Path(__file__).with_name("releases")
"""A file for each release, named after it."""
SCHEMA = KEPT / "schema.json"
DIGITS = 3
"""Behind the point: no run gives the same ones twice beyond that."""

Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*(\.[a-z0-9_]+)+$")]
Text = Annotated[str, Field(min_length=1)]


class Unreadable(Exception):
    """A file of figures that is none; the text says what is wrong with it, and what to do."""


class _Facts(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Machine(_Facts):
    """What it was measured on. Loads are of the 1, 5 and 15 minutes before the first part."""

    cpus: Annotated[int, Field(gt=0)]
    processor: str
    memory_mib: Annotated[int, Field(gt=0)]
    system: Text
    kernel: Text
    load_at_start: tuple[FiniteFloat, FiniteFloat, FiniteFloat]


class Versions(_Facts):
    """Of what was running; "" for what this machine does not have."""

    python: Text
    temporal_server: str
    temporal_sdk: str
    postgresql: str
    sqlite: str
    ansible_core: str


class Measured(_Facts):
    """One figure."""

    value: FiniteFloat
    unit: Text
    better: Better

    @classmethod
    def of(cls, figure: Figure) -> Self:
        """Rounded."""
        return cls(value=round(figure.value, DIGITS), unit=figure.unit, better=figure.better)

    @property
    def comparable(self) -> bool:
        """Whether it says anything beside one of another run."""
        return self.unit in COMPARABLE and self.better is not Better.NEITHER


class Report(_Facts):
    """All of one run, or what is kept of it."""

    format: Literal[1] = 1
    release: Annotated[str, Field(pattern=r"^\d+\.\d+\.\d+")]
    """The version of Instar that was measured, as pyproject.toml has it."""
    commit: str = ""
    taken_at: AwareDatetime
    note: str = ""
    """By hand: what one has to know of these figures."""
    machine: Machine
    versions: Versions
    settings: dict[str, float]
    """What the machines and the policy were: figures of other settings are others."""
    figures: dict[Name, Measured]
    failed: dict[Name | Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")], str] = {}
    """Parts that could not be measured, with the reason."""

    def kept(self) -> Self:
        """What is worth keeping: ratios and counts. The rest is of the machine, at that hour."""
        return self.model_copy(
            update={"figures": {name: one for name, one in self.figures.items() if one.comparable}, "failed": {}}
        )

    def write(self, path: Path) -> None:
        """As it is kept and sent. Raises OSError."""
        path.write_text(self.model_dump_json(indent=2) + "\n", encoding="utf-8")


def measured(figures: Figures) -> dict[str, Measured]:
    """As they stand in a report."""
    return {name: Measured.of(figure) for name, figure in figures.items()}


def read(path: Path) -> Report:
    """A report from its file. Raises Unreadable."""
    try:
        return Report.model_validate_json(path.read_bytes())
    except OSError as error:
        raise Unreadable(f"{path} cannot be read: {error.strerror or error}") from None
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        what = f"{where}: {first['msg']}" if where else first["msg"]
        more = f", and {error.error_count() - 1} more" if error.error_count() > 1 else ""
        raise Unreadable(
            f"{path} holds no figures of this bench ({what}{more}): give a file that `--json` wrote"
        ) from None


def of_release(release: str) -> Path:
    """Where the figures of a release are kept."""
    return KEPT / f"{release}.json"


def schema() -> str:
    """The JSON schema, as it stands in its file."""
    return json.dumps(Report.model_json_schema(), indent=2) + "\n"


def report(
    *,
    release: str,
    commit: str,
    taken_at: datetime,
    machine: Machine,
    versions: Versions,
    settings: Mapping[str, float],
    figures: Figures,
    failed: Mapping[str, str],
) -> Report:
    """Of a run that has ended."""
    return Report(
        release=release,
        commit=commit,
        taken_at=taken_at,
        machine=machine,
        versions=versions,
        settings=dict(settings),
        figures=measured(figures),
        failed=dict(failed),
    )


if __name__ == "__main__":
    SCHEMA.write_text(schema(), encoding="utf-8")
