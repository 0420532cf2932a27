"""Where an upgrade is shown while it runs: a picture that is drawn again in place, or lines for a file or a pipe."""

from abc import ABC, abstractmethod
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.text import Text

from instar.client.showing.picture import picture
from instar.client.showing.upgrade_view import UpgradeView
from instar.compute.clock import utc_now
from instar.domain.legible import legible_line


def screen_for(name: str, console: Console) -> "Screen":
    """A picture where a person looks at a terminal that can draw one, else lines."""
    return LiveScreen(name, console) if can_draw(console) else Lines(name, console)


def can_draw(console: Console) -> bool:
    """Whether what was printed can be drawn again in its place."""
    return console.is_terminal and not console.is_dumb_terminal


@dataclass
class Screen(ABC):
    """Where an upgrade is shown."""

    name: str
    console: Console
    started_at: str = ""
    """When the upgrade that is shown began."""
    what: str = ""
    """What it is, in one line."""

    def begin(self, started_at: str, what: str) -> None:
        """From now on it is another upgrade."""
        self.started_at, self.what = started_at, what

    @property
    def context(self) -> AbstractContextManager[object]:
        """Open while something is shown."""
        return nullcontext()

    @abstractmethod
    def say(self, line: str) -> None:
        """Something beside the upgrade; said once."""

    @abstractmethod
    def away(self, line: str) -> None:
        """The API does not answer; said once, until it is back."""

    @abstractmethod
    def back(self, line: str) -> None:
        """The API answers; said if it had been away."""

    @abstractmethod
    def show(self, view: UpgradeView) -> None:
        """A moment of the upgrade."""


class LiveScreen(Screen):
    """A picture that is drawn again in place."""

    def __init__(self, name: str, console: Console) -> None:
        super().__init__(name, console)
        self._live = Live(console=console, refresh_per_second=4)
        self._shown: RenderableType = Text(f"{legible_line(name)}: looking")

    @property
    def context(self) -> AbstractContextManager[object]:
        return self._live

    def say(self, line: str) -> None:
        self._draw(Text(legible_line(line)))

    def away(self, line: str) -> None:
        # What was known last stays.
        words = Text(legible_line(line), style="bold red", no_wrap=True, overflow="ellipsis")
        self._live.update(Group(words, self._shown))

    def back(self, line: str) -> None:
        del line  # the picture goes on

    def _draw(self, shown: RenderableType, *, at_once: bool = False) -> None:
        self._shown = shown
        self._live.update(shown, refresh=at_once)

    def show(self, view: UpgradeView) -> None:
        # The last picture stays, so it need not fit the screen.
        height = None if view.status.ended else self.console.height
        beside = [line for line in (self.what, *view.pace(utc_now()), view.waits) if line]
        self._draw(picture(self.name, view, height, beside), at_once=view.status.ended)


class Lines(Screen):
    """Lines for a file or a pipe: each decision once, and the counts when they change."""

    def __init__(self, name: str, console: Console) -> None:
        super().__init__(name, console)
        self._decisions = 0
        self._last_line = ""
        self._is_away = False

    def say(self, line: str) -> None:
        if line != self._last_line:
            self._last_line = line
            self.console.print(legible_line(line), markup=False, highlight=False, soft_wrap=True)

    def away(self, line: str) -> None:
        # Each try fails in words of its own: one is enough.
        if not self._is_away:
            self._is_away = True
            self.say(line)

    def back(self, line: str) -> None:
        if self._is_away:
            self._is_away = False
            self.say(line)

    def begin(self, started_at: str, what: str) -> None:
        super().begin(started_at, what)
        self._decisions = 0
        if what:
            self.say(f"{self.name} {what}")

    def show(self, view: UpgradeView) -> None:
        for decision in view.decisions:
            if decision.sequence > self._decisions:
                self._decisions = decision.sequence
                self.say(decision.line)
        if view.status.ended:
            self.say(f"{self.name} {view.pace(utc_now())[0]}")
        self.say(f"{self.name} {'; '.join(filter(None, (view.headline, view.waits)))}")
        if view.status.ended and view.error:
            self.say(view.error)
