"""The agent in a guest: whether it is connected, and whether it answers."""

from typing import Any
from xml.etree import ElementTree as ET

import libvirt
import libvirt_qemu

CHANNEL = "org.qemu.guest_agent.0"
"""The virtio port on which QEMU's guest agent listens."""

PING = '{"execute": "guest-ping"}'
PING_SECONDS = 5


def is_connected(domain: Any) -> bool:
    """Whether an agent in the guest holds its end of the channel open: guests without one never do."""
    live = ET.fromstring(domain.XMLDesc(0))  # noqa: S314  # libvirt's own XML
    return any(
        target.get("name") == CHANNEL and target.get("state") == "connected"
        for target in live.iterfind("devices/channel/target")
    )


def why_silent(_connection: Any, domain: Any) -> str:
    """Why a connected agent counts as silent; "" if it answers, or is connected no more."""
    try:
        libvirt_qemu.qemuAgentCommand(domain, PING, PING_SECONDS, 0)
    except libvirt.libvirtError as error:
        if error.get_error_domain() == libvirt.VIR_FROM_RPC:
            raise
        silent = error.get_error_code() == libvirt.VIR_ERR_AGENT_UNRESPONSIVE  # all else is an answer, or not its doing
        if silent and domain.isActive() and is_connected(domain):
            return "its guest agent is connected and does not answer"
    return ""
