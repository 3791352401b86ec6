"""Answers of our services: JSON, or other bytes."""

from json import dumps
from typing import Any

JSON = b"application/json"


def json_answer(request: Any, status: int, answer: Any) -> bytes:
    """What a resource's `render` returns for JSON that caches do not store."""
    request.setHeader(b"cache-control", b"no-store")
    return body_answer(request, status, JSON, dumps(answer).encode())


def body_answer(request: Any, status: int, content_type: bytes, body: bytes) -> bytes:
    """The same for any bytes."""
    request.setResponseCode(status)
    request.setHeader(b"content-type", content_type)
    request.setHeader(b"content-length", b"%d" % len(body))
    # Twisted logs each body that it has to leave out.
    return b"" if request.method == b"HEAD" else body
