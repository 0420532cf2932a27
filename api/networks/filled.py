"""What Azure fills into network resources, always the same for the same resource: ids, addresses, names.

No address here is anybody's: they are of the ranges that are kept for benchmarks (RFC 2544) and documentation (RFC
3849), names end in `.invalid` (RFC 2606). Whoever follows one meets nobody, least of all a stranger.
"""

import uuid
from hashlib import sha256
from ipaddress import IPv4Network, IPv6Network
from typing import Any

from instar.store.resources import StoredResource

Json = dict[str, Any]

ADDRESSES: dict[str, IPv4Network | IPv6Network] = {
    "IPv4": IPv4Network("198.18.0.0/15"),
    "IPv6": IPv6Network("2001:db8::/32"),
}
DOMAIN = "cloudapp.instar.invalid"
IPV4, IPV6 = ADDRESSES
PREFIX_LENGTHS = {IPV4: (28, range(21, 32)), IPV6: (124, range(104, 128))}
"""Of public prefixes: the length where none is said, and what there may be."""


def resource_guid(stored: StoredResource) -> Json:
    """What every kind has."""
    return {"resourceGuid": str(uuid.uuid5(uuid.NAMESPACE_URL, stored.resource_id.lower()))}


def public_address(stored: StoredResource) -> Json:
    """The address of a public IP address, and the full name of its label."""
    properties = stored.document.get("properties") or {}
    found: Json = {"ipAddress": _address(stored, _version(properties))}
    settings = properties.get("dnsSettings")
    if isinstance(settings, dict) and (label := settings.get("domainNameLabel")):
        fqdn = f"{label}.{stored.document['location']}.{DOMAIN}".lower()
        found["dnsSettings"] = {**settings, "fqdn": fqdn}
    return found


def public_prefix(stored: StoredResource) -> Json:
    """The addresses of a public IP prefix, and how long the prefix is."""
    properties = stored.document.get("properties") or {}
    version = _version(properties)
    usual, allowed = PREFIX_LENGTHS[version]
    given = str(properties.get("prefixLength"))
    length = int(given) if given.isdigit() and int(given) in allowed else usual
    kind = type(ADDRESSES[version])
    return {"prefixLength": length, "ipPrefix": str(kind(f"{_address(stored, version)}/{length}", strict=False))}


def private_address(stored: StoredResource, name: str, properties: Json) -> Json:
    """The address of a frontend in a subnet that has none of its own."""
    return {"privateIPAddress": _address(stored, IPV4, name)} if properties.get("subnet") else {}


def _version(properties: Json) -> str:
    return IPV6 if str(properties.get("publicIPAddressVersion")).lower() == IPV6.lower() else IPV4


def _address(stored: StoredResource, version: str, part: str = "") -> str:
    """One of the range, neither its first nor its last; of a part of a resource if that is named."""
    among = ADDRESSES[version]
    whose = f"{stored.resource_id}/{part}" if part else stored.resource_id
    number = int.from_bytes(sha256(whose.lower().encode()).digest()[:16], "big")
    return str(among[1 + number % (among.num_addresses - 2)])
