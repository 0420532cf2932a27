"""Routes whose answers do not follow from their method and path."""

from collections.abc import Callable
from typing import Any

from fastapi.routing import APIRoute

from api.deployments import deployments
from api.images import extension_types, images
from api.instances import instance_actions, instances, network_interfaces, unsupported
from api.kept import routes as kept_routes
from api.kept import writing as kept_writing
from api.login import issuer_routes
from api.openapi import shapes
from api.openapi.answers import ACCEPTED, EMPTY, LISTED, READ, Answer, Answers
from api.overviews import cells
from api.resources import exported_templates, operations, providers, resource_groups, subscriptions, tags
from api.scale_sets import scale_sets, set_sizes
from api.simulated import simulated, simulated_galleries
from api.steering import approvals, holds, kept_disks, limits, pauses, plans, rings, rollbacks
from api.upgrades import automatic_upgrades, policy_tests, reconciliation, rolling_upgrades, rollout_policies
from api.webhooks import webhooks

_OBJECT = {200: Answer(shapes.OBJECT)}
_KEPT = Answer(shapes.RESOURCE, ("ETag", "Warning"))
_POLICY = {200: Answer(shapes.RESOURCE, ("ETag",))}
_DELETED = {200: EMPTY, 204: EMPTY}
_IMAGES = {200: Answer(shapes.IMAGES)}
_IMAGE = Answer(shapes.IMAGE)
_GROUP = Answer(shapes.RESOURCE)
_TAGS = Answer(shapes.RESOURCE)
_DEPLOYED = Answer(shapes.RESOURCE, ("Azure-AsyncOperation", "Retry-After"))

