"""401: what was wrong with the token, and where to get a good one (`WWW-Authenticate`)."""

from starlette.types import Scope

from api.wire.errors import ArmError


def unauthenticated(reason: str, login_at: str) -> ArmError:
    """`reason` says what is wrong with the token that was given, "" if none was."""
    if not reason:
        challenge, code = "", "AuthenticationFailed"
        message = "Authentication failed. The 'Authorization' header is missing."
    else:
        challenge = f', error="invalid_token", error_description="{quotable(reason)}"'
        code = "InvalidAuthenticationToken"
        message = f"The access token is not good: {reason}."
    header = f'Bearer authorization_uri="{quotable(login_at)}"{challenge}'
    return ArmError(401, code, message, headers={"WWW-Authenticate": header})


def quotable(text: str) -> str:
    r"""What may stand between the quotation marks of a header, whatever a token made a library say.

    >>> quotable('Token is missing the "exp" claim'), quotable("a\r\nX: \u2028y")
    ("Token is missing the 'exp' claim", 'a??X: ?y')
    """
    plain = text.replace('"', "'").replace("\\", "/")
    return "".join(one if " " <= one <= "~" else "?" for one in plain)


def authority(scope: Scope) -> str:
    """Scheme and host as the request says, without what is none."""
    host = dict(scope["headers"]).get(b"host", b"localhost").decode("latin-1")
    safe = "".join(character for character in host[:260] if character.isalnum() or character in ".:-[]")
    return f"{scope.get('scheme', 'https')}://{safe}"
