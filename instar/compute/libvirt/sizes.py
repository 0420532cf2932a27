"""Processors and memory by the name of a size, as `sku.name` of a scale set gives it."""

from collections.abc import Mapping
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field


class Size(BaseModel):
    """What a machine of a size gets."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    cpus: Annotated[int, Field(ge=1, le=1024)] = 1
    memory_mib: Annotated[int, Field(ge=32)]


def _gib(cpus: int, gibibytes: float) -> Size:
    return Size(cpus=cpus, memory_mib=int(gibibytes * 1024))


SIZES = {
    "Standard_B1ls": _gib(1, 0.5),
    "Standard_B1s": _gib(1, 1),
    "Standard_B1ms": _gib(1, 2),
    "Standard_B2s": _gib(2, 4),
    "Standard_B2ms": _gib(2, 8),
    "Standard_B4ms": _gib(4, 16),
    "Standard_A1_v2": _gib(1, 2),
    "Standard_A2_v2": _gib(2, 4),
    "Standard_A4_v2": _gib(4, 8),
    "Standard_DS1_v2": _gib(1, 3.5),
    "Standard_DS2_v2": _gib(2, 7),
    "Standard_DS3_v2": _gib(4, 14),
    "Standard_D2s_v3": _gib(2, 8),
    "Standard_D4s_v3": _gib(4, 16),
    "Standard_D8s_v3": _gib(8, 32),
    "Standard_D2s_v5": _gib(2, 8),
    "Standard_D4s_v5": _gib(4, 16),
    "Standard_D8s_v5": _gib(8, 32),
    "Standard_E2s_v5": _gib(2, 16),
    "Standard_E4s_v5": _gib(4, 32),
    "Standard_F2s_v2": _gib(2, 4),
    "Standard_F4s_v2": _gib(4, 8),
}
"""The usual ones; settings add others and replace these."""


def size_named(name: str, more: Mapping[str, Size]) -> Size | None:
    """The size of that name, whatever its case; None of an unknown one.

    >>> size_named("standard_b1s", {}).memory_mib
    1024
    >>> size_named("Standard_B1s", {"standard_b1s": Size(memory_mib=96)}).memory_mib
    96
    """
    for table in (more, SIZES):
        for known, size in table.items():
            if known.lower() == name.lower():
                return size
    return None
