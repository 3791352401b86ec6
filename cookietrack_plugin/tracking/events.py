"""What happens to cookies, published to the log, metrics, and WAMP subscribers."""

from collections.abc import Callable
from enum import Enum

from attrs import frozen
from txaio.tx import get_global_log_level, make_logger

from cookietrack_plugin.audit.entry import Actor, short


class Kind(Enum):
    """The events in a cookie's life."""

    CREATED = "created"
    AUTHENTICATED = "authenticated"
    REVOKED = "revoked"
    EXPIRED = "expired"
    ROTATED = "rotated"
    REFUSED = "refused"
    DENIED = "denied"


@frozen
class Event:
    """
    Something that happened to a cookie or a session.

    `id`: the cookie's, None for a client that was refused without one. `authid`, `authrealm`: whose
    it is, if there is a login. `detail`: a few words more, for the log. For the audit log: `peer`,
    where the client is; `actor`, who causes it; `reason`, a WAMP URI or a few words.
    """

    kind: Kind
    id: str | None
    authid: str | None = None
    authrealm: str | None = None
    detail: str | None = None
    peer: str | None = None
    actor: Actor | None = None
    reason: str | None = None


_ABOUT = ("id", "authid", "authrealm", "detail")
# Anybody can cause these, as often as they like: at `info` they would fill the log.
_BY_STRANGERS = {Kind.CREATED, Kind.ROTATED, Kind.REFUSED}
_LOGGED = {"debug": ("debug", "trace"), "info": ("info", "debug", "trace")}

Observer = Callable[[Event], None]


class Events:
    """Calls every observer for every event, and writes one line to the log."""

    log = make_logger()

    def __init__(self) -> None:
        self._observers: list[Observer] = []

    def subscribe(self, observer: Observer) -> None:
        """Call `observer` from now on. It must not raise."""
        self._observers.append(observer)

    def unsubscribe(self, observer: Observer) -> None:
        """Call `observer` no longer. Idempotent."""
        if observer in self._observers:
            self._observers.remove(observer)

    def publish(self, event: Event) -> None:
        """Log an event, and pass it on to every observer."""
        level = "debug" if event.kind in _BY_STRANGERS else "info"
        if get_global_log_level() in _LOGGED[level]:
            self._write(event, level)
        for observer in list(self._observers):
            try:
                observer(event)
            except Exception:  # noqa: BLE001 - an observer must not stop the tracker
                self.log.failure("an event cannot be passed on: {log_failure.value}")

    def _write(self, event: Event, level: str) -> None:
        kind = event.kind.value
        known = {name: value for name in _ABOUT if (value := getattr(event, name)) is not None}
        # Formatted here: a logger is slower, field by field, and each login has a line.
        words = [f" {name}={_printable(value)}" for name, value in known.items()]
        self.log.emit(level, _literal(f"cookie {kind}{''.join(words)}"), kind=kind, **known)


def _printable(text: str) -> str:
    """Any text on one short line: a second line could be taken for another event."""
    text = short(text)
    return text if text.isprintable() else ascii(text)


def _literal(text: str) -> str:
    """`text` as a format that has no fields."""
    return text.replace("{", "{{").replace("}", "}}")
