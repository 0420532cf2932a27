"""What travels between a keeper's workflow and its activity: names alone."""

from instar.domain.message import Message


class Keeps(Message):
    """What it sees to: `turns`, the `rings` of a name, or the `looks` of idle sets."""

    what: str
    name: str = ""
