"""What Azure wants to be given with a new scale set, and of what kind it must be, in its codes and sentences.

Sets that were stored before these rules, and adopted ones, go on as they are: of a changed set only that is refused
which it was not like before (`newly_refused`).
"""

from collections.abc import Iterator, Mapping
from typing import Any

from instar.domain.eligibility.blockers import INVALID_PARAMETER, Blocker
from instar.domain.eligibility.login_rules import custom_data_fault, password_fault, username_fault
from instar.domain.sets.computer_names import prefix_fault

Document = Mapping[str, Any]

_INTERFACES = "networkInterfaceConfigurations"


def is_adopted(document: Document) -> bool:
    """Whether the set is made for machines that are there already: whoever set them up, their log-in is not here.

    >>> is_adopted({"properties": {"instar": {"adopted": True}}})
    True
    """
    return _at(document, "properties", "instar").get("adopted") is True


def required_blockers(document: Document, *, windows: bool, password_kept: bool = False) -> tuple[Blocker, ...]:
    """Why a well-shaped document is no new set's: what it lacks, and names and passwords that Azure refuses.

    `password_kept`: the set has a password from before, which a document that does not speak of it leaves there.
    """
    profile = _at(document, "properties", "virtualMachineProfile")
    found = [*_policy(document)]
    if not is_adopted(document) or profile.get("osProfile"):
        found += _system(profile, windows=windows, password_kept=password_kept)
    if not is_adopted(document) or profile.get("networkProfile"):
        found += _network(profile)
    return tuple(found)


def newly_refused(
    after: tuple[Blocker, ...], before: tuple[Blocker, ...], documents: tuple[Document, Document]
) -> tuple[Blocker, ...]:
    """The reasons against a changed set that did not speak against it before, or speak against what was changed.

    `documents`: before the change, and after it.
    """
    were, are = (_at(document, "properties", "virtualMachineProfile", "osProfile") for document in documents)
    return tuple(
        blocker for blocker in after if blocker not in before or were.get(blocker.target) != are.get(blocker.target)
    )


def _policy(document: Document) -> Iterator[Blocker]:
    """How a changed model reaches the machines. A Flexible set has no need to say."""
    properties = _at(document, "properties")
    if str(properties.get("orchestrationMode")).lower() == "flexible":
        return
    if not properties.get("upgradePolicy"):
        yield _missing("upgradePolicy")
    elif not properties["upgradePolicy"].get("mode"):
        yield _missing("upgradePolicy.mode")


def _system(profile: Document, *, windows: bool, password_kept: bool) -> Iterator[Blocker]:
    given = _at(profile, "osProfile")
    if not given:
        yield _missing("osProfile")
        return
    prefix, username = given.get("computerNamePrefix"), given.get("adminUsername")
    if prefix is not None and (fault := prefix_fault(prefix, windows=windows)):
        yield Blocker(INVALID_PARAMETER, fault, "computerNamePrefix")
    if not username:
        yield _missing("adminUsername")
    elif fault := username_fault(username, windows=windows):
        yield Blocker(INVALID_PARAMETER, fault, "adminUsername")
    yield from _log_in(given, windows=windows, password_kept=password_kept)
    if (custom_data := given.get("customData")) and (fault := custom_data_fault(custom_data)):
        yield Blocker(INVALID_PARAMETER, fault, "customData")


def _log_in(given: Document, *, windows: bool, password_kept: bool) -> Iterator[Blocker]:
    """A password, or on Linux a key; a key where passwords are off."""
    password = given.get("adminPassword")
    if password and (fault := password_fault(password, windows=windows)):
        yield Blocker(INVALID_PARAMETER, fault, "adminPassword")
    linux = _at(given, "linuxConfiguration")
    keys = _at(linux, "ssh").get("publicKeys")
    off = str(linux.get("disablePasswordAuthentication")).lower() == "true"
    if not windows and off and not keys:
        sentence = "Authentication using either SSH or by user name and password must be enabled in Linux profile."
        yield Blocker(INVALID_PARAMETER, sentence, "linuxConfiguration")
    elif not (password or (keys and not windows) or (password_kept and "adminPassword" not in given)):
        yield _missing("adminPassword")


def _network(profile: Document) -> Iterator[Blocker]:
    given = _at(profile, "networkProfile")
    interfaces = given.get(_INTERFACES)
    if not given:
        yield _missing("networkProfile")
    elif not interfaces:
        yield _missing(f"networkProfile.{_INTERFACES}")
    for index, interface in enumerate(interfaces or ()):
        path = f"{_INTERFACES}[{index}]"
        if not interface.get("name"):
            yield _missing(f"{path}.name")
        addresses = _at(interface, "properties").get("ipConfigurations")
        if not isinstance(addresses, list) or not addresses:
            yield _missing(f"{path}.properties.ipConfigurations")
            continue
        for number, address in enumerate(addresses):
            yield from _address(address, f"{path}.properties.ipConfigurations[{number}]")


def _address(address: Any, path: str) -> Iterator[Blocker]:
    known = address if isinstance(address, Mapping) else {}
    if not known.get("name"):
        yield _missing(f"{path}.name")
    if not _at(known, "properties", "subnet").get("id"):
        yield _missing(f"{path}.properties.subnet.id")


def _missing(name: str) -> Blocker:
    return Blocker(INVALID_PARAMETER, f"Required parameter '{name}' is missing (null).", name)


def _at(document: Document, *path: str) -> Document:
    """The object under the keys; an empty one where there is none."""
    value: Any = document
    for key in path:
        value = value.get(key) if isinstance(value, Mapping) else None
    return value if isinstance(value, Mapping) else {}
