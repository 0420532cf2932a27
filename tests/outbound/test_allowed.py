"""What may be called: by the URL alone, before any name is resolved."""

import doctest
from types import ModuleType

import pytest

from instar.compute.probing.reach import parsed
from instar.outbound import allowed as allowing
from instar.outbound import retry_after
from instar.outbound.allowed import Allowed
from instar.outbound.errors import NotAllowed

NOTHING = Allowed()


@pytest.mark.parametrize("module", [allowing, retry_after])
def test_the_examples_in_the_docstrings_hold(module: ModuleType) -> None:
    failed, tried = doctest.testmod(module)
    assert (failed, tried > 0) == (0, True)


@pytest.mark.parametrize(
    "url",
    [
        "https://hooks.example.com/instar?key=1",
        "https://hooks.example.com:8443",
        "https://10.1.2.3/x",
        "https://[fd12:3456::7]:9/x",
        "https://my_host/x",
        "https://xn--bcher-kva.example/",
    ],
)
def test_g4_https_to_any_address_that_is_not_special_may_be_called(url: str) -> None:
    assert str(NOTHING.checked(url)) == url


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("http://hooks.example.com/x", "https alone"),
        ("http://10.1.2.3/x", "https alone"),
        ("ftp://hooks.example.com/", "no URL of a web server"),
        ("hooks.example.com/x", "no URL of a web server"),
        ("https:///x", "no URL of a web server"),
        ("https://", "no URL of a web server"),
        ("https://[::1", "no URL"),
        ("https://user:hunter2@hooks.example.com/", "no user name and no password"),
        ("https://hunter2@hooks.example.com/", "no user name and no password"),
        ("https://@hooks.example.com/", "no user name and no password"),
        ("https://good.example.com\\@127.0.0.1/", "no backslashes"),
        ("https://hooks.example.com/#x", "no fragment"),
        ("https://hooks.example.com/#", "no fragment"),
        ("https://hooks.example.com:0/", "a port is from 1"),
        ("https://hooks.example.com:99999/", ""),
        ("https://hooks.example.com/a b", "no spaces"),
        ("https://hooks.example.com/\r\nX: y", "no spaces"),
        ("https://hooks.example.com/\u00e9", "ASCII"),
        ("https://hooks.example.com/" + "x" * 2048, "at most 2048"),
        ("https://127.0.0.1/", "loopback"),
        ("https://[::1]/", "loopback"),
        ("https://[::ffff:127.0.0.1]/", "loopback"),
        ("https://[64:ff9b::7f00:1]/", "loopback"),
        ("https://[2002:7f00:1::]/", "loopback"),
        ("https://0.0.0.0/", "unspecified"),
        ("https://169.254.169.254/latest/meta-data", "metadata service"),
        ("https://[fd00:ec2::254]/", "metadata service"),
        ("https://168.63.129.16/", "metadata service"),
        ("https://169.254.1.1/", "link-local"),
        ("https://[fe80::1]/", "link-local"),
        ("https://[fe80::1%25eth0]/", ""),
        ("https://224.0.0.1/", "multicast"),
        ("https://255.255.255.255/", "broadcast"),
        ("https://127.1/", "no address in the usual form"),
        ("https://2130706433/", "no address in the usual form"),
        ("https://0x7f.0.0.1/", "no address in the usual form"),
        ("https://0x7f000001/", "no address in the usual form"),
        ("https://0177.0.0.1/", "no URL"),
        ("https://127.0.0.1./", ""),
        ("https://localhost/", "this machine"),
        ("https://LOCALHOST./", "this machine"),
        ("https://x.localhost/", "this machine"),
        ("https://a..b/", "no host name"),
        ("https://%6c%6f%63alhost/", ""),
        ("", "no URL"),
    ],
)
def test_g4_anything_else_is_refused_with_what_is_wrong(url: str, said: str) -> None:
    with pytest.raises(NotAllowed) as refused:
        NOTHING.checked(url)
    assert said in str(refused.value)
    assert "hunter2" not in str(refused.value)


def test_g4_a_host_that_is_named_may_be_called_without_tls() -> None:
    allowed = Allowed.of(["Prometheus.lan", "127.0.0.1", "::1"])
    for url in ("http://prometheus.LAN:9090/", "http://127.0.0.1:1/", "http://[::1]/", "https://127.0.0.1/"):
        assert allowed.checked(url).host
    for url in ("http://other.lan/", "http://127.0.0.2/", "http://sub.prometheus.lan/", "https://localhost/"):
        with pytest.raises(NotAllowed):
            allowed.checked(url)


def test_g4_a_network_opens_its_special_addresses_but_not_http_to_them() -> None:
    allowed = Allowed.of(["169.254.0.0/16", "10.0.0.0/8"])
    assert allowed.checked("https://169.254.7.7/").host
    for url in ("http://169.254.7.7/", "http://10.0.0.1/", "https://127.0.0.1/"):
        with pytest.raises(NotAllowed):
            allowed.checked(url)


def test_g4_a_name_opens_no_special_address() -> None:
    with pytest.raises(NotAllowed, match="loopback"):
        Allowed.of(["prometheus.lan", "localhost"]).check_address(parsed("127.0.0.1"), 443)


def test_g4_an_address_that_means_another_one_needs_both_named() -> None:
    hidden = parsed("64:ff9b::7f00:1")
    for given in (["127.0.0.1"], ["64:ff9b::/96"]):
        with pytest.raises(NotAllowed):
            Allowed.of(given).check_address(hidden, 443)
    Allowed.of(["127.0.0.1", "64:ff9b::/96"]).check_address(hidden, 443)


@pytest.mark.parametrize("given", ["*", "*.example.com", "", "http://x", "10.0.0.1/8", "a b", "999.1.1.1", "x/8", "-x"])
def test_what_is_no_exception_is_refused_by_its_place(given: str) -> None:
    with pytest.raises(ValueError, match="entry 2 is no host name") as refused:
        Allowed.of(["good.lan", given])
    assert not given or given not in str(refused.value).replace("fd12:3456::/64", "").replace("127.0.0.1", "")
