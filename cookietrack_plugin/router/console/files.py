"""The files of the page, out of the wheel."""

from hashlib import sha256
from importlib.resources import files
from typing import Any

from attrs import frozen
from twisted.web.http import CACHED

from cookietrack_plugin.router.console.refusals import NotFound, WrongMethod
from cookietrack_plugin.router.web.answers import body_answer

INDEX = "index.html"
_TYPES = {
    ".html": b"text/html; charset=utf-8",
    ".css": b"text/css; charset=utf-8",
    ".js": b"text/javascript; charset=utf-8",
    ".svg": b"image/svg+xml",
}


@frozen
class PageFile:
    """A file to be served. `tag`: its ETag, which changes with the content."""

    content_type: bytes
    content: bytes
    tag: bytes


class PageFiles:
    """All of them, read once: they are small."""

    def __init__(self) -> None:
        folder = files("cookietrack_plugin.router.console").joinpath("page")
        self._files = {
            each.name: _read(each)
            for each in folder.iterdir()
            if f".{each.name.rpartition('.')[2]}" in _TYPES
        }

    def render(self, request: Any, name: str) -> bytes:
        """
        The content of a file, for GET or HEAD.

        :param name: of the file; empty for the page.
        :raises Refused: there is no such file, or the method is another one.
        """
        found = self._files.get(name or INDEX)
        if found is None:
            raise NotFound("there is no such page")
        if request.method not in (b"GET", b"HEAD"):
            raise WrongMethod("GET")
        if request.setETag(found.tag) is CACHED:
            return b""
        return body_answer(request, 200, found.content_type, found.content)


def _read(file: Any) -> PageFile:
    content = file.read_bytes()
    tag = f'"{sha256(content).hexdigest()[:16]}"'.encode()
    return PageFile(_TYPES[f".{file.name.rpartition('.')[2]}"], content, tag)
