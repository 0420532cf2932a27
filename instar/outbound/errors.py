"""How a call to somebody else's system can fail. No text here repeats more of a URL than its host.

CallFailed
├── NotAllowed    the address may not be called: nothing was sent (docs/rules.md G4)
└── Unanswered    no answer, or none that is taken: too slow, too long, no HTTP, a certificate that is not good
"""


class CallFailed(Exception):
    """A call was not made, or has no answer; the message says why, in one clause."""


class NotAllowed(CallFailed):
    """The address may not be called: nothing was sent."""


class Unanswered(CallFailed):
    """There is no answer that could be taken. Whether the other side has heard the question is not known."""
