"""What machines do, in the words, letters and colours of the page."""

from dataclasses import dataclass

from instar.domain.records.machine_doing import Doing


@dataclass(frozen=True, slots=True)
class Look:
    """How one word is shown. The letter and the word tell what the colour does."""

    word: str
    letter: str
    part: str
    """The colour, and the part of a batch's bar that it belongs to."""


LOOKS: dict[Doing, Look] = {
    Doing.WAITING: Look("waiting for its turn", "·", "still"),
    Doing.SWAPPING: Look("being swapped", "~", "work"),
    Doing.HEALTH_WAIT: Look("waiting to be healthy", "?", "work"),
    Doing.ON_TARGET: Look("healthy on the target", "#", "good"),
    Doing.HEALTHY: Look("healthy", "=", "fine"),
    Doing.STARTING: Look("starting", "s", "work"),
    Doing.STOPPED: Look("stopped by its owner", "o", "still"),
    Doing.SKIPPED: Look("left out", "-", "still"),
    Doing.PROTECTED: Look("protected", "P", "still"),
    Doing.NOT_SEEN: Look("not looked at yet", "_", "still"),
    Doing.VANISHED: Look("vanished", "v", "still"),
    Doing.ROLLED_BACK: Look("rolled back", "R", "back"),
    Doing.FAILED: Look("failed", "X", "bad"),
    Doing.SICK_BEFORE: Look("sick before and after", "x", "bad"),
    Doing.UNHEALTHY: Look("unhealthy", "U", "bad"),
    Doing.NEEDS_PERSON: Look("needs a person", "!", "bad"),
}

PARTS = ("good", "fine", "work", "bad", "back", "still")
"""Of a bar, from the left."""
