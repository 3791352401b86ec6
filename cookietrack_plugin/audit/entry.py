"""One line of the audit log: a JSON object. Nothing in it logs anybody in."""

import json
from datetime import UTC, datetime
from enum import Enum

from attrs import frozen

# Characters that are kept of a text: clients choose their authid, and stores word their errors.
MAX_TEXT = 256


class By(Enum):
    """Who causes an event: the values of `by`."""

    # The client itself, or its user from another device.
    CLIENT = "client"
    # A caller of `cookietrack.*`, the console, or the command: the line of the end itself.
    OPERATOR = "operator"
    # Crossbar, for a caller of `wamp.session.kill*`, whom it does not name.
    ROUTER = "router"
    # An authenticator, which refuses a login.
    AUTHENTICATOR = "authenticator"
    # Another worker or node, or the command: the line of a worker that learns of it from the store.
    ELSEWHERE = "elsewhere"
    # The end of a lifetime.
    CLOCK = "clock"
    # What the `cookie` item demands.
    POLICY = "policy"
    # A store that does not answer, or takes no more.
    STORE = "store"


@frozen
class Actor:
    """Who causes an event, and their identity where it is known."""

    by: By
    authid: str | None = None
    authrealm: str | None = None


@frozen
class Entry:
    """
    One line of the audit log.

    `at`: Unix milliseconds. `event`: see docs/howto/monitoring.md. `id`: the cookie's, if any.
    `authid`, `authrealm`: whose session or cookie it is. `peer`: where its client is, as Crossbar
    writes it. `reason`: a WAMP URI, a method of authentication, or an error in words.
    """

    at: int
    event: str
    id: str | None = None
    authid: str | None = None
    authrealm: str | None = None
    peer: str | None = None
    actor: Actor | None = None
    reason: str | None = None

    def line(self) -> str:
        """The JSON object, in ASCII and on one line, with all keys in one order."""
        actor = self.actor
        return json.dumps(
            {
                "time": _iso(self.at),
                "event": self.event,
                "id": self.id,
                "authid": _short(self.authid),
                "authrealm": _short(self.authrealm),
                "peer": _short(self.peer),
                "by": actor and actor.by.value,
                "by_authid": actor and _short(actor.authid),
                "by_authrealm": actor and _short(actor.authrealm),
                "reason": _short(self.reason),
            }
        )


def _iso(milliseconds: int) -> str:
    """RFC 3339, in UTC."""
    time = datetime.fromtimestamp(milliseconds / 1000, UTC)
    return time.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _short(text: str | None) -> str | None:
    return None if text is None else short(text)


def short(text: str) -> str:
    """As much of a text as a line has: a client may call itself anything."""
    return text if len(text) <= MAX_TEXT else f"{text[:MAX_TEXT]}…"
