"""How much the API takes of everything that can be sent again and again (`INSTAR_QUOTAS__SCALE_SETS` and so on).

A quota refuses what is new. What is there already is read, changed, upgraded and deleted as ever, also where a quota
was lowered below what there is.
"""

from collections.abc import Mapping
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from instar.store.quotas import Counted

MIB = 1024 * 1024

Count = Annotated[int, Field(ge=1, le=1_000_000)]


class QuotaSettings(BaseModel):
    """Each is a number of 1 or more; defaults are Azure's where Azure has such a limit."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    scale_sets: Count = 1_000
    """Of a subscription, those in deletion too. How many instances one may have is no setting: 10,000."""

    resource_groups: Count = 980
    """Of a subscription: those that were made, and those that are there because something is in them."""

    resources: Count = 5_000
    """Of a subscription, all kinds together but scale sets and deployments: galleries, images, image versions, load
    balancers, networks, clusters."""

    deployments_per_group: Count = 800
    """Kept deployments of a resource group, ended ones too."""

    deployments: Count = 5_000
    """The same of a subscription."""

    webhooks: Annotated[int, Field(ge=1, le=1_000)] = 100
    """Of the whole installation. Each decision is held against every one of them."""

    template_resources: Annotated[int, Field(ge=1, le=10_000)] = 800
    """Resources that one template makes, each copy counted. Of a deployment that runs nothing is counted again."""

    tags: Annotated[int, Field(ge=1, le=10_000)] = 50
    """Of a resource."""

    body_bytes: Annotated[int, Field(ge=16 * 1024, le=64 * MIB)] = 4 * MIB
    """The largest body of a request, from 16 KiB to 64 MiB."""

    @property
    def counted(self) -> Mapping[Counted, int]:
        """Those that are counted where things are written down."""
        return {counted: getattr(self, counted.value) for counted in Counted}
