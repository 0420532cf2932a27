"""Where probes may go: tables of addresses, and real sockets that hear of no probe that may not be made."""

import asyncio
import socket
from collections.abc import Callable
from datetime import timedelta

import pytest

from instar.compute.errors import NotProbed, Unavailable
from instar.compute.probing.prober import Prober, Target
from instar.compute.probing.questions import any_certificate, ask
from instar.compute.probing.reach import Listening, Reach, Within, networks_of
from instar.domain.health.sources import HealthSource, Protocol, SourceKind
from instar.domain.machines.instances import HealthState
from tests.support.http_servers import http, server

HTTP = HealthSource(kind=SourceKind.APPLICATION_HEALTH, interval=timedelta(0), port=80, path="/health")
TCP = HTTP.model_copy(update={"protocol": Protocol.TCP, "path": ""})
EVERYWHERE = Within(networks_of(["0.0.0.0/0", "::/0"]), setting=True)
SOME = Within(networks_of(["10.20.0.0/16", "192.0.2.8/31", "192.0.2.99", "fd12:3456::/64"]), setting=True)


@pytest.mark.parametrize(
    ("host", "what"),
    [
        ("127.0.0.1", "a loopback address"),
        ("127.255.255.254", "a loopback address"),
        ("::1", "a loopback address"),
        ("::ffff:127.0.0.1", "a loopback address"),
        ("::ffff:7f00:1", "a loopback address"),
        ("::127.0.0.1", "a loopback address"),
        ("64:ff9b::7f00:1", "a loopback address"),
        ("2002:7f00:1::", "a loopback address"),
        ("169.254.0.1", "a link-local address"),
        ("169.254.255.254", "a link-local address"),
        ("::ffff:169.254.7.7", "a link-local address"),
        ("fe80::1", "a link-local address"),
        ("febf:ffff::1", "a link-local address"),
        ("0.0.0.0", "an unspecified address"),  # noqa: S104
        ("0.1.2.3", "an unspecified address"),
        ("::", "an unspecified address"),
        ("::ffff:0.0.0.0", "an unspecified address"),
        ("224.0.0.1", "a multicast address"),
        ("239.255.255.255", "a multicast address"),
        ("ff02::1", "a multicast address"),
        ("255.255.255.255", "a broadcast address"),
        ("169.254.169.254", "a metadata service address"),
        ("::ffff:169.254.169.254", "a metadata service address"),
        ("64:ff9b::a9fe:a9fe", "a metadata service address"),
        ("168.63.129.16", "a metadata service address"),
        ("100.100.100.200", "a metadata service address"),
        ("fd00:ec2::254", "a metadata service address"),
        ("fe80::1%lo", "good on one interface only"),
        ("fd00::1%1", "good on one interface only"),
    ],
)
def test_what_is_never_probed_whatever_the_setting_holds(host: str, what: str) -> None:
    said = EVERYWHERE.why_not(host, 80)
    assert what in said
    assert said.endswith("and those are never probed")


@pytest.mark.parametrize(
    "host",
    [
        "localhost",
        "metadata.google.internal",
        "",
        "127.1",
        "0x7f.0.0.1",
        "2130706433",
        "10.20.0.1/16",
        "10.20.0.1 ",
        "[::1]",
    ],
)
def test_what_is_no_address_is_not_looked_up(host: str) -> None:
    assert EVERYWHERE.why_not(host, 80).endswith("is no IP address, and host names are not looked up")


@pytest.mark.parametrize(
    ("host", "may"),
    [
        ("10.20.0.1", True),
        ("10.20.255.254", True),
        ("10.19.255.255", False),
        ("10.21.0.0", False),
        ("::ffff:10.20.0.1", True),
        ("::ffff:10.21.0.1", False),
        ("::10.20.0.1", False),
        ("192.0.2.8", True),
        ("192.0.2.9", True),
        ("192.0.2.10", False),
        ("192.0.2.99", True),
        ("fd12:3456::", True),
        ("fd12:3456::ffff:ffff:ffff:ffff", True),
        ("fd12:3456:0:1::", False),
        ("8.8.8.8", False),
        ("2001:db8::1", False),
    ],
)
def test_the_networks_that_are_named_and_no_others(host: str, may: bool) -> None:
    said = SOME.why_not(host, 80)
    assert (said == "") is may
    assert may or "INSTAR_PROBES__NETWORKS names those that may be probed" in said


@pytest.mark.parametrize(("host", "may"), [("10.20.0.0", False), ("10.20.255.255", False), ("10.20.0.255", True)])
def test_a_networks_own_address_and_its_broadcast_address_are_no_machines(host: str, may: bool) -> None:
    assert (SOME.why_not(host, 80) == "") is may


def test_the_hypervisors_own_address_is_no_machines() -> None:
    [own] = networks_of(["10.20.0.1"])
    reach = Within(SOME.networks, frozenset({own.network_address}))
    assert reach.why_not("::ffff:10.20.0.1", 80) == "10.20.0.1 is the hypervisor's own address, and no machine's"
    assert reach.why_not("10.20.0.2", 80) == ""


