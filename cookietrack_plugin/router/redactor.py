"""Replaces cookie values by ids in the head of a request or response, and back."""

from collections.abc import Collection, Iterable, Iterator, Mapping

from cookietrack_plugin import header
from cookietrack_plugin.config.settings import CookieSettings
from cookietrack_plugin.router.head import END_OF_HEAD, require_well_formed


class HandshakeRedactor:
    """
    Stands between the bytes of one connection's opening handshake and everything that reads, logs
    or publishes them. Behind it a cookie has an id and no value.

    :param settings: the listener's own cookie; None where it has none.
    :param names: the names of all cookies of the node. Browsers know no ports: they present the
        cookies of all its listeners to each of them.
    """

    def __init__(self, settings: CookieSettings | None, names: frozenset[str]) -> None:
        self._settings = settings
        self._names = (
            names if settings is None or settings.name in names else names | {settings.name}
        )
        # Values of the listener's own cookie by their ids.
        self._presented: dict[str, str] = {}
        self._issued: dict[str, str] = {}
        # The cookie in the response, with its id; and with its value, as it leaves.
        self._leaving: tuple[bytes, bytes] | None = None

    @property
    def presented(self) -> list[str]:
        """The ids of the listener's own cookie that the client presented: four at most."""
        return list(self._presented)

    def redact_request(self, head: bytes) -> bytes:
        """
        The same head with ids in place of values, and without a `Set-Cookie` header: in a request
        Crossbar takes it for a login (`crossbar.router.session.RouterSession.onHello`).

        :raises HeadTooLarge:
        :raises MalformedHead: as `require_well_formed` has it.
        """
        head = require_well_formed(head)
        if b"cookie" not in head.lower():
            return head
        request, *lines = _lines(head)
        fields = [(_name(line), line) for line in lines]
        self._read("; ".join(_value(line) for name, line in fields if name == "cookie"))
        kept = [
            _without_values(line, self._names) if name == "cookie" else line
            for name, line in fields
            if name != "set-cookie"
        ]
        # Autobahn logs the first line, even if it is no request line.
        if _name(request) in ("cookie", "set-cookie"):
            request = _without_values(request, self._names)
        return _head([request, *kept])

    def _read(self, cookies: str) -> None:
        if self._settings is not None:
            values = header.parse(cookies, self._settings.name)
            self._presented = {header.id_of(value): value for value in values}

    def reveal(self, headers: Mapping[str, str]) -> Iterator[dict[str, str]]:
        """
        Request headers for a store that knows its cookies by their values: for each presented value
        of the listener's own cookie, with that alone in the `cookie` header.
        """
        assert self._settings is not None
        for value in self._presented.values():
            yield {**headers, "cookie": f"{self._settings.name}={value}"}

    def issue(self) -> str:
        """Make a fresh secret value; its id, for `set_cookie`."""
        assert self._settings is not None
        value = header.new_value(self._settings.length)
        id = header.id_of(value)
        self._issued[id] = value
        return id

    def set_cookie(self, id: str, max_age: int) -> str:
        """
        The `Set-Cookie` header for what was issued or presented as `id`, with that id instead of
        the value: `restore_response` puts the value back. `max_age` is in seconds.
        """
        settings = self._settings
        assert settings is not None
        value = self._issued.get(id) or self._presented[id]
        self._leaving = f"{settings.name}={id}".encode(), f"{settings.name}={value}".encode()
        lasting = max_age if settings.persistent else None
        return header.render(settings.name, id, lasting, attributes_of(settings))

    def restore_response(self, data: bytes) -> bytes:
        """The response with the value in place of the id, at the moment in which it leaves."""
        if self._leaving is None:
            return data
        (hidden, shown), self._leaving = self._leaving, None
        return data.replace(hidden, shown, 1)


def redact_response(head: bytes, names: Collection[str]) -> bytes:
    """
    The head of a response that came to us as a client, with ids in its `Set-Cookie` headers.

    :raises HeadTooLarge:
    :raises MalformedHead: as `require_well_formed` has it.
    """
    head = require_well_formed(head)
    if b"cookie" not in head.lower():
        return head
    return _head(
        _without_values(line, names) if _name(line) == "set-cookie" else line
        for line in _lines(head)
    )


def attributes_of(settings: CookieSettings) -> header.Attributes:
    """What a `Set-Cookie` header says of a listener's cookie besides its value and age."""
    return header.Attributes(
        settings.secure,
        settings.http_strict,
        settings.same_site,
        settings.path,
        settings.domain,
        settings.partitioned,
    )


def _without_values(line: str, names: Collection[str]) -> str:
    name, _, value = line.partition(":")
    return f"{name}: {header.hide(value.strip(), names)}"


def _lines(head: bytes) -> list[str]:
    return head.removesuffix(END_OF_HEAD).decode("iso-8859-1").split("\r\n")


def _head(lines: Iterable[str]) -> bytes:
    return "\r\n".join(lines).encode("iso-8859-1") + END_OF_HEAD


def _name(line: str) -> str:
    name, colon, _ = line.partition(":")
    return name.strip().lower() if colon else ""


def _value(line: str) -> str:
    return line.partition(":")[2].strip()
