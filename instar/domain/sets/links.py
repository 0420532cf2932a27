"""What a scale set names outside itself. Each takes a role of its own there, and keeps its group from being deleted.

An image or a cluster is read. Naming a probe joins it, which takes a Contributor: its load balancer cannot be deleted
from then on.
"""

from instar.domain.access import Need, Role
from instar.domain.health.load_balancers import ProbeId
from instar.domain.health.sources import SourceKind
from instar.domain.images.galleries import IMAGE_ID
from instar.domain.sets.scale_sets import ScaleSetModel


def gallery_image(model: ScaleSetModel) -> str:
    """The id of the gallery image that the model follows or pins; "" if it is none."""
    return model.image.id if IMAGE_ID.fullmatch(model.image.id) else ""


def probes(model: ScaleSetModel) -> tuple[str, ...]:
    """The ids of the load balancers' probes that the model names."""
    named = (
        health_source.name for health_source in model.health_sources if health_source.kind is SourceKind.LOAD_BALANCER
    )
    return tuple(one for one in named if ProbeId.read(one))


def needs_of(model: ScaleSetModel, cluster_id: str = "") -> tuple[Need, ...]:
    """What whoever gives a set that model needs besides; `cluster_id`: the Service Fabric cluster that it is found in.

    >>> lb = "/subscriptions/s/resourceGroups/net/providers/Microsoft.Network/loadBalancers/front"
    >>> profile = {"networkProfile": {"healthProbe": {"id": f"{lb}/probes/web"}}}
    >>> model = ScaleSetModel.from_arm({"properties": {"virtualMachineProfile": profile}}, 1)
    >>> [(one.action, one.role.value) for one in needs_of(model)]
    [('Microsoft.Network/loadBalancers/probes/join/action', 'Contributor')]
    """
    image = gallery_image(model)
    return (
        *((Need("Microsoft.Compute/galleries/images/versions/read", image, Role.READER),) if image else ()),
        *(
            Need("Microsoft.Network/loadBalancers/probes/join/action", probe, Role.CONTRIBUTOR)
            for probe in dict.fromkeys(probes(model))
        ),
        *((Need("Microsoft.ServiceFabric/clusters/read", cluster_id, Role.READER),) if cluster_id else ()),
    )
