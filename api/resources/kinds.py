"""Every kind of stored resource: the application makes their routes, deployments make them from templates."""

from api.galleries import galleries, gallery_images, gallery_versions
from api.networks import load_balancers, networks, service_fabric_clusters
from api.stored.kinds import Kind, Routes

STORED: tuple[Routes, ...] = (
    service_fabric_clusters.ROUTES,
    galleries.ROUTES,
    gallery_images.ROUTES,
    gallery_versions.ROUTES,
    load_balancers.ROUTES,
    networks.ROUTES,
)
"""In this order their routes are looked at: what is named comes before what is shared."""

KINDS: tuple[Kind, ...] = tuple(kind for routes in STORED for kind in routes.kinds)
