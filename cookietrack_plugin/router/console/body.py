"""The JSON that a request brings."""

from json import loads
from typing import Any

from cookietrack_plugin.router.console.refusals import TooLarge, WrongQuery, WrongType
from cookietrack_plugin.router.web.answers import JSON

# The longest body. A thousand ids are a fortieth of it.
MAX_BYTES = 1_048_576
# Brackets in a body, also those in strings. Python's parser recurses for each: if a library has
# raised the recursion limit, thousands of them crash the process.
MAX_BRACKETS = 100


def json_of(request: Any) -> dict[str, Any]:
    """
    The object in a request's body. A form of another site cannot send this type.

    :raises Refused: it is something else.
    """
    kind = (request.getHeader("content-type") or "").partition(";")[0].strip().lower()
    if kind.encode() != JSON:
        raise WrongType("expected a body of type application/json, found another")
    text = request.content.read(MAX_BYTES + 1)
    if len(text) > MAX_BYTES:
        raise TooLarge(f"expected a body of at most {MAX_BYTES} bytes, found a larger one")
    if text.count(b"[") + text.count(b"{") > MAX_BRACKETS:
        raise WrongQuery(f"expected at most {MAX_BRACKETS} brackets in the body, found more")
    try:
        found = loads(text)
    except ValueError:
        raise WrongQuery("expected JSON in the body, found something else") from None
    if not isinstance(found, dict):
        raise WrongQuery("expected an object in the body, found something else")
    return found
