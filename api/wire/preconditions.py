"""`If-Match` and `If-None-Match`: a change is made only of what the client has seen, or only of what is not there."""

from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Header

from api.wire.errors import ArmError

ANY = "*"


@dataclass(frozen=True)
class Preconditions:
    """What the headers say, "" where they were not sent. Each is `*` or a list of entity tags."""

    if_match: str = ""
    if_none_match: str = ""

    def check(self, tag: str, what: str = "resource") -> None:
        """Raises ArmError 412. `tag`: the resource's own, quoted, "" if there is none; `what`: its kind."""
        if self.if_match and not (tag and _names(self.if_match, tag)):
            raise _failed("If-Match", self.if_match, tag, what)
        if self.if_none_match and tag and _names(self.if_none_match, tag):
            raise _failed("If-None-Match", self.if_none_match, tag, what)


NO_PRECONDITIONS = Preconditions()


async def preconditions(
    if_match: Annotated[str, Header(alias="If-Match", description="the etag that it must have")] = "",
    if_none_match: Annotated[str, Header(alias="If-None-Match", description="*: create only")] = "",
) -> Preconditions:
    """Read the headers."""
    return Preconditions(if_match.strip(), if_none_match.strip())


PreconditionsDep = Annotated[Preconditions, Depends(preconditions)]


def _names(given: str, tag: str) -> bool:
    tags = [part.strip().removeprefix("W/") for part in given.split(",")]
    return given == ANY or tag in tags


def _failed(header: str, given: str, tag: str, what: str) -> ArmError:
    shown = "".join(character for character in given[:40] if character.isprintable())
    there = f"the {what}'s etag is '{tag}'" if tag else f"there is no such {what}"
    return ArmError(412, "PreconditionFailed", f"{header} is '{shown}', but {there}.")
