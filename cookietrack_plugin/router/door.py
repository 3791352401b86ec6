"""The door of one connection: its cookie's value goes no further, in either direction."""

from cookietrack_plugin import header
from cookietrack_plugin.settings import CookieSettings

END_OF_HEAD = b"\r\n\r\n"


class Door:
    """
    Stands between the bytes of an opening handshake and everything that reads, logs or publishes
    them. Behind it a cookie has an id and no value.
    """

    def __init__(self, settings: CookieSettings) -> None:
        self._settings = settings
        self._issued: tuple[str, str] | None = None
        # The id of the cookie that the client presented.
        self.presented: str | None = None

    def enter(self, data: bytes) -> bytes:
        """
        The same request without our cookie's value, and without a `Set-Cookie` header, which has no
        business in a request: Crossbar would take it for a login (ROUTER_CONTRACT, "Traps").

        Lines are split as Autobahn splits them: no line is one thing here and another there.
        """
        head, end, rest = data.partition(END_OF_HEAD)
        if not end:
            return data
        lines = head.decode("iso-8859-1").splitlines()
        cookies = [_value(line) for line in lines[1:] if _name(line) == "cookie"]
        if presented := header.parse(", ".join(cookies), self._settings.name):
            self.presented = header.id_of(presented)
        kept = [self._hide(line) for line in lines if _name(line) != "set-cookie"]
        return "\r\n".join(kept).encode("iso-8859-1") + end + rest

    def issue(self) -> str:
        """Make a fresh secret value, to be handed out by `leave`; its id."""
        value = header.new_value(self._settings.length)
        self._issued = header.id_of(value), value
        return self._issued[0]

    def set_cookie(self) -> str:
        """The `Set-Cookie` header for what `issue` made, with the id in the place of the value."""
        assert self._issued is not None
        settings = self._settings
        return header.render(
            settings.name,
            self._issued[0],
            settings.max_age,
            settings.secure,
            settings.http_strict,
            settings.same_site,
        )

    def leave(self, data: bytes) -> bytes:
        """The response with the value in the place of the id: the moment in which it leaves us."""
        if self._issued is None:
            return data
        (id, value), self._issued = self._issued, None
        name = self._settings.name
        return data.replace(f"{name}={id}".encode(), f"{name}={value}".encode(), 1)

    def _hide(self, line: str) -> str:
        if _name(line) != "cookie":
            return line
        return f"Cookie: {header.hide(_value(line), self._settings.name, self.presented or '')}"


def _name(line: str) -> str:
    return line.partition(":")[0].strip().lower()


def _value(line: str) -> str:
    return line.partition(":")[2].strip()
