"""A machine's profiles as ARM shows them: what the set's model says of each of its machines, under its own name."""

from collections.abc import Mapping
from typing import Any

from api.shapes.set_defaults import LINUX, WINDOWS, filled, system_of, with_defaults
from instar.domain.machines.instances import Instance, OsDisk
from instar.domain.sets.computer_names import LINUX_PREFIX_AT_MOST, WINDOWS_PREFIX_AT_MOST, computer_name
from instar.store.database.secret_places import without_secrets
from instar.store.sets.stored_scale_set import StoredScaleSet

Json = dict[str, Any]

_PATCHES = {LINUX: "ImageDefault", WINDOWS: "AutomaticByOS"}
"""How a system is patched where `patchSettings.patchMode` does not say."""


_AS_IN_THE_MODEL = (
    *("licenseType", "priority", "evictionPolicy", "billingProfile"),
    *("diagnosticsProfile", "securityProfile", "additionalCapabilities"),
)
"""Members that a machine has as its set's model has them."""


class MachineProfiles:
    """What all machines of a set have in common, read from its document once."""

    def __init__(self, stored: StoredScaleSet) -> None:
        document = without_secrets(with_defaults(stored.document))
        profile = (document.get("properties") or {}).get("virtualMachineProfile") or {}
        self.system = system_of(stored.document)
        self.tags: Json | None = document.get("tags")
        self.sku: Json = {key: value for key, value in _object(document.get("sku")).items() if key != "capacity"}
        self._as_in_the_model = {name: profile[name] for name in _AS_IN_THE_MODEL if profile.get(name) is not None}
        self._hardware: Json = _object(profile.get("hardwareProfile"))
        self._os_profile: Json = _object(profile.get("osProfile"))
        self._prefix = self._os_profile.pop("computerNamePrefix", None) or _default_prefix(stored, self.system)
        self._interfaces: list[Json] = (
            _object(profile.get("networkProfile")).get("networkInterfaceConfigurations") or []
        )
        self.storage: Json = _object(profile.get("storageProfile"))
        if self._os_profile and (patches := _PATCHES.get(self.system)):
            silent = {f"{self.system.lower()}Configuration": {"patchSettings": {"patchMode": patches}}}
            self._os_profile = filled(self._os_profile, silent)

    def computer_name(self, instance: Instance) -> str:
        """What the machine is called inside; "" of one whose set has no `osProfile`: whoever set it up named it."""
        return computer_name(self._prefix, instance.instance_id) if self._os_profile else ""

    def properties(self, path: str, instance: Instance) -> Json:
        """The members of `properties` of the machine whose resource id is `path`."""
        shown: Json = {"hardwareProfile": self._hardware, **self._as_in_the_model}
        if self._os_profile:
            shown["osProfile"] = {"computerName": self.computer_name(instance)} | self._os_profile
        if self._interfaces:
            ids = [f"{path}/networkInterfaces/{interface.get('name')}" for interface in self._interfaces]
            shown["networkProfile"] = {"networkInterfaces": [{"id": interface} for interface in ids]}
            shown["networkProfileConfiguration"] = {"networkInterfaceConfigurations": self._interfaces}
        return shown

    def view(self, instance: Instance) -> Json:
        """The members of `instanceView` that name the machine and what runs on it: of its model and its OS disk."""
        shown: Json = {}
        if name := self.computer_name(instance):
            shown["computerName"] = name
        disk: OsDisk | None = instance.os_disk
        if self.system and disk:
            shown |= {"osName": self.system, "osVersion": disk.image.version}
        return shown


def _default_prefix(stored: StoredScaleSet, system: str) -> str:
    return stored.identity.name[: WINDOWS_PREFIX_AT_MOST if system == WINDOWS else LINUX_PREFIX_AT_MOST]


def _object(value: Any) -> Json:
    return dict(value) if isinstance(value, Mapping) else {}
