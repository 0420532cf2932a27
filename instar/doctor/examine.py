"""All checks at once, each within its time, none kept by another."""

import time
from collections.abc import Callable, Mapping
from threading import Thread
from types import MappingProxyType

from instar.doctor import agree, keep, reach, use
from instar.doctor.place import NotLooked, Place
from instar.domain.checkup.findings import Check, Finding, Level, not_looked, problem
from instar.errors import Trouble

SECONDS = 15.0
"""For all of them together: each asks a few questions, of 5 seconds at the most."""

Look = Callable[[Place], list[Finding]]

CHECKS: Mapping[Check, Look] = MappingProxyType(
    {
        Check.SETTINGS: agree.settings,
        Check.API: reach.api,
        Check.STORE: reach.store,
        Check.TEMPORAL: reach.temporal,
        Check.WORKERS: reach.workers,
        Check.HOSTS: agree.hosts,
        Check.VERSIONS: agree.versions,
        Check.CLOCKS: agree.clocks,
        Check.FILES: keep.files,
        Check.KEYS: keep.keys,
        Check.DISK: keep.disk,
        Check.CERTIFICATES: keep.certificates,
        Check.BACKUPS: keep.backups,
        Check.WORKFLOWS: use.workflows,
        Check.HAND_OVERS: use.hand_overs,
        Check.SETS: use.sets,
        Check.WISHES: use.wishes,
        Check.IMAGES: use.images,
        Check.CREDENTIALS: keep.credentials,
    }
)


def examine(place: Place, checks: Mapping[Check, Look] = CHECKS, seconds: float = SECONDS) -> list[Finding]:
    """What every check found, in their order; after so many seconds those that are not done are said to hang."""
    found: dict[Check, list[Finding]] = {}
    # Daemons: a thread that hangs in somebody else's system must not keep the command from ending.
    threads = [
        Thread(target=_look, args=(check, look, place, found), daemon=True, name=check)
        for check, look in checks.items()
    ]
    give_up_at = time.monotonic() + seconds
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(max(0.0, give_up_at - time.monotonic()))
    done = dict(found)
    return [finding for check in checks for finding in done.get(check) or [_hangs(check, seconds)]]


def _look(check: Check, look: Look, place: Place, found: dict[Check, list[Finding]]) -> None:
    try:
        found[check] = look(place)
    except NotLooked as why:
        found[check] = [not_looked(check, str(why), why.do)]
    except PermissionError as error:
        closed = f"{error.filename or 'something'} may not be read by this user"
        found[check] = [not_looked(check, closed, "run it as the user as whom Instar runs")]
    except Trouble as trouble:
        found[check] = [problem(check, str(trouble), "see to what it says, then try again")]
    except Exception as error:  # noqa: BLE001  # whatever fails here must keep no other check
        words = f"{type(error).__name__}: {error}"
        found[check] = [problem(check, f"it could not be looked at: {words}", "see to what it says, then try again")]


def _hangs(check: Check, seconds: float) -> Finding:
    return problem(check, f"no answer within {seconds:g} seconds", "something hangs: see the checks above")


def counted(found: list[Finding]) -> dict[str, int]:
    """How many of each level, in the order of the levels."""
    return {level.value: sum(one.level is level for one in found) for level in Level}
