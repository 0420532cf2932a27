"""The platform images that are known from the start (docs/rules.md I5). Their versions are published later."""

from typing import NamedTuple


class PlatformSku(NamedTuple):
    """One line of images; its versions follow each other."""

    publisher: str
    offer: str
    sku: str


PLATFORM_SKUS = (
    PlatformSku("Canonical", "UbuntuServer", "16.04-LTS"),
    PlatformSku("Canonical", "UbuntuServer", "18.04-LTS"),
    PlatformSku("OpenLogic", "CentOS", "7.5"),
    PlatformSku("MicrosoftWindowsServer", "WindowsServer", "2012-R2-Datacenter"),
    PlatformSku("MicrosoftWindowsServer", "WindowsServer", "2016-Datacenter"),
    PlatformSku("MicrosoftWindowsServer", "WindowsServer", "2016-Datacenter-Smalldisk"),
    PlatformSku("MicrosoftWindowsServer", "WindowsServer", "2016-Datacenter-with-Containers"),
    PlatformSku("MicrosoftWindowsServer", "WindowsServer", "2019-Datacenter"),
    PlatformSku("MicrosoftWindowsServer", "WindowsServer", "2019-Datacenter-Smalldisk"),
    PlatformSku("MicrosoftWindowsServer", "WindowsServer", "2019-Datacenter-with-Containers"),
    PlatformSku("MicrosoftWindowsServer", "WindowsServer", "Datacenter-Core-1903-with-Containers-smalldisk"),
)
"""In every location, with the case in which the original spells them."""
