"""A network of one's own, and what is said where there is none."""

import subprocess
import sys
from pathlib import Path

import pytest

from instar.stack.guard import network
from instar.stack.guard.place import made
from instar.stack.guard.server import InnerPorts
from instar.stack.stack import Ports
from instar.stack.up import how_to_reach_temporal

PORTS = Ports(api=1, temporal=2, ui=3, inner=InnerPorts(temporal=4711, ui=4712, http=4713, metrics=4714))

ASK = """
import os, socket
from pathlib import Path
from instar.stack.guard.network import leave_for_own_network

before = socket.create_server(("127.0.0.1", 0))
stranger = socket.create_server(("127.0.0.1", 0))
if not leave_for_own_network():
    print("refused")
    raise SystemExit
inside = socket.create_server(("127.0.0.1", 7233))
socket.create_connection(("127.0.0.1", 7233), 5).close()
try:
    socket.create_connection(stranger.getsockname(), 5)
except ConnectionRefusedError:
    print("alone", os.getuid(), os.access(Path.home(), os.W_OK))
"""


def test_in_a_network_of_its_own_a_process_reaches_itself_and_nobody_else() -> None:
    done = subprocess.run([sys.executable, "-c", ASK], capture_output=True, text=True, check=True)  # noqa: S603  # ourselves
    if done.stdout.strip() == "refused":
        pytest.skip("this system gives nobody a network of his own")
    assert done.stdout.split()[0] == "alone", done.stderr


def test_elsewhere_than_on_linux_there_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(network.sys, "platform", "darwin")  # type: ignore[attr-defined]  # a module that it imports
    assert not network.leave_for_own_network()


@pytest.mark.parametrize("own_network", [True, False])
def test_what_is_not_closed_is_said_at_the_start(tmp_path: Path, own_network: bool) -> None:
    made(tmp_path, 2, 3, own_network=own_network)
    told = "\n".join(how_to_reach_temporal(tmp_path, PORTS))
    assert f"TEMPORAL_CONFIG_FILE={tmp_path}/temporal.toml" in told
    assert "/instar/open?link=" in told
    assert ("NOT CLOSED" in told) is not own_network
    assert ("4711" in told) is not own_network
