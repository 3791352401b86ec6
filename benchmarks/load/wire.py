"""The bytes that a WAMP client sends and gets: the opening handshake and WebSocket frames."""

import json
import struct
from typing import Any

HEADERS_END = b"\r\n\r\n"
# A mask of zeros is a valid one (RFC 6455 section 5.3), and leaves the payload as it is.
MASK = bytes(4)
HELLO, WELCOME, ABORT, CHALLENGE, AUTHENTICATE, GOODBYE, CALL, RESULT = 1, 2, 3, 4, 5, 6, 48, 50


def upgrade(port: int, path: str, cookie: str | None = None) -> bytes:
    """An opening handshake for `wamp.2.json`, as small as a browser's can get."""
    lines = [
        f"GET {path} HTTP/1.1",
        f"Host: 127.0.0.1:{port}",
        "Upgrade: websocket",
        "Connection: Upgrade",
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
        "Sec-WebSocket-Version: 13",
        "Sec-WebSocket-Protocol: wamp.2.json",
        "User-Agent: benchmarks",
    ]
    if cookie:
        lines.append(f"Cookie: {cookie}")
    return "\r\n".join([*lines, "", ""]).encode()


def get(port: int, path: str, cookie: str) -> str:
    """A request for a file, with what a browser sends with it, on a connection that is kept."""
    lines = [
        f"GET {path} HTTP/1.1",
        f"Host: 127.0.0.1:{port}",
        "User-Agent: benchmarks",
        "Accept: */*",
        "Accept-Language: en",
        "Accept-Encoding: gzip, deflate, br",
        "Sec-Fetch-Site: same-origin",
        f"Cookie: {cookie}",
    ]
    return "\r\n".join([*lines, "", ""])


def accepted(response: bytes) -> bool:
    return response.startswith(b"HTTP/1.1 101 ")


def cookie_of(response: bytes) -> str | None:
    """`name=value` of the response's `Set-Cookie`."""
    for line in response.split(b"\r\n"):
        name, _, value = line.partition(b":")
        if name.lower() == b"set-cookie":
            return value.partition(b";")[0].strip().decode()
    return None


def message(*wamp: Any) -> bytes:
    """A WAMP message as one masked text frame."""
    payload = json.dumps(wamp).encode()
    if len(payload) < 126:
        return struct.pack("!BB", 0x81, 0x80 | len(payload)) + MASK + payload
    return struct.pack("!BBH", 0x81, 0x80 | 126, len(payload)) + MASK + payload


def from_server(*wamp: Any) -> bytes:
    """A short WAMP message as a server sends it, unmasked."""
    payload = json.dumps(wamp).encode()
    return struct.pack("!BB", 0x81, len(payload)) + payload


def hello(realm: str, methods: list[str], authid: str | None = None) -> bytes:
    roles = {"caller": {}, "callee": {}, "subscriber": {}, "publisher": {}}
    details: dict[str, Any] = {"roles": roles, "authmethods": methods}
    if authid:
        details["authid"] = authid
    return message(HELLO, realm, details)


def authenticate(signature: str) -> bytes:
    return message(AUTHENTICATE, signature, {})


def goodbye(reason: str) -> bytes:
    return message(GOODBYE, {}, reason)


def call(request: int, procedure: str, *args: Any) -> bytes:
    return message(CALL, request, {}, procedure, args)


def frame(data: bytes) -> tuple[bytes, int] | None:
    """The payload of the first frame in `data` and where the next begins; None: it is not whole."""
    if len(data) < 2:
        return None
    length, start = data[1] & 0x7F, 2
    if length == 126:
        if len(data) < 4:
            return None
        length, start = int.from_bytes(data[2:4], "big"), 4
    elif length == 127:
        if len(data) < 10:
            return None
        length, start = int.from_bytes(data[2:10], "big"), 10
    end = start + length
    return (data[start:end], end) if len(data) >= end else None


def kind(payload: bytes) -> int:
    """The type of a WAMP message, without parsing all of it."""
    return int(payload[1 : payload.index(b",")])
