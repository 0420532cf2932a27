"""What the machines of a set are called inside: a prefix and the instance's number, as Azure builds it."""

import re

NUMBER_DIGITS = 6
LINUX_PREFIX_AT_MOST, WINDOWS_PREFIX_AT_MOST = 58, 9
"""Characters: a name has 64 on Linux and 15 on Windows, and six are the number's."""

REFUSED_ON_LINUX = "` ~ ! @ # $ % ^ & * ( ) = + _ [ ] { } \\ | ; : ' \" , < > / ?"
REFUSED_ON_WINDOWS = "` ~ ! @ # $ % ^ & * ( ) = + _ [ ] { } \\ | ; : . ' \" , < > / ?"

_DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"


def computer_name(prefix: str, instance_id: str) -> str:
    """The prefix and six digits of base 36; more of them where six do not do.

    >>> computer_name("web", "0"), computer_name("web", "10"), computer_name("web", "36")
    ('web000000', 'web00000A', 'web000010')
    """
    number, digits = int(instance_id), ""
    while number:
        number, digit = divmod(number, len(_DIGITS))
        digits = _DIGITS[digit] + digits
    return prefix + digits.rjust(NUMBER_DIGITS, "0")


def prefix_fault(prefix: str, *, windows: bool) -> str:
    """Why a prefix is refused, in Azure's words; "" where it is not.

    >>> prefix_fault("web", windows=True)
    ''
    >>> prefix_fault("a-long-prefix", windows=True)[:66]
    'Windows computer name prefix cannot be more than 9 characters long'
    """
    refused = (REFUSED_ON_WINDOWS if windows else REFUSED_ON_LINUX).replace(" ", "")
    odd = any(character in refused or character.isspace() or not character.isprintable() for character in prefix)
    if windows:
        if odd or len(prefix) > WINDOWS_PREFIX_AT_MOST or re.fullmatch(r"[0-9]*", prefix):
            return (
                f"Windows computer name prefix cannot be more than {WINDOWS_PREFIX_AT_MOST} characters long, be "
                f"entirely numeric, or contain the following characters: {REFUSED_ON_WINDOWS}."
            )
    elif odd or not prefix or len(prefix) > LINUX_PREFIX_AT_MOST:
        return (
            f"Linux host name prefix cannot exceed {LINUX_PREFIX_AT_MOST} characters in length or contain the "
            f"following characters: {REFUSED_ON_LINUX}."
        )
    return ""