def test_with_no_network_known_nothing_is_probed_and_the_setting_is_named() -> None:
    assert Within(()).why_not("10.20.0.1", 80).endswith("(a bridge is none): name it in INSTAR_PROBES__NETWORKS")


@pytest.mark.parametrize(
    ("host", "port", "may"),
    [
        ("127.0.0.1", 4711, True),
        ("127.0.0.1", 4712, False),
        ("127.0.0.2", 4711, False),
        ("::1", 4711, False),
        ("::ffff:127.0.0.1", 4711, False),
        ("localhost", 4711, False),
        ("10.20.0.1", 4711, False),
    ],
)
def test_the_loopback_is_reached_at_the_ports_alone_at_which_a_compute_itself_listens(
    host: str, port: int, may: bool
) -> None:
    assert (Listening(frozenset({4711})).why_not(host, port) == "") is may


@pytest.mark.parametrize("source", [HTTP, TCP])
@pytest.mark.parametrize("host", ["127.0.0.1", "0.0.0.0", "::ffff:127.0.0.1", "localhost", "127.1"])  # noqa: S104
async def test_h7_no_socket_is_opened_where_a_probe_may_not_go(host: str, source: HealthSource) -> None:
    async with server(http(200)) as served:
        _, writer = await asyncio.open_connection(host, served.port)  # the way is there
        writer.close()
        while not served.times:  # noqa: ASYNC110  # the server is a bystander
            await asyncio.sleep(0.01)
        served.times.clear()
        with pytest.raises(NotProbed):
            await Prober().look([Target("7", host, served.port, EVERYWHERE)], source)
        with pytest.raises(Unavailable, match="no probe is made"):
            await ask(any_certificate(), source, EVERYWHERE, host, served.port)
        await asyncio.sleep(0.05)
        assert served.times == []


async def test_h7_machines_that_may_be_asked_are_seen_by_readers_all_the_same_and_the_others_are_unknown() -> None:
    async with server(http(200)) as served:
        targets = [
            Target("10", "127.0.0.1", served.port, EVERYWHERE),
            Target("2", "127.0.0.1", served.port, Listening(frozenset({served.port}))),
            Target("9", "10.21.0.1", 80, SOME),
        ]
        with pytest.raises(NotProbed) as told:
            await Prober().look(targets, HTTP)
    seen = told.value.seen
    assert [(one.instance_id, one.state) for one in seen] == [
        ("10", HealthState.UNKNOWN),
        ("2", HealthState.HEALTHY),
        ("9", HealthState.UNKNOWN),
    ]
    assert seen[0].detail == "it is not probed: 127.0.0.1 is a loopback address, and those are never probed"
    assert "INSTAR_PROBES__NETWORKS" in seen[2].detail
    assert "instance 9, 10: " in str(told.value)
    assert "INSTAR_PROBES__NETWORKS" in str(told.value)
    assert "127.0.0.1" not in str(told.value), "it goes into Temporal's records, which hold no address"


async def test_a_redirect_is_an_answer_and_is_not_followed() -> None:
    async with server(http(200)) as secret:
        for status in (301, 302, 303, 307, 308):
            away = http(status, b"", f"Location: http://127.0.0.1:{secret.port}/")
            async with server(away) as served:
                reach = Listening(frozenset({served.port}))
                [seen] = await Prober().look([Target("7", "127.0.0.1", served.port, reach)], HTTP)
            assert seen.state is HealthState.UNHEALTHY
    assert secret.times == []


@pytest.mark.parametrize("written", [str, lambda address: f"::ffff:{address}"])
async def test_an_ipv4_address_in_a_network_that_is_named_is_really_asked(written: Callable[[str], str]) -> None:
    address = own_address(socket.AF_INET, "192.0.2.1")
    await asked_at(written(address), address, Within(networks_of([f"{address}/32"])))


async def test_an_ipv6_address_in_a_network_that_is_named_is_really_asked() -> None:
    address = own_address(socket.AF_INET6, "2001:db8::1")
    await asked_at(address, address, Within(networks_of([f"{address}/128"])))


async def asked_at(host: str, listens: str, reach: Reach) -> None:
    """Ask a server at that address, which answers 200 to its very name."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        name = f"[{listens}]" if ":" in listens else listens
        writer.write(http(200 if f"Host: {name}:" in head else 500))
        writer.close()

    serving = await asyncio.start_server(answer, listens, 0)
    async with serving:
        port = serving.sockets[0].getsockname()[1]
        patient = HTTP.model_copy(
            update={"interval": timedelta(minutes=1)}
        )  # with its time-out: a busy machine is slow
        [seen] = await Prober().look([Target("7", host, port, reach)], patient)
    assert seen.state is HealthState.HEALTHY, seen.detail


def own_address(family: socket.AddressFamily, towards: str) -> str:
    """An address of this machine that is not the loopback's; without one the test is skipped."""
    with socket.socket(family, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect((towards, 9))  # sends nothing
        except OSError:
            pytest.skip("this machine has no such address")
        address = str(probe.getsockname()[0])
    if EVERYWHERE.why_not(address, 80):
        pytest.skip("this machine has no such address")
    return address
