"""Users who log in more often than they may."""

from typing import Any

from benchmarks.load import wire
from cookietrack_plugin.stores.kit.paging import records
from tests.support.rude import TICKET, RudeClient
from tests.support.wamp import Closed

DENIED = "cookietrack.error.too_many_sessions"


class Visit:
    """One client, with a connection of its own from `begin` on."""

    def __init__(self, port: int, user: str) -> None:
        self._port = port
        self._user = user
        self._client: RudeClient | None = None
        # What came of its login: a WELCOME, or an ABORT.
        self.answer: list[Any] = []

    @property
    def id(self) -> str:
        """Of its cookie."""
        assert self._client is not None
        return self._client.cookie_id

    def begin(self) -> None:
        """Until it is challenged."""
        self._client = RudeClient(self._port)
        challenge = self._client.say_hello(f"{self._user}@realm1", ["ticket"])
        assert challenge[0] == wire.CHALLENGE

    def prove(self) -> None:
        """It does not wait for an answer: others prove who they are at the same moment."""
        assert self._client is not None
        self._client.send(wire.authenticate(TICKET))

    def hear(self) -> None:
        """What comes of it."""
        assert self._client is not None
        self.answer = self._client.receive_login()
        assert self.answer[0] in (wire.WELCOME, wire.ABORT), self.answer

    def is_in(self) -> bool:
        """Whether the router answers it."""
        try:
            return self._client is not None and self._client.answers()
        except Closed:
            return False

    def was_denied(self) -> bool:
        """Whether its user had too many sessions."""
        return self.answer[0] == wire.ABORT and self.answer[2] == DENIED

    def close(self) -> None:
        if self._client is not None:
            self._client.close()


def logins_of(store: Any, authid: str) -> set[str]:
    """The ids of the records that are logged in as a user."""
    return {cookie.id for cookie in records(store, authid)}
