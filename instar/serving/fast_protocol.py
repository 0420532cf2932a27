"""A connection that httptools parses: llhttp, in C. Where it cannot be installed there is `PlainProtocol`.

The parser has no bounds of its own and makes trailers into headers; both are put right here.
"""

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from instar.serving.connections import Watching

UNHEARD_AT_MOST = 65_536
"""Bytes of a head, or of trailers, that may come in pieces: what a parser keeps until it has the whole."""


class FastProtocol(Watching, HttpToolsProtocol):
    """Uvicorn's, which also tells what it waits for and when it is over."""

    _unheard = 0
    """Bytes since something whole was heard: a head, a piece of a body, an end."""
    _in_head = False

    def data_received(self, data: bytes) -> None:
        """Parse it. 400 for what goes on for ever."""
        if self.transport.is_closing():
            return
        self._unheard += len(data)
        super().data_received(data)
        if self._unheard > UNHEARD_AT_MOST and not self.transport.is_closing():
            self.logger.warning("The head of a request is too long.")
            self.send_400_response("The head of a request is too long.")

    def on_message_begin(self) -> None:
        """A head begins."""
        self._in_head = True
        super().on_message_begin()

    def on_header(self, name: bytes, value: bytes) -> None:
        """Whoever asks is known by the head of a request: what comes behind its body adds nothing to that."""
        if self._in_head:
            super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """The head is whole."""
        self._unheard, self._in_head = 0, False
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """A piece of it."""
        self._unheard = 0
        super().on_body(body)

    def on_message_complete(self) -> None:
        """The end of a request."""
        self._unheard = 0
        super().on_message_complete()
