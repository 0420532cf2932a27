import socket
from contextlib import closing
from pathlib import Path

import pytest

from instar.errors import Trouble
from instar.stack import ports
from instar.stack.ports import FREE_PORTS, LOOPBACK, answers, choose_ports


def listener() -> socket.socket:
    taken = socket.create_server((LOOPBACK, 0))
    taken.listen()
    return taken


def test_a_taken_port_is_named_with_the_option_that_chooses_another(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ports, "GRACE_SECONDS", 0.1)
    with closing(listener()) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(Trouble, match=rf"port {port} is taken; choose another with --ui-port N") as raised:
            choose_ports({"--api-port": 0, "--ui-port": port})
    assert "--ui-port 0" in str(raised.value)


def test_zero_takes_free_ports_that_all_differ() -> None:
    chosen = choose_ports({f"--{n}": 0 for n in range(20)})
    assert len(set(chosen.values())) == 20
    assert 0 not in chosen.values()


def test_the_same_port_twice_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ports, "GRACE_SECONDS", 0.1)
    free = choose_ports({"--any": 0})["--any"]
    with pytest.raises(Trouble, match=f"port {free} is taken"):
        choose_ports({"--api-port": free, "--ui-port": free})


def test_chosen_ports_are_free_again_for_whom_they_were_chosen() -> None:
    port = choose_ports({"--any": 0})["--any"]
    assert not answers(port)
    with closing(socket.create_server((LOOPBACK, port))):
        assert answers(port)


def test_a_port_that_cannot_be_is_refused() -> None:
    with pytest.raises(Trouble, match="port 70000 cannot be used"):
        choose_ports({"--api-port": 70000})


def test_free_ports_are_none_that_the_kernel_gives_to_outgoing_connections() -> None:
    first = Path("/proc/sys/net/ipv4/ip_local_port_range")
    if not first.exists():
        pytest.skip("this system does not tell its range")
    low, high = map(int, first.read_text().split())
    if low <= FREE_PORTS[-1]:
        pytest.skip("the range of this system was widened")
    chosen = choose_ports({f"--{n}": 0 for n in range(20)})
    assert not [port for port in chosen.values() if low <= port <= high]
