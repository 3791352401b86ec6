"""
How much clients may send: nested messages, and what a login brings along. Crossbar gives a static
ticket the authextra of its client.
"""

from typing import Any

from autobahn.wamp.exception import ProtocolError

from cookietrack_plugin.stores.kit.nesting import check_depth, is_deeper, items_in

# Levels of a message. `cbor2` reads no more, but writes what was read from JSON or UBJSON, and ends
# the process with it.
MAX_LEVELS = 400
TOO_DEEP = f"a message that is nested deeper than {MAX_LEVELS} levels"

# Bytes of a message from a client that has not joined yet; a HELLO has an authextra at most.
MAX_EARLY_BYTES = 1024 * 1024

# Levels of an authextra. Stores take more.
MAX_DEPTH = 64
# Bytes of an authextra's texts and numbers, and one more for each item in it.
MAX_BYTES = 64 * 1024


def may_be_deep(payload: bytes) -> bool:
    """Whether a message in JSON or UBJSON may be nested deeply. The others have their bounds."""
    return payload.count(b"[") + payload.count(b"{") > MAX_LEVELS


def early_limit(allowed: int) -> int:
    """
    Bytes that a message may have before its client has joined.

    :param allowed: what the transport allows, 0 for any number.
    """
    return min(allowed or MAX_EARLY_BYTES, MAX_EARLY_BYTES)


def require_shallow(message: Any) -> None:
    """:raises ProtocolError: a message is nested deeper than `MAX_LEVELS` levels."""
    if is_deeper(message.marshal(), MAX_LEVELS):
        raise ProtocolError(TOO_DEEP)


def check_extent(extra: Any) -> None:
    """
    :raises ValueError: `extra` is nested too deeply, too large, or has half of a surrogate pair, as
        JSON can say: no client could be sent it.
    """
    check_depth(extra, MAX_DEPTH)
    try:
        too_large = _is_too_large(extra)
    except UnicodeEncodeError:
        raise ValueError("the authextra has a text that is no Unicode") from None
    if too_large:
        raise ValueError(f"the authextra is larger than {MAX_BYTES // 1024} KiB")


def _is_too_large(extra: Any) -> bool:
    """Stops at the limit: CBOR can say in a few bytes that one item stands in many places."""
    left, waiting = MAX_BYTES, [extra]
    while waiting:
        value = waiting.pop()
        left -= _bytes_of(value)
        before = len(waiting)
        if left >= 0:
            waiting.extend(items_in(value))
            left -= len(waiting) - before
        if left < 0:
            return True
    return False


def _bytes_of(value: Any) -> int:
    if isinstance(value, str):
        return len(value.encode())
    if isinstance(value, int):
        return value.bit_length() // 8
    return len(value) if isinstance(value, bytes | bytearray) else 0
