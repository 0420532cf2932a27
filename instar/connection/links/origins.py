"""Where linked templates may be fetched from: hosts, each with a port and with how its paths begin."""

import re
from dataclasses import dataclass
from typing import Self
from urllib.parse import unquote, urlsplit

HTTPS = 443
MOST_PORT = 65535

_HOST = re.compile(r"(?=.{1,253}\Z)(?!-)[a-z0-9-]{1,63}(?<!-)(\.(?!-)[a-z0-9-]{1,63}(?<!-))*", re.ASCII)
_ENTRY = re.compile(r"(?P<host>[^/:]+)(:(?P<port>\d{1,5}))?(?P<path>/[\w.~/-]*)?", re.ASCII)


@dataclass(frozen=True, slots=True)
class Origin:
    """A host whose templates are believed, or those below a path of it. `path` begins and ends with a slash."""

    host: str
    port: int = HTTPS
    path: str = "/"

    @classmethod
    def parsed(cls, text: str) -> Self:
        """One of the setting. Raises ValueError with a sentence that repeats nothing of what was given.

        >>> Origin.parsed("Files.example.com:8443/team")
        Origin(host='files.example.com', port=8443, path='/team/')
        """
        match = _ENTRY.fullmatch(text.strip())
        port = int(match["port"]) if match and match["port"] else HTTPS
        host = match["host"].lower() if match else ""
        if match is None or not _HOST.fullmatch(host) or host.replace(".", "").isdigit() or not 0 < port <= MOST_PORT:
            raise ValueError(
                "is no host name: one is like files.example.com, files.example.com:8443 or "
                "raw.githubusercontent.com/team/, without https:// and without wildcards"
            )
        path = match["path"] or "/"
        if has_steps(path):
            raise ValueError("has a path with '.' or '..' in it")
        return cls(host, port, path if path.endswith("/") else f"{path}/")

    def allows(self, address: str) -> bool:
        """Whether an https address is of this host and below this path.

        >>> team = Origin.parsed("files.example.com/team")
        >>> [team.allows(f"https://files.example.com/{path}") for path in ("team/a.json", "teams/a", "team/../b")]
        [True, False, False]
        """
        parts = urlsplit(address)
        if parts.hostname != self.host or (parts.port or HTTPS) != self.port or has_steps(parts.path):
            return False
        return parts.path.startswith(self.path)


def has_steps(path: str) -> bool:
    """Whether a path goes up, or may be read as if it did: servers differ in what they make of escaped ones."""
    for _ in range(3):
        if "\\" in path or any(word in (".", "..") for word in path.split("/")):
            return True
        path = unquote(path)
    return False
