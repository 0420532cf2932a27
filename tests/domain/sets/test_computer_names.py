import pytest

from instar.domain.sets.computer_names import computer_name, prefix_fault


@pytest.mark.parametrize(
    ("number", "name"), [("0", "web000000"), ("9", "web000009"), ("35", "web00000Z"), ("46655", "web000ZZZ")]
)
def test_a_name_ends_in_six_digits_of_base_36(number: str, name: str) -> None:
    assert computer_name("web", number) == name


@pytest.mark.parametrize("prefix", ["a", "web-1", "a" * 58, "web.1", "7"])
def test_a_prefix_that_linux_takes(prefix: str) -> None:
    assert prefix_fault(prefix, windows=False) == ""


@pytest.mark.parametrize("prefix", ["", "a" * 59, "we_b", "we b", "we/b", "we\nb", "w\u00a0"])
def test_a_prefix_that_linux_refuses(prefix: str) -> None:
    assert prefix_fault(prefix, windows=False).startswith("Linux host name prefix cannot exceed 58 characters")


@pytest.mark.parametrize("prefix", ["a", "web-1", "a" * 9])
def test_a_prefix_that_windows_takes(prefix: str) -> None:
    assert prefix_fault(prefix, windows=True) == ""


@pytest.mark.parametrize("prefix", ["", "a" * 10, "123", "web.1", "we_b"])
def test_a_prefix_that_windows_refuses(prefix: str) -> None:
    assert prefix_fault(prefix, windows=True).startswith("Windows computer name prefix cannot be more than 9")
