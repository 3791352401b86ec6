"""Who is connected to this worker now."""

from collections.abc import Mapping
from typing import Any

from twisted.internet.defer import inlineCallbacks

from cookietrack_plugin.router import arguments
from cookietrack_plugin.router.console.refusals import WrongQuery
from cookietrack_plugin.router.console.sessions import with_devices
from cookietrack_plugin.router.console.watched import WatchedStore
from cookietrack_plugin.router.guard.link import RequestLink
from cookietrack_plugin.tracking.connections import TrackedConnection

# The most connections in a list, which the reactor's thread makes.
MAX_LISTED = 500
_WORDS = ("authid", "authrealm")


class LiveConnections:
    """Lists the connections of the watched store in this worker; other workers list theirs."""

    def __init__(self, watched: WatchedStore) -> None:
        self._watched = watched

    @inlineCallbacks
    def find(self, query: Mapping[str, str]) -> Any:
        """At most `MAX_LISTED` connections, of the user that the query names, if it names one."""
        for name in query:
            if name not in _WORDS:
                raise WrongQuery(f"expected one of {', '.join(_WORDS)}, found {name!r}")
        user = arguments.user(query.get("authid"), query.get("authrealm"))
        tracker = self._watched.tracker()
        open_now = tracker.connections_with(*user, MAX_LISTED)
        found = sorted(map(_shown, open_now), key=lambda each: -each["heard"])
        answer = {
            "at": tracker.clock.now(),
            "total": tracker.connections,
            "exclusive": self._watched.exclusive,
            "connections": found,
        }
        yield with_devices(self._watched, found)
        return answer


def _shown(connection: TrackedConnection) -> dict[str, Any]:
    session, cookie = connection.session, connection.cookie
    return {
        "id": connection.id,
        "kind": "request" if isinstance(connection.link, RequestLink) else "websocket",
        "authid": session and session.authid,
        "authrealm": session and session.authrealm,
        "authrole": session and session.authrole,
        "authmethod": session and session.authmethod,
        "joined": connection.joined or None,
        "heard": connection.last_heard,
        "peer": connection.link.peer,
        "user_agent": cookie.record.user_agent if cookie else None,
        "ending": connection.ended,
    }
