"""Names and passwords that Azure refuses for the administrator of a machine, by its published description."""

import base64
import binascii
import re

_USERNAMES = """
    administrator admin user user1 test user2 test1 user3 admin1 1 123 a actuser adm admin2 aspnet backup console david
    guest john owner root server sql support support_388945a0 sys test2 test3 user4 user5
"""
_PASSWORDS = """
    abc@123 P@$$w0rd P@ssw0rd P@ssword123 Pa$$word pass@word1 Password! Password1 Password22 iloveyou!
"""
USERNAMES, PASSWORDS = frozenset(_USERNAMES.split()), frozenset(_PASSWORDS.split())

USERNAME_AT_MOST = {True: 20, False: 64}
"""Characters, on Windows and elsewhere."""
PASSWORD_LENGTHS = {True: (8, 123), False: (6, 72)}
"""Characters, on Windows and elsewhere: at least, at most."""
CUSTOM_DATA_AT_MOST = 87_380
"""Characters of base 64."""

_CLASSES = (r"[A-Z]", r"[a-z]", r"[0-9]", r"[\W_]")
_CLASSES_AT_LEAST = 3
_REFUSED_ON_WINDOWS = '\\ / " [ ] : | < > + = ; , ? * @ &'


def username_fault(name: str, *, windows: bool) -> str:
    """Why a name is refused, in Azure's words; "" where it is not.

    >>> username_fault("operator", windows=False), username_fault("Root", windows=False)
    ('', 'The Admin Username specified is not allowed.')
    """
    if name.lower() in USERNAMES or not name.isprintable():
        return "The Admin Username specified is not allowed."
    at_most = USERNAME_AT_MOST[windows]
    refused = _REFUSED_ON_WINDOWS.replace(" ", "")
    if windows and (len(name) > at_most or name.endswith(".") or any(character in refused for character in name)):
        return (
            f"Windows admin user name cannot be more than {at_most} characters long, end with a period(.), or contain "
            f"the following characters: {_REFUSED_ON_WINDOWS}."
        )
    return f"Linux admin user name cannot be more than {at_most} characters long." if len(name) > at_most else ""


def password_fault(password: str, *, windows: bool) -> str:
    """Why a password is refused, in Azure's words, which do not repeat it; "" where it is not.

    >>> password_fault("correct Horse 1", windows=True), password_fault("Password22", windows=False)
    ('', 'The Admin password specified is not allowed.')
    """
    if password in PASSWORDS:
        return "The Admin password specified is not allowed."
    at_least, at_most = PASSWORD_LENGTHS[windows]
    has = sum(re.search(kind, password, re.ASCII) is not None for kind in _CLASSES)
    control = any(ord(character) < ord(" ") or ord(character) == 127 for character in password)  # noqa: PLR2004  # DEL
    if at_least <= len(password) <= at_most and has >= _CLASSES_AT_LEAST and not control:
        return ""
    return (
        f"The supplied password must be between {at_least}-{at_most} characters long and must satisfy at least "
        f"{_CLASSES_AT_LEAST} of password complexity requirements from the following:\r\n1) Contains an uppercase "
        "character\r\n2) Contains a lowercase character\r\n3) Contains a numeric digit\r\n4) Contains a special "
        "character\r\n5) Control characters are not allowed"
    )


def custom_data_fault(custom_data: str) -> str:
    """Why custom data are refused, in Azure's words; "" where they are not.

    >>> custom_data_fault("I2Nsb3VkLWNvbmZpZwo=")
    ''
    """
    try:
        base64.b64decode("".join(custom_data.split()), validate=True)
    except (binascii.Error, ValueError):
        fits = False
    else:
        fits = len(custom_data) <= CUSTOM_DATA_AT_MOST
    if fits:
        return ""
    return (
        "Custom data in OSProfile must be in Base64 encoding and with a maximum length of "
        f"{CUSTOM_DATA_AT_MOST} characters."
    )
