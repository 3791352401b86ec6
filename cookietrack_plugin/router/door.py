"""The door of one connection: its cookie's value goes no further, in either direction."""

import re

from cookietrack_plugin import header
from cookietrack_plugin.config.settings import CookieSettings

END_OF_HEAD = b"\r\n\r\n"
_END_OF_LINE = re.compile("\r\n|\r|\n")


class Door:
    """
    Stands between the bytes of an opening handshake and everything that reads, logs or publishes
    them. Behind it a cookie has an id and no value.
    """

    def __init__(self, settings: CookieSettings) -> None:
        self._settings = settings
        # Ids and values: of the cookie that the client presented, and of a fresh one.
        self._presented: tuple[str, str] | None = None
        self._issued: tuple[str, str] | None = None
        self._leaving: tuple[str, str] | None = None

    @property
    def presented(self) -> str | None:
        """The id of the cookie that the client presented."""
        return self._presented[0] if self._presented else None

    def enter(self, data: bytes) -> bytes:
        """
        The same request without our cookie's value, and without a `Set-Cookie` header, which has no
        business in a request: Crossbar would take it for a login (ROUTER_CONTRACT, "Traps").
        """
        head, end, rest = data.partition(END_OF_HEAD)
        if not end or b"cookie" not in head.lower():
            return data
        request, *lines = _lines(head.decode("iso-8859-1"))
        # An empty line would end the head: Autobahn passes over those that end in less than CR LF.
        fields = [(_name(line), line) for line in lines if line]
        cookies = [_value(line) for name, line in fields if name == "cookie"]
        if value := header.parse("; ".join(cookies), self._settings.name):
            self._presented = header.id_of(value), value
        kept = [
            self._hide(line) if name == "cookie" else line
            for name, line in fields
            if name != "set-cookie"
        ]
        return "\r\n".join([request, *kept]).encode("iso-8859-1") + end + rest

    def issue(self) -> str:
        """Make a fresh secret value, to be handed out by `leave`; its id."""
        value = header.new_value(self._settings.length)
        self._issued = header.id_of(value), value
        return self._issued[0]

    def set_cookie(self, max_age: int) -> str:
        """
        The `Set-Cookie` header for what `issue` made, or for what was presented; with the id in the
        place of the value. `max_age` is in seconds.
        """
        self._leaving = self._issued or self._presented
        assert self._leaving is not None
        settings = self._settings
        return header.render(
            settings.name,
            self._leaving[0],
            max_age,
            settings.secure,
            settings.http_strict,
            settings.same_site,
        )

    def leave(self, data: bytes) -> bytes:
        """The response with the value in the place of the id: the moment in which it leaves us."""
        if self._leaving is None:
            return data
        (id, value), self._leaving = self._leaving, None
        name = self._settings.name
        return data.replace(f"{name}={id}".encode(), f"{name}={value}".encode(), 1)

    def _hide(self, line: str) -> str:
        return f"Cookie: {header.hide(_value(line), self._settings.name, self.presented or '')}"


def _lines(head: str) -> list[str]:
    """
    The lines of a request, as Autobahn is going to split them: no line is one thing here and
    another there. It ends lines at more characters than HTTP does, one of them a byte of UTF-8's
    "Å": a Cookie header is kept whole, or our cookie would be lost behind such a neighbour.
    """
    lines: list[str] = []
    for line in _unfolded(head):
        parts = line.splitlines()
        if len(parts) > 1 and _name(parts[0]) == "cookie":
            parts = [" ".join(parts)]
        lines += parts or [""]
    return lines


def _unfolded(head: str) -> list[str]:
    """
    The lines as HTTP splits them, with a folded Cookie header as one (RFC 9112, section 5.2).
    Autobahn knows no such lines: the value would pass the door in the second one, and be logged.
    """
    lines: list[list[str]] = []
    for line in _END_OF_LINE.split(head):
        if line.startswith((" ", "\t")) and lines and _goes_on(lines[-1][0], line):
            lines[-1].append(line.strip())
        else:
            lines.append([line])
    return [" ".join(parts) for parts in lines]


def _goes_on(field: str, line: str) -> bool:
    return _name(field) == "cookie" and _name(line) not in ("cookie", "set-cookie")


def _name(line: str) -> str:
    name, colon, _ = line.partition(":")
    return name.strip().lower() if colon else ""


def _value(line: str) -> str:
    return line.partition(":")[2].strip()
