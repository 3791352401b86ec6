"""Paths that could mean something else to a service than to the search for its guards."""

import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import unquote_to_bytes

# A path that is still encoded after so many steps is refused: a service may decode it once more.
MAX_DECODINGS = 4
# Dot segments, also with parameters, which some servers cut off; and control characters.
_UNSAFE = re.compile(rb"(?:^|[/\\])\.{1,2}(?:;[^/\\]*)?(?:[/\\]|$)|[\x00-\x1f\x7f]")


def is_plain(target: bytes) -> bool:
    """
    Whether the target of a request line is a path without `.` and `..`, however they are written:
    a directory or a server behind could resolve them, after the guards on the way were passed by.
    """
    path = target.partition(b"?")[0]
    if not path.startswith(b"/"):
        # The absolute form, of which nobody here knows the host, or that of OPTIONS.
        return target == b"*"
    for _ in range(MAX_DECODINGS):
        if _UNSAFE.search(path):
            return False
        if b"%" not in path or (decoded := unquote_to_bytes(path)) == path:
            return True
        path = decoded
    return False


def segments_of(target: bytes) -> list[bytes]:
    """The segments of a path, as Twisted looks them up."""
    path = target.partition(b"?")[0]
    return [unquote_to_bytes(segment) for segment in path[1:].split(b"/")]


def guards_on(resource: Any, segments: list[bytes]) -> Iterator[Any]:
    """
    The guards that a request passes, outermost first. No resource is asked for a dynamic child: a
    guard is always among the `children` of a resource, or behind another guard.
    """
    segments = list(segments)
    while resource is not None:
        if segments and not resource.isLeaf and segments[0] in getattr(resource, "children", ()):
            resource = resource.children[segments.pop(0)]
        elif guarded := getattr(resource, "guarded", None):
            yield resource
            resource = guarded
        else:
            return
