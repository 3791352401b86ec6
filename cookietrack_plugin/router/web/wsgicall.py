"""A call of a WSGI application: PEP 3333 where Twisted's server is lenient."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from txaio.tx import make_logger

from cookietrack_plugin.router.web.window import ClientWindow
from cookietrack_plugin.router.web.wsgihead import (
    WrongResponse,
    checked_headers,
    checked_status,
    length_of,
)

Write = Callable[[bytes], Any]
StartResponse = Callable[..., Write]
Application = Callable[[dict[str, Any], StartResponse], Iterable[bytes]]


class ClientGone(ConnectionError):
    """Raised in an application that calls `write` after its client has gone."""


class WsgiCall:
    """
    Stands in for an application: Twisted calls it on a thread, for one request.

    It waits for the client to read, ends at the next block once the client has gone, and always
    closes what the application returned. If a response breaks off, or is not as long as it says,
    the connection is aborted.

    :param variables: further variables for the environment.
    """

    log = make_logger()

    def __init__(
        self, application: Application, variables: Mapping[str, Any], window: ClientWindow
    ) -> None:
        self._application = application
        self._variables = variables
        self._window = window

    def __call__(self, environ: dict[str, Any], start_response: StartResponse) -> Iterator[bytes]:
        if self._window.is_gone:
            return
        response = ApplicationResponse(environ["REQUEST_METHOD"], start_response, self._window)
        try:
            yield from self._blocks({**environ, **self._variables}, response)
        except Exception:
            if not self._window.is_gone:
                if response.has_begun:
                    self._window.abort_from_thread()
                # Twisted logs it, and answers with 500 where nothing was sent.
                raise
            self.log.debug("a WSGI application failed after its client had gone")

    def _blocks(self, environ: dict[str, Any], response: "ApplicationResponse") -> Iterator[bytes]:
        blocks = self._application(environ, response.start)
        try:
            for block in blocks:
                yield response.counted(block)
                self._window.wait()
                if self._window.is_gone:
                    return
            response.check_end()
        finally:
            if close := getattr(blocks, "close", None):
                close()


class ApplicationResponse:
    """Checks what an application has answered so far against PEP 3333."""

    def __init__(self, method: str, start_response: StartResponse, window: ClientWindow) -> None:
        self._method = method
        self._start_response = start_response
        self._window = window
        self._is_started = False
        self._left: int | None = None
        # Bytes have been sent.
        self.has_begun = False

    def start(self, status: str, headers: Any, exc_info: Any = None) -> Write:
        """The `start_response` that the application gets."""
        # Twisted checks the types, and raises the application's error if bytes have been sent.
        write = self._start_response(status, headers, exc_info)
        if self._is_started and exc_info is None:
            raise WrongResponse("expected one call of start_response, or another with exc_info")
        status, headers = checked_status(status), checked_headers(headers)
        self._left = length_of(self._method, status, headers)
        self._start_response(status, headers)
        self._is_started = True

        def write_counted(data: bytes) -> None:
            write(self.counted(data))
            self._window.wait()
            if self._window.is_gone:
                raise ClientGone("the client has gone")

        return write_counted

    def counted(self, block: bytes) -> bytes:
        """
        Check and return the next block of the body.

        :raises WrongResponse: there is no head, or the body is longer than the head announces.
        """
        if not isinstance(block, bytes):
            raise WrongResponse(f"expected blocks of bytes, found {type(block).__name__}")
        if block and not self._is_started:
            raise WrongResponse("expected a call of start_response before the first block")
        if self._left is not None:
            self._left -= len(block)
            if self._left < 0:
                raise WrongResponse("expected as many bytes as Content-Length says, found more")
        self.has_begun = self.has_begun or bool(block)
        return block

    def check_end(self) -> None:
        """
        Check the response once the application has returned all blocks.

        :raises WrongResponse: there is no head, or the body is shorter than the head announces.
        """
        if not self._is_started:
            raise WrongResponse("expected a call of start_response")
        if self._left:
            # The client waits for more: abort, or it takes the next response for that.
            self.has_begun = True
            raise WrongResponse("expected as many bytes as Content-Length says, found fewer")
