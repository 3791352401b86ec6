"""Whether Autobahn's methods are still those that `traffic` stands in for."""

from collections.abc import Iterator, Mapping
from hashlib import sha256
from inspect import getsource
from typing import Any

# By method, the digests of the sources that `traffic` stands in for, of every Autobahn that a
# supported Crossbar takes: 25.12, and 26.6 to 26.11. If the installed one's is none of them,
# Autobahn's own code runs.
KNOWN: Mapping[str, frozenset[str]] = {
    "connectionMade": frozenset({"06b3ad39d9d589df", "7c74fc3f61542ad2"}),
    "connectionLost": frozenset({"660e3bd5cb140215", "b2359facb6e30ca5"}),
    "dataReceived": frozenset({"f406a3caff6ecdd3", "0c4d04986b86f943"}),
    "sendData": frozenset({"a73ad9b598c6f0b9", "8a61f014fe4c4eaa"}),
    "onMessage": frozenset({"235e0f85b0f40a40", "02e55c9a936782f4"}),
    "send": frozenset({"7069ced77070ed10", "9db7d038cd25b660"}),
}


def changed(owner: type, known: Mapping[str, frozenset[str]] = KNOWN) -> Iterator[str]:
    """The methods of `owner` whose source is none of those that are `known`."""
    for name, digests in known.items():
        if digest_of(getattr(owner, name, None)) not in digests:
            yield name


def digest_of(method: Any) -> str | None:
    """A digest of a method's source, without its comments; None where there is no source."""
    try:
        source = getsource(method)
    except (OSError, TypeError):
        return None
    lines = [line.strip() for line in source.splitlines()]
    said = "\n".join(line for line in lines if line and not line.startswith("#"))
    return sha256(said.encode()).hexdigest()[:16]
