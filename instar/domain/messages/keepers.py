"""What travels between a keeper's workflow and its activity: names alone."""

from instar.domain.message import Message


class Keeps(Message):
    """What it sees to: `turns`, or the `rings` of a name."""

    what: str
    name: str = ""
