"""Logins and logouts without end, with a record of what the clients were told."""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from threading import Event

from tests.support.client import Clients

LOGOUT = "wamp.close.logout"
# Seconds until a client that was turned away comes again.
PAUSE = 0.02


class Load:
    """
    Clients that log in, one after the other, and log every second one out again.

    `welcomed`: cookies whose clients have seen WELCOME. `gone`: those whose clients have seen the
    logout's GOODBYE besides. `unsure`: they asked for it, and their connection was failed.
    """

    def __init__(self, url: str, clients: Clients) -> None:
        self.url = url
        self.clients = clients
        self.welcomed: list[str] = []
        self.gone: list[str] = []
        self.unsure: list[str] = []
        self.refused = 0
        self.stop = Event()

    def run(self) -> None:
        try:
            while not self.stop.is_set():
                self._one()
        except AssertionError:
            # The node is being killed: the client could not even connect.
            pass

    def _one(self) -> None:
        session = self.clients.login(self.url)
        if not session.joined:
            self.refused += 1
            self.stop.wait(PAUSE)
            return
        if len(self.welcomed) <= len(self.gone):
            self.welcomed.append(session.cookie)
        else:
            self.unsure.append(session.cookie)
            if session.leave(LOGOUT)["leave_reason"] == "wamp.close.normal":
                self.gone.append(self.unsure.pop())
        session.close()


@contextmanager
def under(loads: Sequence[Load]) -> Iterator[None]:
    """They run within the block; then they end, and what any of them raised is raised."""
    with ThreadPoolExecutor(len(loads)) as pool:
        running = [pool.submit(load.run) for load in loads]
        try:
            yield
        finally:
            for load in loads:
                load.stop.set()
        for done in running:
            done.result()