PECULIAR: dict[Callable[..., Any], Answers] = {
    scale_sets.scale_set_instance_view: {200: Answer(shapes.SET_VIEW)},
    instances.get_instance: {200: Answer(shapes.INSTANCE, ("ETag",))},
    instances.get_instance_view: {200: Answer(shapes.INSTANCE_VIEW)},
    # The set's PUT makes instances; a PUT of one only changes it, and one that is gone is not deleted again.
    instance_actions.put_instance: {200: Answer(shapes.INSTANCE, ("Azure-AsyncOperation", "Retry-After"))},
    instance_actions.delete_instance: {202: ACCEPTED},
    set_sizes.get_lifecycle_hook_event: {},
    set_sizes.patch_lifecycle_hook_event: {},
    rolling_upgrades.latest_upgrade: {200: Answer(shapes.UPGRADE)},
    automatic_upgrades.automatic_upgrades: {200: READ},
    cells.machines: {200: READ},
    reconciliation.reconcile: _OBJECT,
    rollout_policies.get_policy: _POLICY,
    rollout_policies.put_policy: _POLICY | {201: _POLICY[200]},
    rollout_policies.delete_policy: _DELETED,
    rollout_policies.check_policy: _OBJECT,
    rollout_policies.get_default_policy: _POLICY,
    rollout_policies.put_default_policy: _POLICY | {201: _POLICY[200]},
    rollout_policies.delete_default_policy: _DELETED,
    rollout_policies.check_default_policy: _OBJECT,
    policy_tests.test_policy: _OBJECT,
    policy_tests.test_default_policy: _OBJECT,
    images.list_publishers: _IMAGES,
    images.list_offers: _IMAGES,
    images.list_skus: _IMAGES,
    images.list_versions: _IMAGES,
    images.get_version: {200: _IMAGE},
    images.publish_version: {200: _IMAGE, 201: _IMAGE},
    images.withdraw_version: {200: EMPTY, 204: EMPTY},
    operations.operation_status: {
        200: Answer(shapes.OPERATION, sometimes=("Retry-After",)),
        202: Answer(headers=("Retry-After",)),
    },
    subscriptions.get_subscription: {200: Answer(shapes.SUBSCRIPTION)},
    resource_groups.put_group: {200: _GROUP, 201: _GROUP},
    resource_groups.patch_group: {200: _GROUP},
    resource_groups.delete_group: {202: ACCEPTED},
    tags.tags_of_subscription: {200: _TAGS},
    tags.tags_of_group: {200: _TAGS},
    tags.tags_of_resource: {200: _TAGS},
    exported_templates.export_group: {},
    kept_routes.list_kept_of_group: {200: LISTED},
    kept_routes.list_kept_of_subscription: {200: LISTED},
    kept_routes.list_locks_of_resource: {200: LISTED},
    extension_types.list_extension_types: _IMAGES,
    extension_types.list_extension_versions: _IMAGES,
    network_interfaces.get_interface: {200: Answer(shapes.PART)},
    providers.get_provider: {200: Answer(shapes.PROVIDER)},
    providers.register_provider: {200: Answer(shapes.PROVIDER)},
    deployments.put_deployment: {200: _DEPLOYED, 201: _DEPLOYED},
    deployments.delete_deployment: {204: EMPTY},
    deployments.cancel_deployment: {204: EMPTY},
    deployments.deployment_operation: _OBJECT,
    deployments.export_template: {},
    kept_writing.put_kept: {200: _KEPT, 201: _KEPT},
    kept_writing.patch_kept: {200: _KEPT},
    deployments.deploy_to_subscription: {},
    deployments.deployment_status: {200: Answer(shapes.DEPLOYMENT_STATUS, sometimes=("Retry-After",))},
    holds.put_hold: {200: Answer(shapes.RESOURCE), 201: Answer(shapes.RESOURCE)},
    holds.release_hold: _DELETED,
    limits.put_limit: _POLICY | {201: _POLICY[200]},
    limits.get_limit: _POLICY,
    limits.delete_limit: _DELETED,
    rings.put_rings: _POLICY | {201: _POLICY[200]},
    rings.get_rings: _POLICY,
    rings.delete_rings: _DELETED,
    pauses.pause: {200: Answer(shapes.RESOURCE)},
    pauses.get_pause: {200: Answer(shapes.RESOURCE)},
    plans.plan_start: _OBJECT,
    rollbacks.get_rollback: {200: Answer(shapes.RESOURCE)},
    kept_disks.put_kept_disks: {200: Answer(shapes.RESOURCE)},
    kept_disks.get_kept_disks: {200: Answer(shapes.RESOURCE)},
    kept_disks.delete_kept_disks: _DELETED,
    approvals.approve: _OBJECT,
    approvals.reject: _OBJECT,
    webhooks.put_webhook: {200: READ, 201: READ},
    webhooks.delete_webhook: {200: EMPTY, 204: EMPTY},
    webhooks.test_webhook: _OBJECT,
    webhooks.resend: _OBJECT,
    simulated.script_version: _OBJECT,
    simulated.get_defaults: _OBJECT,
    simulated.set_defaults: _OBJECT,
    simulated.script_extensions: _OBJECT,
    simulated.verdict_of_all: _OBJECT,
    simulated.verdict_of_scale_set: _OBJECT,
    simulated_galleries.script_gallery_version: _OBJECT,
    simulated_galleries.direct_replication: {200: Answer(shapes.DIRECTED)},
    **{route.endpoint: {} for route in unsupported.router.routes if isinstance(route, APIRoute)},
}
"""By the function that answers."""

_PART = Answer(shapes.PART, ("Azure-AsyncOperation", "Retry-After", "ETag"))

OF_NAME: dict[str, Answers] = {
    "list_networks_of_group": {200: LISTED},
    "list_networks_of_subscription": {200: LISTED},
    **{
        name: answers
        for noun in ("network", "load_balancer")
        for name, answers in {
            f"list_parts_of_{noun}": {200: LISTED},
            f"get_part_of_{noun}": {200: Answer(shapes.PART)},
            f"put_part_of_{noun}": {200: _PART, 201: _PART},
        }.items()
    },
}
"""By the name of the route, where the function that answers was made for it."""

_OAUTH_ERROR = Answer(shapes.OAUTH_ERROR)

OF_PATH: dict[str, Answers] = {
    "/healthz": _OBJECT,
    "/readyz": _OBJECT | {503: Answer(shapes.ERROR, ("Retry-After",))},
    issuer_routes.METADATA: _OBJECT,
    issuer_routes.ALIASES: _OBJECT,
    issuer_routes.DISCOVERY: _OBJECT,
    issuer_routes.KEYS: {200: Answer(shapes.KEYS)},
    issuer_routes.TOKEN: {
        200: Answer(shapes.TOKEN),
        400: _OAUTH_ERROR,
        401: Answer(shapes.OAUTH_ERROR, ("WWW-Authenticate",)),
        413: Answer(shapes.ERROR),
        503: Answer(shapes.ERROR, ("Retry-After",)),
    },
}
"""By its path, where nothing but what is said here is ever answered."""
