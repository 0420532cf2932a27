"""What a page that is open wants to know, and how that is asked."""

from collections.abc import Hashable
from typing import Protocol

from api.page.asking import Answer, Api
from api.page.live.parts import Parts


class Refused(Exception):
    """The API did not tell what was asked."""

    def __init__(self, answer: Answer) -> None:
        super().__init__(answer.error)
        self.answer = answer


class Shown(Protocol):
    """What one look has found."""

    def parts(self, view: Hashable) -> Parts:
        """As those see it who look at it this way."""
        ...


class Question(Protocol):
    """Asked again and again, as long as somebody listens, by one asker at a time."""

    name: str
    """Questions of one name have one answer for all who have the same rights."""

    async def look(self, api: Api) -> Shown:
        """Ask now. Raises Refused."""
        ...

    def close(self) -> None:
        """Nobody asks any more: end what is under way."""
        ...
