"""
When the time of a connection is over, as far as is known in this worker: by its cookie, and by the
login of its session. Milliseconds of the clock by which the records live.
"""

from cookietrack_plugin.config.policy import login_time
from cookietrack_plugin.record import Auth, Cookie
from cookietrack_plugin.tracking.connections import ActiveCookie, TrackedConnection


def good_until(connection: TrackedConnection) -> int:
    """When a connection's time is over: that of its cookie, or of its session's login."""
    policy, cookie, session = connection.policy, connection.cookie, connection.session
    if cookie is None:
        until = policy.expires(connection.limit, connection.last_heard)
    else:
        until = cookie_until(cookie, connection)
    if session is None:
        return until
    begun = connection.joined if session.at is None else session.at
    handshake, seen = connection.joined, connection.last_heard
    if cookie is not None and _is_login_of(cookie.record, session):
        begun = max(begun, login_time(cookie.record))
        handshake, seen = max(handshake, cookie.handshake), max(seen, cookie.record.seen)
    return min(until, policy.login_until(session, begun, handshake, seen))


def cookie_until(cookie: ActiveCookie, connection: TrackedConnection) -> int:
    """When the cookie's time is over, under the policy of one of its connections."""
    policy, record = connection.policy, cookie.record
    until = min(limit_of(connection, cookie), policy.good_until(record))
    if record.auth is None:
        return until
    # A message is no handshake: it does not move a rolling `max_age`.
    begun = login_time(record)
    return min(until, policy.login_until(record.auth, begun, cookie.handshake, record.seen))


def idle_timeout(connection: TrackedConnection) -> int:
    """The shortest that binds a connection, in seconds; 0 without one."""
    login = connection.cookie.record.auth if connection.cookie else None
    return connection.policy.shortest_idle_timeout(login, connection.session)


def limit_of(connection: TrackedConnection, cookie: ActiveCookie) -> int:
    """
    When `max_age` is over for a connection. Where it rolls, a handshake of another tab moves it for
    all of them.
    """
    rolled = connection.policy.limit(cookie.record.created, cookie.handshake)
    return max(connection.limit, rolled)


def _is_login_of(record: Cookie, session: Auth) -> bool:
    """Whether a later login on the record is one of the session's user in the same role."""
    auth = record.auth
    return auth is not None and (auth.identity, auth.authrole) == (
        session.identity,
        session.authrole,
    )
