"""
What goes over a worker's socket: one request a connection, a JSON object on one line, and its
answer, the same; behind the answer to `watch` a line for each event. See docs/operations.md.
"""

import json
from base64 import b64decode, b64encode
from collections.abc import Iterable, Mapping
from typing import Any

from cookietrack_plugin import errors
from cookietrack_plugin.errors import CookieTrackError, StoreUnavailable
from cookietrack_plugin.record import Cookie
from cookietrack_plugin.stores.kit.codec import decode, encode

# The longest request, with its newline.
MAX_REQUEST_BYTES = 65_536
# Records of one answer, ids of one request, and lines about damage.
MAX_RECORDS = 500
MAX_DAMAGES = 1_000
# How long a client may take for its request, and again to read the answer.
CLIENT_S = 10.0
# How long a worker may take to answer: a client has given up by then.
ANSWER_S = 60.0


class WrongRequest(ValueError):
    """What a client asks for makes no sense; the message says why."""


def as_line(value: Mapping[str, Any]) -> bytes:
    """The line for a message. Values of types that JSON does not have are sent as texts."""
    return json.dumps(value, default=str).encode("ascii") + b"\n"


def read_line(line: bytes) -> Mapping[str, Any]:
    """
    The message on a line.

    :raises WrongRequest: the line is not a JSON object.
    """
    try:
        value = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise WrongRequest("expected a JSON object on one line, found something else") from error
    if not isinstance(value, dict):
        raise WrongRequest("expected a JSON object, found another JSON value")
    return value


def sent(cookies: Iterable[Cookie]) -> list[list[str]]:
    """Records as they are sent: each with its id, and the bytes of the codec in base64."""
    return [[cookie.id, b64encode(encode(cookie)).decode("ascii")] for cookie in cookies]


def received(records: Iterable[Any]) -> list[Cookie]:
    """
    The records that were `sent`.

    :raises ValueError: these are none.
    """
    return [decode(id, b64decode(data)) for id, data in records]


def as_error(error: Exception) -> dict[str, Any]:
    """The answer that says what went wrong."""
    return {"error": type(error).__name__, "message": str(error)}


def error_of(answer: Mapping[str, Any]) -> Exception | None:
    """
    The error that an answer reports; None if it reports none. A type that is unknown here becomes
    `StoreUnavailable`: the worker failed.
    """
    if "error" not in answer:
        return None
    message = str(answer.get("message"))
    if answer["error"] == WrongRequest.__name__:
        return StoreUnavailable(f"its worker does not understand the command: {message}")
    if answer["error"] == "ValueError":
        return ValueError(message)
    kind = getattr(errors, str(answer["error"]), None)
    if isinstance(kind, type) and issubclass(kind, CookieTrackError):
        return kind(message)
    return StoreUnavailable(f"its worker failed, and its log says why: {message}")
