"""The query of a request."""

from typing import Any
from urllib.parse import parse_qsl

from cookietrack_plugin.router.console.refusals import WrongQuery

# More than there are filters.
MAX_FIELDS = 20


def query_of(request: Any) -> dict[str, str]:
    """
    The fields that are not empty, by name.

    :raises WrongQuery: a field is there twice or is not UTF-8, or there are too many.
    """
    text = request.uri.partition(b"?")[2].decode("ascii", "replace")
    try:
        pairs = parse_qsl(text, errors="strict", max_num_fields=MAX_FIELDS)
    except ValueError:
        raise WrongQuery("expected a query of a few fields in UTF-8, found another") from None
    if len(dict(pairs)) < len(pairs):
        raise WrongQuery("expected each field of the query once, found one twice")
    return dict(pairs)
