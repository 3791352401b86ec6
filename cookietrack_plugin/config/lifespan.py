"""One bound of how long a cookie, or the login with it, lives."""

from attrs import frozen

SECOND = 1000
# Longer than anything lives: no bound.
UNBOUNDED_S = 1000 * 365 * 86400


@frozen
class Lifespan:
    """
    Bounds in seconds. A cookie begins with its creation, a login when it is made.

    `max_age`: since the beginning; with `rolling`, since the latest handshake, but no longer than
    `absolute_max_age` since the beginning, if that is given. `idle_timeout`: since the client was
    last heard, in a handshake or a message.
    """

    max_age: int = UNBOUNDED_S
    idle_timeout: int | None = None
    rolling: bool = False
    absolute_max_age: int | None = None

    def limit(self, begun: int, handshake: int) -> int:
        """
        The millisecond from which on it is over, even if its client stays active.

        :param begun: when the cookie was made, or the login, milliseconds.
        :param handshake: when the cookie was last presented, milliseconds.
        """
        if not self.rolling:
            return begun + self.max_age * SECOND
        limit = handshake + self.max_age * SECOND
        if self.absolute_max_age is not None:
            limit = min(limit, begun + self.absolute_max_age * SECOND)
        return limit

    def expires(self, limit: int, seen: int) -> int:
        """The end for a client that was last `seen` then, both in milliseconds."""
        if self.idle_timeout is None:
            return limit
        return min(limit, seen + self.idle_timeout * SECOND)
