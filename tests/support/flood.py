"""Clients on threads: one that publishes as fast as it can, and ones that only listen."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from threading import Event, Thread

from benchmarks.load import wire
from tests.support.rude import PUBLISH, RudeClient

# Messages of one segment.
MANY = 200


class Ear:
    """What a client is sent: how many bytes there were, and when the last of them came."""

    def __init__(self, client: RudeClient) -> None:
        self.client = client
        self.heard = 0
        self.last = time.monotonic()

    def listen(self) -> None:
        self.client.be_patient()
        while data := self.client.take():
            self.heard += len(data)
            self.last = time.monotonic()


@contextmanager
def listening(clients: list[RudeClient]) -> Iterator[Ear]:
    """All of them; the first one's ear."""
    ears = [Ear(client) for client in clients]
    threads = [Thread(target=ear.listen, daemon=True) for ear in ears]
    for thread in threads:
        thread.start()
    try:
        yield ears[0]
    finally:
        for client in clients:
            client.hang_up()
        for thread in threads:
            thread.join()


@contextmanager
def flooding(client: RudeClient, topic: str) -> Iterator[None]:
    """It publishes until it is cut off, or this ends."""
    over, requests = Event(), count(1000)

    def publish() -> None:
        while not over.is_set() and not client.is_gone():
            client.send_anyway(
                *(wire.message(PUBLISH, next(requests), {}, topic, ["x"]) for _ in range(MANY))
            )

    thread = Thread(target=publish, daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
