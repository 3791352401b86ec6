"""What a transport demands of its cookies: how long they live, and when a client gets a new one."""

from collections.abc import Iterator, Mapping

from attrs import field, frozen

from cookietrack_plugin.config.authextra import lifetime_in
from cookietrack_plugin.config.lifespan import SECOND, UNBOUNDED_S, Lifespan
from cookietrack_plugin.record import Auth, Cookie


@frozen
class Policy(Lifespan):
    """
    The lifetime of a cookie, and more. All of it comes from the transport's `cookie` item.

    `rotates`: a login is stored only on a cookie that was handed out in the same handshake, or that
    was the same identity's already (session fixation: OWASP Session Management Cheat Sheet, ASVS v5
    7.2.4). `always_rotates`: a login on the same identity's cookie ends that cookie, and is stored
    with no other, as the handshake that could have given the client a new value is over.
    `first_max_age`: the lifetime in seconds of a record that needs no login, until its client comes
    back or has stayed connected so long. `max_pending`: queued writes beyond which no new cookie is
    made. `max_sessions`: the most stored logins of one identity, None for any number; beyond it
    `ends_oldest` ends the one that was heard longest ago, or else the new login is refused.
    `lifetimes`: of logins, by role and by `role@realm`.
    """

    rotates: bool = False
    max_pending: int = 10_000
    always_rotates: bool = False
    first_max_age: int | None = None
    max_sessions: int | None = None
    ends_oldest: bool = True
    lifetimes: Mapping[str, Lifespan] = field(factory=dict, hash=False)

    @property
    def extends(self) -> bool:
        """Whether a returning client moves the moment in which its cookie expires."""
        return self.rolling or self.idle_timeout is not None

    def good_until(self, cookie: Cookie) -> int:
        """
        The millisecond from which on a record is worth nothing under this policy, whichever policy
        it was made under: the strictest binds, and the strictest lifetime of its login. A rolling
        policy takes `seen` for the latest handshake, which cannot be later.
        """
        until = self.expires(
            min(cookie.expires, self.limit(cookie.created, cookie.seen)), cookie.seen
        )
        if cookie.auth is None:
            return until
        login = self.login_until(cookie.auth, login_time(cookie), cookie.seen, cookie.seen)
        return min(until, login)

    def login_until(self, auth: Auth, begun: int, handshake: int, seen: int) -> int:
        """
        The millisecond from which on a login is over, by its role, its realm and its authextra.

        :param begun: when it was made. `handshake`, `seen`: see `Lifespan`. All in milliseconds.
        """
        ends = [
            each.expires(each.limit(begun, handshake), seen) for each in self.lifetimes_of(auth)
        ]
        return min(ends, default=begun + UNBOUNDED_S * SECOND)

    def lifetimes_of(self, auth: Auth) -> Iterator[Lifespan]:
        """All that bounds a login besides the lifetime of its cookie; the strictest counts."""
        if self.lifetimes:
            for name in (auth.authrole, f"{auth.authrole}@{auth.authrealm}"):
                if name in self.lifetimes:
                    yield self.lifetimes[name]
        if said := lifetime_in(auth.authextra):
            yield said

    def shortest_idle_timeout(self, *logins: Auth | None) -> int:
        """The shortest for a cookie with these logins, in seconds; 0 where idling ends nothing."""
        lifetimes = [self, *(each for auth in logins if auth for each in self.lifetimes_of(auth))]
        return min((each.idle_timeout for each in lifetimes if each.idle_timeout), default=0)


def login_time(cookie: Cookie) -> int:
    """When its login was made, milliseconds; before it in records that do not say so."""
    at = cookie.auth.at if cookie.auth else None
    return cookie.created if at is None else at
