"""The guest's agent: asked where it is connected, on libvirt's mock driver."""

from pathlib import Path
from xml.etree import ElementTree as ET

import libvirt
import libvirt_qemu
import pytest

from instar.compute.errors import Unavailable
from instar.compute.libvirt.guests import agents
from instar.domain.health.sources import HealthSource
from instar.domain.machines.instances import HealthState
from tests.libvirt.scene import NEW, NEWER, SETTINGS, Scene

DEFAULT = HealthSource()


def refused(code: int, of: int = libvirt.VIR_FROM_QEMU) -> Exception:
    """What the binding raises, with that code."""
    error: Exception = libvirt.libvirtError("refused")
    vars(error)["err"] = (code, of, "refused", 2, "", "", "", 0, 0)
    return error


@pytest.fixture
def asked(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> "Asked":
    one = Asked(scene)
    xml = libvirt.virDomain.XMLDesc
    monkeypatch.setattr(libvirt_qemu, "qemuAgentCommand", one.command)
    monkeypatch.setattr(libvirt.virDomain, "XMLDesc", lambda domain, flags: one.live(domain, xml(domain, flags)))
    return one


class Asked:
    """Agents, by the number of their machine: connected or not, and what libvirt says when one is asked."""

    def __init__(self, scene: Scene) -> None:
        self.scene = scene
        self.connected: set[str] = set()
        self.errors: dict[str, Exception] = {}
        self.commands: list[str] = []
        self.leaves = False
        """Whether an agent goes when it is asked."""

    def live(self, domain: libvirt.virDomain, xml: str) -> str:
        described = ET.fromstring(xml)  # noqa: S314  # libvirt's own
        for target in described.iterfind("devices/channel/target"):
            target.set("state", "connected" if self._number(domain) in self.connected else "disconnected")
        return ET.tostring(described, encoding="unicode")

    def command(self, domain: libvirt.virDomain, command: str, _seconds: int, _flags: int) -> str:
        self.commands.append(command)
        if self.leaves:
            self.connected.clear()
        if error := self.errors.get(self._number(domain)):
            raise error
        return '{"return": {}}'

    def _number(self, domain: libvirt.virDomain) -> str:
        return str(domain.name()).rpartition("_")[2]


async def test_a_machine_is_made_with_a_channel_for_an_agent_and_keeps_it(scene: Scene) -> None:
    await scene.has(1)
    await scene.fleet.swap_os_disk(scene.effect(), NEW, NEWER)
    [channel] = ET.fromstring(scene.xml()).iterfind("devices/channel/target")  # noqa: S314  # libvirt's own
    assert (channel.get("type"), channel.get("name")) == ("virtio", "org.qemu.guest_agent.0")


async def test_a_machine_is_made_without_that_channel_where_it_is_not_wanted(tmp_path: Path) -> None:
    with Scene(tmp_path, SETTINGS.model_copy(update={"guest_agent": False})) as scene:
        await scene.has(1)
        assert "<channel" not in scene.xml()


async def test_h2_only_a_connected_agent_that_is_silent_makes_a_running_machine_unhealthy(asked: Asked) -> None:
    await asked.scene.has(3)
    asked.connected = {"0", "1"}
    silent = refused(libvirt.VIR_ERR_AGENT_UNRESPONSIVE)
    asked.errors = {"1": silent, "2": silent}
    seen = await asked.scene.fleet.observe_health(asked.scene.scale_set, DEFAULT)
    assert [(one.state, one.detail) for one in seen] == [
        (HealthState.HEALTHY, ""),
        (HealthState.UNHEALTHY, "its guest agent is connected and does not answer"),
        (HealthState.HEALTHY, ""),
    ]
    assert asked.commands == [agents.PING] * 2


async def test_h2_an_agent_that_answers_with_an_error_has_answered(asked: Asked) -> None:
    await asked.scene.has(1)
    asked.connected = {"0"}
    asked.errors = {"0": refused(libvirt.VIR_ERR_INTERNAL_ERROR)}
    [seen] = await asked.scene.fleet.observe_health(asked.scene.scale_set, DEFAULT)
    assert seen.state is HealthState.HEALTHY


async def test_h2_an_agent_that_went_while_it_was_asked_says_nothing_against_its_machine(asked: Asked) -> None:
    await asked.scene.has(1)
    asked.connected = {"0"}
    asked.leaves = True
    asked.errors = {"0": refused(libvirt.VIR_ERR_AGENT_UNRESPONSIVE)}
    [seen] = await asked.scene.fleet.observe_health(asked.scene.scale_set, DEFAULT)
    assert (seen.state, asked.commands) == (HealthState.HEALTHY, [agents.PING])


async def test_h7_a_connection_lost_while_an_agent_is_asked_says_nothing_of_its_machine(asked: Asked) -> None:
    await asked.scene.has(1)
    asked.connected = {"0"}
    asked.errors = {"0": refused(libvirt.VIR_ERR_RPC, libvirt.VIR_FROM_RPC)}
    with pytest.raises(Unavailable):
        await asked.scene.fleet.observe_health(asked.scene.scale_set, DEFAULT)
