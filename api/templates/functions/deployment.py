"""Functions that look at the deployment: its parameters and variables, where it goes, when it was begun."""

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from api.templates.errors import TemplateError
from api.templates.functions import moments

if TYPE_CHECKING:
    from api.templates.scope import Scope

Json = dict[str, Any]

API_VERSIONS = ("2024-11-01", "2023-09-01")
"""What `providers(…).apiVersions` says of every type."""

ENVIRONMENT: Json = {
    "name": "AzureCloud",
    "gallery": "https://gallery.azure.com/",
    "graph": "https://graph.windows.net/",
    "graphAudience": "https://graph.windows.net/",
    "portal": "https://portal.azure.com",
    "batch": "https://batch.core.windows.net/",
    "media": "https://rest.media.azure.net",
    "sqlManagement": "https://management.core.windows.net:8443/",
    "vmImageAliasDoc": "https://raw.githubusercontent.com/Azure/azure-rest-api-specs/master/arm-compute/quickstart-templates/aliases.json",
    "resourceManager": "https://management.azure.com/",
    "authentication": {
        "loginEndpoint": "https://login.microsoftonline.com/",
        "audiences": ["https://management.core.windows.net/", "https://management.azure.com/"],
        "tenant": "common",
        "identityProvider": "AAD",
    },
    "suffixes": {
        "acrLoginServer": ".azurecr.io",
        "azureDatalakeAnalyticsCatalogAndJob": "azuredatalakeanalytics.net",
        "azureDatalakeStoreFileSystem": "azuredatalakestore.net",
        "azureFrontDoorEndpointSuffix": "azurefd.net",
        "keyvaultDns": ".vault.azure.net",
        "sqlServerHostname": ".database.windows.net",
        "storage": "core.windows.net",
    },
}
"""Azure's own names, since templates make the addresses of their resources of them."""


def parameters(scope: "Scope", name: Any) -> Any:
    """The value of a parameter."""
    return _named(scope.parameters, name, "parameter")


def variables(scope: "Scope", name: Any) -> Any:
    """The value of a variable."""
    value = _named(scope.variables, name, "variable")
    return replace(scope, depth=scope.depth + 1, copies={}, given={}).evaluated(value)


def lambda_variables(scope: "Scope", name: Any) -> Any:
    """What a lambda was given."""
    return _named(scope.given, name, "lambda variable")


def copy_index(scope: "Scope", *arguments: Any) -> int:
    """Which turn of a copy this is, from 0, and an offset."""
    name = next((argument for argument in arguments if isinstance(argument, str)), "")
    offset = next((argument for argument in arguments if isinstance(argument, int)), 0)
    index = scope.copies.get(name.lower()) if name else next(reversed(tuple(scope.copies.values())), None)
    if index is None:
        raise TemplateError("'copyIndex' is used outside the copy that it names")
    return index + offset


def resource_group(scope: "Scope") -> Json:
    """The group that is deployed to."""
    place = scope.place
    return {
        "id": place.group_id,
        "name": place.resource_group,
        "type": "Microsoft.Resources/resourceGroups",
        "location": place.location,
        "tags": {},
        "properties": {"provisioningState": "Succeeded"},
    }


def subscription(scope: "Scope") -> Json:
    """The subscription that is deployed to."""
    return {
        "id": f"/subscriptions/{scope.place.subscription_id}",
        "subscriptionId": scope.place.subscription_id,
        "tenantId": scope.place.tenant_id,
        "displayName": scope.place.subscription_id,
    }


def tenant(scope: "Scope") -> Json:
    """The tenant of the subscription."""
    tenant_id = scope.place.tenant_id
    return {"tenantId": tenant_id, "displayName": tenant_id, "countryCode": "", "id": f"/tenants/{tenant_id}"}


def management_group(_scope: "Scope") -> Json:
    """Raises TemplateError: a deployment to a resource group has none."""
    raise TemplateError("'managementGroup' can be used in deployments to a management group only")


def deployment(scope: "Scope") -> Json:
    """The deployment itself, with `templateLink` if its template was fetched, never with that one's query string."""
    shown: Json = {"mode": "Incremental", "provisioningState": "Accepted", "parameters": {}, "template": {}}
    if scope.place.is_linked:
        shown["templateLink"] = {"uri": scope.place.base}
    return {"name": scope.place.deployment, "location": scope.place.location, "properties": shown}


def deployer(scope: "Scope") -> Json:
    """Who deploys, as far as a template may know it."""
    return {"objectId": scope.place.deployer, "tenantId": scope.place.tenant_id, "userPrincipalName": ""}


def environment(_scope: "Scope") -> Json:
    """The addresses of Azure."""
    return ENVIRONMENT


def providers(_scope: "Scope", namespace: Any, kind: Any = "") -> Json:
    """What is known of a type."""
    return {"resourceType": f"{namespace}/{kind}", "locations": [], "apiVersions": list(API_VERSIONS)}


def utc_now(scope: "Scope", pattern: Any = "yyyyMMddTHHmmssZ") -> str:
    """When the deployment was begun."""
    _only_in_defaults(scope, "utcNow")
    return moments.written(scope.place.now, str(pattern), "utcNow")


def new_guid(scope: "Scope") -> str:
    """One that was never given."""
    _only_in_defaults(scope, "newGuid")
    return str(uuid4())


def fail(_scope: "Scope", message: Any) -> Any:
    """Raises TemplateError with what the template says."""
    raise TemplateError(f"the template says: {str(message)[:400]}", "DeploymentFailed")


def _only_in_defaults(scope: "Scope", name: str) -> None:
    if not scope.is_default:
        raise TemplateError(f"the template function '{name}' can be used in defaults of parameters only")


def _named(found: Mapping[str, Any], name: Any, kind: str) -> Any:
    for key, value in found.items():
        if key.lower() == str(name).lower():
            return value
    raise TemplateError(f"the template has no {kind} '{name}'")
