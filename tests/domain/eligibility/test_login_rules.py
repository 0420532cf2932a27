import pytest

from instar.domain.eligibility.login_rules import custom_data_fault, password_fault, username_fault


@pytest.mark.parametrize("windows", [True, False])
@pytest.mark.parametrize("name", ["admin", "ADMINISTRATOR", "root", "a", "1", "support_388945a0", "o\nperator"])
def test_k6_names_that_azure_refuses(name: str, windows: bool) -> None:
    assert username_fault(name, windows=windows) == "The Admin Username specified is not allowed."


@pytest.mark.parametrize("name", ["o" * 21, "operator.", "op/erator", "op@erator"])
def test_k6_names_that_windows_alone_refuses(name: str) -> None:
    assert username_fault(name, windows=True).startswith("Windows admin user name cannot be more than 20")
    assert username_fault(name, windows=False) == ""


def test_k6_names_have_their_longest() -> None:
    assert username_fault("o" * 20, windows=True) == ""
    assert username_fault("o" * 64, windows=False) == ""
    assert "64 characters" in username_fault("o" * 65, windows=False)


@pytest.mark.parametrize("password", ["Aa1aaa", "aaaaa1!", "AAAAA1!", "Aaaaaa!", "Aa1" + "a" * 69, "pässword A1"])
def test_k6_passwords_that_linux_takes(password: str) -> None:
    assert password_fault(password, windows=False) == ""


@pytest.mark.parametrize(
    "password", ["Aa1aa", "aaaaaaa1", "AAAAAAAA", "Aa1" + "a" * 70, "Aa1!aaa\t", "Aa1!aaa\x7f", ""]
)
def test_k6_passwords_that_linux_refuses_without_repeating_them(password: str) -> None:
    fault = password_fault(password, windows=False)
    assert fault.startswith("The supplied password must be between 6-72 characters long")
    assert not password or password not in fault


@pytest.mark.parametrize(
    ("password", "taken"),
    [("Aa1aaaaa", True), ("Aa1aaaa", False), ("Aa1" + "a" * 120, True), ("Aa1" + "a" * 121, False)],
)
def test_k6_passwords_of_windows_are_longer(password: str, taken: bool) -> None:
    assert (password_fault(password, windows=True) == "") is taken


@pytest.mark.parametrize("password", ["P@$$w0rd", "Password22", "pass@word1", "iloveyou!"])
def test_k6_passwords_that_everybody_knows_are_refused(password: str) -> None:
    assert password_fault(password, windows=False) == "The Admin password specified is not allowed."


@pytest.mark.parametrize(
    ("data", "taken"), [("aGk=", True), ("aG\nk=", True), ("#cloud-config", False), ("a" * 87_384, False)]
)
def test_k6_custom_data_are_base64_and_not_too_long(data: str, taken: bool) -> None:
    assert (custom_data_fault(data) == "") is taken
