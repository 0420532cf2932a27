"""The audit log as a table that is readable at 80 columns: which set, what was done, who, how it ended: `instar audit`.

What is long is cut by rule: the reason and the caller's name. The name of a set is never cut: it goes on in the next
line. `--output json` has everything as it is.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from rich.table import Table
from rich.text import Text

from instar.domain.legible import legible, legible_line

REASON_AT_MOST = 160
NAME_AT_MOST = 28
"""Characters of a cell."""

SETS = "virtualmachinescalesets"
OURS = "instar"
FIRST_REFUSAL, FIRST_FAILURE = 400, 500
"""HTTP statuses."""

_HEADS = (("WHEN", 17), ("ON WHAT", 22), ("WHAT WAS DONE", None), ("WHO", 14), ("ENDED", 12))


@dataclass(frozen=True, slots=True)
class Subject:
    """What an entry is about, as its path tells."""

    name: str
    where: str
    """Where that is, or of which kind it is."""
    words: tuple[str, ...]
    """What of it: what stands behind its name in the path."""


def subject_of(path: str) -> Subject:
    """The scale set, where it is one; else the last thing that the path names, with its kind; else the path.

    >>> provider = "/providers/Microsoft.Compute/virtualMachineScaleSets"
    >>> subject_of(f"/subscriptions/s/resourceGroups/g{provider}/web/instar/upgrade")
    Subject(name='web', where='g', words=('upgrade',))
    >>> subject_of("/instar/holds/freeze"), subject_of("/")
    (Subject(name='freeze', where='holds', words=()), Subject(name='/', where='', words=()))
    """
    parts = [part for part in path.split("/") if part]
    lowered = [part.lower() for part in parts]
    if SETS in lowered[:-1]:
        at = lowered.index(SETS)
        group = parts[lowered.index("resourcegroups") + 1] if "resourcegroups" in lowered[:at] else ""
        words = tuple(part for part in parts[at + 2 :] if part.lower() != OURS)
        return Subject(parts[at + 1], group, words)
    if "publishers" in lowered[:-1]:
        at = lowered.index("publishers")
        named = zip(lowered[at::2], parts[at + 1 :: 2], strict=False)
        names = [name for kind, name in named if kind != "artifacttypes"]
        return Subject(" ".join(names), "image", ())
    if lowered[:1] == [OURS] and len(parts) > 2:  # noqa: PLR2004  # /instar/KIND/NAME
        return Subject(" ".join(parts[2:]), parts[1], ())
    if len(parts) > 1:
        return Subject(parts[-1], parts[-2], ())
    return Subject(path, "", ())


def done(action: str, words: tuple[str, ...]) -> str:
    """What was done, by ARM's name of it and the words behind the name in the path.

    >>> done("Microsoft.Compute/virtualMachineScaleSets/instar/action", ("upgrade",))
    'upgrade'
    >>> done("Microsoft.Compute/virtualMachineScaleSets/delete", ()), done("x/write", ("rolloutPolicy",))
    ('delete', 'write rolloutPolicy')
    """
    verb = action.rsplit("/", 1)[-1]
    return " ".join(words) if verb == "action" and words else " ".join((verb, *words))


def ended(status: str, times: str) -> str:
    """How it ended, in a word and by its HTTP status.

    >>> ended("202", "1"), ended("200", "1"), ended("403", "7"), ended("500", "1"), ended("soon", "1")
    ('accepted 202', 'done 200', 'refused 403, 7 times', 'failed 500', 'soon')
    """
    if not status.isdecimal():
        return legible_line(status)
    number = int(status)
    word = "accepted" if number == 202 else "done"  # noqa: PLR2004  # HTTP's own number
    if number >= FIRST_REFUSAL:
        word = "failed" if number >= FIRST_FAILURE else "refused"
    return f"{word} {number}" + (f", {legible_line(times)} times" if times != "1" else "")


def audit_table(entries: Sequence[Mapping[str, str]], upgrades: Mapping[str, int]) -> Table:
    """A row for each; `upgrades`: the numbers of those that an entry's operation began, by its id."""
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for head, widest in _HEADS:
        table.add_column(head, max_width=widest, overflow="fold", ratio=None if widest else 1, no_wrap=head == "WHEN")
    for entry in entries:
        about = subject_of(entry["resource"])
        what = Text(legible_line(done(entry["action"], about.words)))
        if number := upgrades.get(entry["operation"]):
            what.append(f" #{number}")
        if entry["why"]:
            what.append(f"\n{legible(entry['why'], REASON_AT_MOST)}", style="dim")
        table.add_row(
            f"{entry['at'][:16]}Z",
            Text.assemble((legible_line(about.name), "bold"), "\n", (legible_line(about.where), "dim")),
            what,
            legible(entry["name"] or entry["principal"], NAME_AT_MOST),
            Text(ended(entry["status"], entry["times"]), style="red" if entry["status"] >= "400" else ""),
        )
    return table
