import re
from datetime import timedelta
from pathlib import Path

import pytest
from pydantic import BaseModel

from instar.client.showing.picture import CELLS
from instar.compute.libvirt.settings import LibvirtSettings
from instar.connection.quotas import QuotaSettings
from instar.connection.settings import Settings
from instar.domain.decisions.verdicts import exceeds
from instar.domain.delays import Delays
from instar.domain.records.progress import Outcome
from instar.domain.sets.policies import RollingUpgradePolicy
from instar.domain.spans import in_words

ROOT = Path(__file__).parents[2]
OPERATIONS = (ROOT / "docs" / "operations.md").read_text()
LIBVIRT = (ROOT / "docs" / "libvirt.md").read_text()


NESTED: dict[str, type[BaseModel]] = {
    name: field.annotation
    for name, field in Settings.model_fields.items()
    if name != "delays" and isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel)
}


@pytest.mark.parametrize("name", sorted(set(Settings.model_fields) - {"delays", "libvirt", *NESTED}))
def test_t6_every_setting_is_in_the_docs(name: str) -> None:
    assert f"| `INSTAR_{name.upper()}` |" in OPERATIONS


@pytest.mark.parametrize("group", NESTED)
def test_t6_every_nested_setting_is_in_the_docs(group: str) -> None:
    for name in NESTED[group].model_fields:
        assert f"| `INSTAR_{group.upper()}__{name.upper()}` |" in OPERATIONS


@pytest.mark.parametrize("name", sorted(QuotaSettings.model_fields))
def test_t6_every_quota_is_in_the_docs_with_its_default(name: str) -> None:
    assert f"| `INSTAR_QUOTAS__{name.upper()}` | {QuotaSettings.model_fields[name].default} |" in OPERATIONS


@pytest.mark.parametrize("name", sorted(Delays.model_fields))
def test_t6_every_delay_is_in_the_docs_with_its_default(name: str) -> None:
    default = Delays.model_fields[name].default
    shown = in_words(default) if default >= timedelta(seconds=1) else f"{default.total_seconds():g} seconds"
    assert f"| `INSTAR_DELAYS__{name.upper()}` | {shown} |" in OPERATIONS


def test_b3_the_docs_say_that_a_set_of_up_to_four_with_one_sick_machine_never_begins() -> None:
    limit = RollingUpgradePolicy().max_unhealthy_instance_percent
    too_small = [size for size in range(1, 20) if exceeds(1, size, limit)]
    assert too_small == [1, 2, 3, 4]
    assert f"one of up to four is 25 % or more, above the default limit of {limit} %" in OPERATIONS


@pytest.mark.parametrize("name", sorted(LibvirtSettings.model_fields))
def test_t6_every_setting_of_a_hypervisor_is_in_the_docs(name: str) -> None:
    assert f"| `INSTAR_LIBVIRT__{name.upper()}` |" in LIBVIRT


@pytest.mark.parametrize("page", [OPERATIONS, LIBVIRT])
def test_no_setting_in_the_docs_is_unknown(page: str) -> None:
    known = {name.upper() for name in Settings.model_fields}
    known |= {f"{group}__{name}".upper() for group, kind in NESTED.items() for name in kind.model_fields}
    known |= {f"DELAYS__{name.upper()}" for name in Delays.model_fields}
    known |= {f"LIBVIRT__{name.upper()}" for name in LibvirtSettings.model_fields}
    assert set(re.findall(r"\bINSTAR_([A-Z_]+)", page)) <= known


def test_the_docs_explain_every_letter_of_a_picture() -> None:
    for outcome in set(Outcome) - {Outcome.VANISHED}:
        assert f"`{CELLS[outcome][0]}`" in OPERATIONS


PAGES = ("backup.md", "quickstart.md", "operations.md", "glossary.md", "libvirt.md")


@pytest.mark.parametrize("page", ["README.md", *(f"docs/{name}" for name in PAGES)])
def test_links_lead_somewhere(page: str) -> None:
    file = ROOT / page
    links = re.findall(r"\]\((?!https?:)([^)#]+)", file.read_text())
    missing = [link for link in links if not (file.parent / link).exists()]
    assert not missing
