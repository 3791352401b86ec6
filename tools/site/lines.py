"""What the log and the audit log name: events, and who causes them."""

from pathlib import Path

from cookietrack_plugin.audit.entry import By
from cookietrack_plugin.tracking.events import Kind
from tools.site.parts import table

KINDS = {
    Kind.CREATED: "a client got a new cookie",
    Kind.AUTHENTICATED: "a login is stored with a cookie",
    Kind.REVOKED: "a cookie, or everything of a user, was ended",
    Kind.EXPIRED: "the lifetime of a cookie was over while it was connected",
    Kind.ROTATED: "a client that came with a cookie without a login got a new one",
    Kind.REFUSED: "a handshake was answered 503",
    Kind.DENIED: "a login does not join",
}
_ACTORS = {
    By.CLIENT: "the client itself, or its user from another device",
    By.OPERATOR: (
        "a caller of `cookietrack.*`, a user of the console, or who runs the command `cookietrack`:"
        " in the line that the worker which was asked, or the command itself, writes"
    ),
    By.ROUTER: "Crossbar, for a caller of `wamp.session.kill*`, whom it does not name",
    By.AUTHENTICATOR: "an authenticator that refuses a login",
    By.ELSEWHERE: (
        "another worker or node, or the command `cookietrack`: in the lines of all other workers,"
        " which learn of the end from the store and have connections to close"
    ),
    By.CLOCK: "the end of a lifetime",
    By.POLICY: "what the `cookie` item demands",
    By.STORE: "a store that does not answer, or takes no more",
}


def kinds(_: Path) -> str:
    """The events of Crossbar's log."""
    rows = [(f"`cookie {kind.value}`", KINDS[kind]) for kind in Kind]
    return table(("line begins with", "what has happened"), rows)


def actors(_: Path) -> str:
    """The values of `by`."""
    return table(("`by`", "who that is"), [(f"`{by.value}`", _ACTORS[by]) for by in By])
