"""The `Cookie` header for a service that must not see the node's cookies."""

from collections.abc import Collection, Iterable

from cookietrack_plugin.header import hide


def joined(fields: Iterable[bytes], hidden: Collection[str] = ()) -> bytes:
    """
    One header of several, as RFC 9113 section 8.2.3 has it, without the pairs of the names in
    `hidden`; empty where nothing is left.
    """
    pairs = [pair for field in fields for pair in field.decode("latin-1").split(";")]
    left = [pair.strip(" \t") for pair in pairs if hide(pair, hidden) == pair]
    return "; ".join(filter(None, left)).encode("latin-1")
