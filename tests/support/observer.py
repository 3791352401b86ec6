"""Who hears what the clients of a realm say, and knows whom the router has in it."""

import time
from contextlib import suppress
from threading import Event, Thread
from typing import Any

from attrs import frozen

from benchmarks.load import wire
from tests.support.node import PATIENCE
from tests.support.rude import EVENT, INVOCATION, PROCEDURE, TOPIC, YIELD, RudeClient
from tests.support.wamp import Closed


@frozen
class Heard:
    """`how`: "event" or "call". `key`: who has said it. `said`: when; `at`: when it was heard."""

    how: str
    key: str
    said: float
    at: float


class Observer:
    """
    Hears what any client of a realm says (`RudeClient.babble`), and who joins: it reads on a thread
    of its own. `joined`: which authid, and when. `hands`: the connection by which it asks.
    """

    def __init__(self, port: int, user: str) -> None:
        self.heard: list[Heard] = []
        self.joined: list[tuple[str, float]] = []
        self._realm = user.partition("@")[2]
        self._ears = RudeClient(port).log_in(user)
        self._ears.subscribe(TOPIC)
        self._ears.register(PROCEDURE)
        self._ears.subscribe("wamp.session.on_join")
        self.hands = RudeClient(port).log_in(user)
        self._ears.be_patient()
        self._caught_up = Event()
        self._thread = Thread(target=self._listen, daemon=True)
        self._thread.start()

    def call(self, procedure: str, *args: Any, **kwargs: Any) -> Any:
        return self.hands.call(procedure, *args, **kwargs)

    def catch_up(self) -> None:
        """Hear all that the router has passed on so far."""
        self._caught_up.clear()
        self._ears.send(self._ears.message(wire.CALL, {}, "wamp.session.count"))
        assert self._caught_up.wait(PATIENCE), "the observer is not answered"

    def heard_of(self, key: str, after: float = 0.0) -> list[Heard]:
        """What was heard of what `key` has said after that moment."""
        return [each for each in list(self.heard) if each.key == key and each.said > after]

    def sessions(self) -> set[int]:
        return set(self.call("wamp.session.list"))

    def close(self) -> None:
        self._ears.hang_up()
        self._thread.join()
        self._ears.close()
        self.hands.close()

    def _listen(self) -> None:
        with suppress(Closed, OSError):
            while True:
                self._take(self._ears.receive())

    def _take(self, message: list[Any]) -> None:
        now = time.monotonic()
        match message:
            case [wire.RESULT, *_]:
                self._caught_up.set()
            case [kind, request, _, _, [str(key), said]] if kind == INVOCATION:
                self.heard.append(Heard("call", key, said, now))
                self._ears.send(wire.message(YIELD, request, {}, [True]))
            case [kind, _, _, _, [str(key), said]] if kind == EVENT:
                self.heard.append(Heard("event", key, said, now))
            case [kind, _, _, _, [{"authid": authid}]] if kind == EVENT:
                self.joined.append((authid, now))
