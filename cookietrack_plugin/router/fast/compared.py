"""Whether Autobahn's code is still that which the modules here stand in for."""

from collections.abc import Iterator, Mapping
from hashlib import sha256
from inspect import getsource
from typing import Any

from txaio.tx import make_logger

# The digests of sources, by their names.
Known = Mapping[str, frozenset[str]]

# What `traffic` stands in for, in every Autobahn that a supported Crossbar takes: 25.12, and 26.6
# to 26.11. If the installed one's is none of them, Autobahn's own code runs.
TRAFFIC: Known = {
    "connectionMade": frozenset({"06b3ad39d9d589df", "7c74fc3f61542ad2"}),
    "connectionLost": frozenset({"660e3bd5cb140215", "b2359facb6e30ca5"}),
    "dataReceived": frozenset({"f406a3caff6ecdd3", "0c4d04986b86f943"}),
    "sendData": frozenset({"a73ad9b598c6f0b9", "8a61f014fe4c4eaa"}),
    "onMessage": frozenset({"235e0f85b0f40a40", "02e55c9a936782f4"}),
    "send": frozenset({"7069ced77070ed10", "9db7d038cd25b660"}),
}
# What `jsontext` stands in for.
JSON: Known = {
    "JsonObjectSerializer": frozenset({"3e1af4822f132144", "713f2364d83464d7"}),
    "_WAMPJsonDecoder": frozenset({"a89e6f7de01a2289"}),
    "_loads": frozenset({"ee4209cf3f116314"}),
}


def changed(owner: Any, known: Known) -> Iterator[str]:
    """The names in `owner`, a class or a module, whose source is none of those that are `known`."""
    for name, digests in known.items():
        if digest_of(getattr(owner, name, None)) not in digests:
            yield name


def noted(owner: Any, known: Known) -> tuple[str, ...]:
    """What `changed` finds, with a line in the log if it finds anything."""
    names = tuple(changed(owner, known))
    if names:
        make_logger().info(
            "cookietrack: this Autobahn has other code than the plugin knows ({names}):"
            " Autobahn's own runs, and each message takes a little longer",
            names=", ".join(names),
        )
    return names


def digest_of(code: Any) -> str | None:
    """A digest of the source of a function or class, without comments; None if there is none."""
    try:
        source = getsource(code)
    except (OSError, TypeError):
        return None
    lines = [line.strip() for line in source.splitlines()]
    said = "\n".join(line for line in lines if line and not line.startswith("#"))
    return sha256(said.encode()).hexdigest()[:16]
