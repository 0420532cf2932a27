"""What Azure fills in where templates read it: addresses, names, ids. Made up here, and the same each time."""

import hashlib
import ipaddress
import uuid
from collections.abc import Callable
from typing import Any

Json = dict[str, Any]

_ADDRESSES = ipaddress.IPv4Network("203.0.113.0/24")
"""For documentation: nobody is reached there."""


def filled_in(kind: str, resource_id: str, document: Json) -> Json:
    """The document with what its properties, or its identity, lack of it.

    >>> vault = filled_in("Microsoft.KeyVault/vaults", "/x/vaults/own", {})
    >>> vault["properties"]
    {'vaultUri': 'https://own.vault.azure.net/'}
    """
    name = resource_id.rpartition("/")[2]
    given = document.get("properties")
    properties = given if isinstance(given, dict) else {}
    fill = _FILLED.get(kind.lower())
    more = fill(name, str(document.get("location", "")), resource_id, properties) if fill else {}
    result = document | {
        "properties": {**more, **{key: _both(more.get(key), value) for key, value in properties.items()}}
    }
    identity = document.get("identity")
    if isinstance(identity, dict) and "systemassigned" in str(identity.get("type", "")).lower():
        made = {"principalId": _guid(resource_id, "principal"), "tenantId": str(uuid.UUID(int=0))}
        result["identity"] = {**made, **identity}
    return result


def _both(more: Any, given: Any) -> Any:
    return {**more, **given} if isinstance(more, dict) and isinstance(given, dict) else given


def _guid(resource_id: str, word: str) -> str:
    return str(uuid.uuid5(uuid.NAMESPACE_URL, f"{resource_id.lower()}#{word}"))


def _address(resource_id: str) -> str:
    number = int.from_bytes(hashlib.sha256(resource_id.lower().encode()).digest()[:4])
    return str(_ADDRESSES[1 + number % (_ADDRESSES.num_addresses - 2)])


def _public_address(_name: str, location: str, resource_id: str, properties: Json) -> Json:
    more: Json = {"ipAddress": _address(resource_id)}
    dns = properties.get("dnsSettings")
    if isinstance(dns, dict) and isinstance(label := dns.get("domainNameLabel"), str):
        more["dnsSettings"] = {"fqdn": f"{label.lower()}.{location}.cloudapp.instar.invalid"}
    return more


def _storage(name: str, location: str, _resource_id: str, _properties: Json) -> Json:
    services = {"blob": "blob", "queue": "queue", "table": "table", "file": "file", "dfs": "dfs", "web": "z1.web"}
    ends = {word: f"https://{name}.{host}.core.windows.net/" for word, host in services.items()}
    return {"primaryEndpoints": ends, "primaryLocation": location, "statusOfPrimary": "available"}


def _identity(_name: str, _location: str, resource_id: str, _properties: Json) -> Json:
    return {
        "principalId": _guid(resource_id, "principal"),
        "clientId": _guid(resource_id, "client"),
        "tenantId": str(uuid.UUID(int=0)),
    }


def _insights(_name: str, _location: str, resource_id: str, _properties: Json) -> Json:
    key = _guid(resource_id, "key")
    return {
        "InstrumentationKey": key,
        "ConnectionString": f"InstrumentationKey={key}",
        "AppId": _guid(resource_id, "app"),
    }


def _managed_cluster(name: str, location: str, resource_id: str, _properties: Json) -> Json:
    return {"fqdn": f"{name.lower()}.{location}.cloudapp.instar.invalid", "clusterId": _guid(resource_id, "cluster")}


def _interface(_name: str, _location: str, resource_id: str, properties: Json) -> Json:
    """An address for each of its configurations that has none; the document is read from the store, and its own."""
    given = properties.get("ipConfigurations")
    for index, configuration in enumerate(given if isinstance(given, list) else []):
        inner = configuration.get("properties") if isinstance(configuration, dict) else None
        if isinstance(inner, dict):
            inner.setdefault("privateIPAddress", f"10.0.0.{4 + index % 250}")
    return {"macAddress": "00-00-5E-00-53-00", "resourceGuid": _guid(resource_id, "guid")}


def _one(key: str, pattern: str) -> Callable[[str, str, str, Json], Json]:
    def fill(name: str, location: str, resource_id: str, _properties: Json) -> Json:
        return {key: pattern.format(name=name.lower(), location=location, guid=_guid(resource_id, key))}

    return fill


_FILLED: dict[str, Callable[[str, str, str, Json], Json]] = {
    "microsoft.network/publicipaddresses": _public_address,
    "microsoft.network/networkinterfaces": _interface,
    "microsoft.network/bastionhosts": _one("dnsName", "{guid}.bastion.azure.com"),
    "microsoft.storage/storageaccounts": _storage,
    "microsoft.managedidentity/userassignedidentities": _identity,
    "microsoft.insights/components": _insights,
    "microsoft.operationalinsights/workspaces": _one("customerId", "{guid}"),
    "microsoft.keyvault/vaults": _one("vaultUri", "https://{name}.vault.azure.net/"),
    "microsoft.keyvault/vaults/secrets": _one("secretUri", "https://made-up-by-instar.vault.azure.net/secrets/{name}"),
    "microsoft.compute/virtualmachines": _one("vmId", "{guid}"),
    "microsoft.containerregistry/registries": _one("loginServer", "{name}.azurecr.io"),
    "microsoft.documentdb/databaseaccounts": _one("documentEndpoint", "https://{name}.documents.azure.com:443/"),
    "microsoft.cache/redis": _one("hostName", "{name}.redis.cache.windows.net"),
    "microsoft.sql/servers": _one("fullyQualifiedDomainName", "{name}.database.windows.net"),
    "microsoft.dbforpostgresql/flexibleservers": _one("fullyQualifiedDomainName", "{name}.postgres.database.azure.com"),
    "microsoft.servicefabric/managedclusters": _managed_cluster,
    "microsoft.automation/automationaccounts": _one("RegistrationUrl", "https://{guid}.automation.instar.invalid/"),
    "microsoft.containerservice/managedclusters": _one("fqdn", "{name}.hcp.{location}.azmk8s.io"),
    "microsoft.web/sites": _one("defaultHostName", "{name}.azurewebsites.net"),
    "microsoft.batch/batchaccounts": _one("accountEndpoint", "{name}.{location}.batch.azure.com"),
}
