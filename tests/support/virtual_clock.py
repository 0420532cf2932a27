"""The time of a time-skipping server, as what runs beside it sees it."""

from datetime import datetime

from temporalio import activity


class VirtualClock:
    """The server's time inside an activity, and what the test last saw outside."""

    def __init__(self, start: datetime) -> None:
        self.seen = start

    def __call__(self) -> datetime:
        if activity.in_activity():
            self.seen = max(self.seen, activity.info().started_time)
        return self.seen
