"""What a transport demands of its cookies: how long they live, and when a client gets a new one."""

from attrs import frozen

from cookietrack_plugin.record import Cookie

SECOND = 1000


@frozen
class Policy:
    """
    Lifetimes are in seconds. All of it comes from the transport's `cookie` item.

    `max_age`: from the creation on; with `rolling`, from the latest handshake on, but no longer
    than `absolute_max_age` from the creation on, if that is given. `idle_timeout`: from the moment
    on at which the client was last heard, in a handshake or a message. `rotates`: a login is stored
    only on a cookie that was handed out in the same handshake, or that was the same identity's
    already (session fixation: OWASP Session Management Cheat Sheet, ASVS v5 7.2.4).
    `max_pending`: queued writes beyond which no new cookie is made.
    """

    max_age: int
    idle_timeout: int | None = None
    rolling: bool = False
    absolute_max_age: int | None = None
    rotates: bool = False
    max_pending: int = 10_000

    @property
    def extends(self) -> bool:
        """Whether a returning client moves the moment in which its cookie expires."""
        return self.rolling or self.idle_timeout is not None

    def limit(self, created: int, handshake: int) -> int:
        """
        The millisecond from which on a cookie is not valid, even if its client stays active.

        :param created: when the cookie was made, milliseconds.
        :param handshake: when it was last presented, milliseconds.
        """
        if not self.rolling:
            return created + self.max_age * SECOND
        limit = handshake + self.max_age * SECOND
        if self.absolute_max_age is not None:
            limit = min(limit, created + self.absolute_max_age * SECOND)
        return limit

    def expires(self, limit: int, seen: int) -> int:
        """`Cookie.expires` for a client that was last `seen` then, both in milliseconds."""
        if self.idle_timeout is None:
            return limit
        return min(limit, seen + self.idle_timeout * SECOND)

    def good_until(self, cookie: Cookie) -> int:
        """
        The millisecond from which on a record is worth nothing under this policy, whichever policy
        it was made under: the strictest binds. A rolling policy takes `seen` for the latest
        handshake, which cannot be later.
        """
        return self.expires(
            min(cookie.expires, self.limit(cookie.created, cookie.seen)), cookie.seen
        )
