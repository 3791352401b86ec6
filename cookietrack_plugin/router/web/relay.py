"""A response of a proxied service, on its way to the client."""

import re
from collections.abc import Callable
from http import HTTPStatus
from typing import Any

import h11

from cookietrack_plugin.router.web.channel import abort_connection, is_paused
from cookietrack_plugin.router.web.headers import end_to_end
from cookietrack_plugin.router.web.upstream import UpstreamFailed

NO_CONTENT = 204
# RFC 9112 section 4: without what could end the line.
_REASON = re.compile(rb"[\t\x20-\x7e\x80-\xff]*")


class Relay:
    """
    Gives a client a response as it comes, and no faster than the client reads. If the response
    breaks off, the client's connection is aborted, so that it is not taken for complete.

    :param ended: called once with the reason why there was no complete response, or with None.
    """

    def __init__(self, request: Any, ended: Callable[[UpstreamFailed | None], None]) -> None:
        self._request = request
        self._ended = ended
        self._begun = False

    def begin(self, response: h11.Response, producer: Any) -> None:
        self._begun = True
        request = self._request
        request.setResponseCode(response.status_code, _reason_of(response))
        # Twisted's own default for pages.
        request.defaultContentType = None
        _copy_headers(response, request)
        request.registerProducer(producer, True)
        if is_paused(request.channel):
            # The client has not read the responses before this one.
            producer.pauseProducing()
        request.write(b"")

    def write(self, data: bytes) -> None:
        self._request.write(data)

    def finish(self) -> None:
        self._request.unregisterProducer()
        self._request.finish()
        self._ended(None)

    def fail(self, failure: UpstreamFailed) -> None:
        if self._begun:
            abort_connection(self._request)
        else:
            refuse(self._request, failure.status)
        self._ended(failure)


def refuse(request: Any, status: int, text: str = "") -> None:
    """Answer with an error, in plain text."""
    body = f"{status} {HTTPStatus(status).phrase}\n{text}".strip().encode() + b"\n"
    request.setResponseCode(status)
    request.setHeader(b"content-type", b"text/plain; charset=utf-8")
    request.setHeader(b"cache-control", b"no-store")
    request.setHeader(b"content-length", str(len(body)).encode())
    request.write(body)
    request.finish()


def _reason_of(response: h11.Response) -> bytes | None:
    reason = bytes(response.reason)
    return reason if reason and _REASON.fullmatch(reason) else None


def _copy_headers(response: h11.Response, request: Any) -> None:
    """All that concern the client, in place of the server's own of these names."""
    own, left_out = request.responseHeaders, _not_counting(response)
    headers: dict[bytes, list[bytes]] = {}
    for name, value in end_to_end(response.headers):
        headers.setdefault(name, []).append(value)
    # Twisted replaces the header by `cookies`.
    request.cookies.extend(own.getRawHeaders(b"set-cookie", []))
    request.cookies.extend(headers.pop(b"set-cookie", []))
    for name in headers.keys() - left_out:
        own.setRawHeaders(name, headers[name])


def _not_counting(response: h11.Response) -> set[bytes]:
    """`Content-Length` where it says nothing of the body (RFC 9112 section 6.3)."""
    is_chunked = any(name == b"transfer-encoding" for name, _ in response.headers)
    return {b"content-length"} if is_chunked or response.status_code == NO_CONTENT else set()
