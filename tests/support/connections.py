"""The router's side of a connection, which notes what the tracker does to it."""

from twisted.internet.defer import Deferred, succeed

from cookietrack_plugin.tracking.connections import TrackedConnection


class FakeLink:
    """
    `done`: what was asked of it, in order: "discard", "detach", "forget" and `(reason, code)`.
    `detaching`: what `detach` gives; set another one to keep the session on the router.
    """

    peer = "tcp4:192.0.2.1:52410"

    def __init__(self) -> None:
        self.done: list[object] = []
        self.detaching: Deferred[None] = succeed(None)
        # What the tracker knows of it.
        self.connection: TrackedConnection | None = None

    def discard_input(self) -> None:
        self.done.append("discard")

    def detach(self) -> Deferred[None]:
        self.done.append("detach")
        return self.detaching

    def close(self, reason: str, code: int) -> None:
        self.done.append((reason, code))

    def forget_login(self) -> None:
        self.done.append("forget")

    @property
    def reasons(self) -> list[str]:
        """With which it was closed."""
        return [each[0] for each in self.done if isinstance(each, tuple)]

    @property
    def ended(self) -> bool:
        """Whether nothing that its client sends counts any more."""
        return "discard" in self.done
