"""The bytes of a connection until its opening handshake is over: in order, bounded, well-formed."""

import re

from autobahn.websocket.protocol import parseHttpHeader

END_OF_HEAD = b"\r\n\r\n"
# The longest head, and the most that a client may send before it has its answer (RFC 6455, section
# 4.1, allows it nothing).
HEAD_BYTES = EARLY_BYTES = 65_536
# Twisted's bound for Web listeners. Autobahn takes quadratic time for fields of one name.
HEAD_LINES = 500
# RFC 9112, sections 3 and 5; RFC 9110, sections 5.1 and 5.5.
_WELL_FORMED = re.compile(
    rb"[^\x00-\x1f\x7f]*(?:\r\n[!#$%&'*+.^_`|~0-9A-Za-z-]+:[^\x00-\x08\x0a-\x1f\x7f]*)*\r\n\r\n"
)
# A byte of UTF-8's "Å", at which Autobahn before 26.11 ends a line.
_NEXT_LINE = b"\x85"
_ENDS_LINES = "b" in parseHttpHeader(b"\r\na: " + _NEXT_LINE + b"b:" + END_OF_HEAD)[1]


class HeadTooLarge(Exception):
    """The head has more than `HEAD_BYTES` bytes or `HEAD_LINES` header lines: HTTP 431."""


class MalformedHead(Exception):
    """The head is none that HTTP knows: HTTP 400."""


class TooEarly(Exception):
    """More than `EARLY_BYTES` bytes have come behind the head before it was answered."""


class HandshakeBytes:
    """
    Holds back the head of a request or response until it is complete, and what comes behind it
    until somebody asks for it. Each byte is looked at once, however small the segments are:
    Autobahn would search the whole head again for each of them.
    """

    def __init__(self) -> None:
        # Whether the head was given away.
        self.is_complete = False
        # The head; once it was given away, what came behind it.
        self._held = bytearray()

    def add(self, data: bytes) -> bytes | None:
        """
        Take the next bytes; the head with its end, once, when they complete it.

        :raises HeadTooLarge: they do not, and there are too many of them.
        :raises TooEarly: too many have come behind the head.
        """
        searched = max(0, len(self._held) - len(END_OF_HEAD) + 1)
        self._held += data
        head = None if self.is_complete else self._take_head(searched)
        if self.is_complete and len(self._held) > EARLY_BYTES:
            raise TooEarly
        return head

    def _take_head(self, searched: int) -> bytes | None:
        found = self._held.find(END_OF_HEAD, searched, HEAD_BYTES)
        if found >= 0:
            self.is_complete = True
            return self._take(found + len(END_OF_HEAD))
        if len(self._held) >= HEAD_BYTES:
            raise HeadTooLarge
        return None

    def are(self, data: bytes) -> bool:
        """Whether just these bytes have come so far."""
        return not self.is_complete and self._held == data

    def rest(self) -> bytes:
        """Give away what has come behind the head so far."""
        return self._take(len(self._held))

    def _take(self, size: int) -> bytes:
        taken = bytes(self._held[:size])
        del self._held[:size]
        return taken


def require_well_formed(head: bytes) -> bytes:
    """
    The head of a request or response, in which every server sees the same fields: where one sees
    two and a proxy before it one, a client can forge what that proxy says of it.

    It is as strict as Autobahn is from 26.11 on. An older one gets a blank for the byte at which
    it alone would end a line.

    :raises HeadTooLarge: it has more than `HEAD_LINES` header lines.
    :raises MalformedHead: a line ends in less than CR LF, goes on with the next one (RFC 9112,
        section 5.2), has a control character, or is no field with its name.
    """
    # Without the request line and the empty line.
    if head.count(b"\r\n") - 2 > HEAD_LINES:
        raise HeadTooLarge
    if not _WELL_FORMED.fullmatch(head):
        raise MalformedHead
    return head.replace(_NEXT_LINE, b" ") if _ENDS_LINES else head
