"""Requests whose forms stay out of memory."""

from typing import Any

from twisted.web import server

# From this size on Twisted keeps a body on disk.
LARGE_BYTES = 100_000
# Its methods are not annotated.
_Request: Any = server.Request


class SpooledFormRequest(_Request):
    """
    Twisted's own, without `args` for large forms. Twisted reads every form into memory and parses
    it on the reactor's thread before it looks up the resource: an upload of a gigabyte would take
    several there.
    """

    _form_type: Any = None

    def requestReceived(self, command: bytes, path: bytes, version: bytes) -> None:
        if self.content.tell() >= LARGE_BYTES:
            # By this header Twisted knows a form.
            self._form_type = self.requestHeaders.getRawHeaders(b"content-type")
            self.requestHeaders.removeHeader(b"content-type")
        super().requestReceived(command, path, version)

    def process(self) -> None:
        if self._form_type is not None:
            self.requestHeaders.setRawHeaders(b"content-type", self._form_type)
        super().process()
