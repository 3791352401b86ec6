"""
The far end of `process`: reads requests, pickled. Each answer leaves after the store's method has
returned. Ends with its input, or by kill -9.
"""

import os
import pickle
from collections.abc import Callable
from contextlib import suppress
from io import BufferedRWPair
from itertools import count
from typing import Any, BinaryIO

from cookietrack_plugin.record import Authenticate, Change, Create, Delete
from cookietrack_plugin.testing.samples import NOW, make_auth, make_cookie, make_id, make_touch

BATCHES_A_ROUND = 1_000_000


class Writer:
    """Does what is asked: `open`, then the store's methods by their names, or `write`."""

    def __init__(self, provider: Callable[[], Any], answers: BinaryIO | BufferedRWPair) -> None:
        self._provider = provider
        self._answers = answers
        self._store: Any = None

    def do(self, method: str, *args: Any) -> None:
        try:
            self._answer(self._call(method, *args))
        except Exception as error:  # noqa: BLE001  the answer, of any kind
            self._answer(None, error)

    def close(self) -> None:
        if self._store is not None:
            self._store.close()

    def _call(self, method: str, *args: Any) -> Any:
        match method:
            case "open":
                self._store = self._provider().open(*args)
                return None
            case "write":
                return self._write(*args)
        return getattr(self._store, method)(*args)

    def _write(self, round: int) -> None:
        """Commit the batches of a round until killed, and acknowledge each."""
        for step in count():
            self._store.commit(batch(round, step))
            self._answer(step)

    def _answer(self, answer: Any, error: Exception | None = None) -> None:
        pickle.dump((answer, error), self._answers)
        self._answers.flush()


def batch(round: int, step: int) -> list[Change]:
    """
    What a writer commits in a step of a round: two records come, the first of them stays, logs in
    with the next step and is touched with the one after; the second goes with the next step.
    """
    stays = 2 * (round * BATCHES_A_ROUND + step)
    changes: list[Change] = [Create(make_cookie(stays)), Create(make_cookie(stays + 1))]
    if step >= 1:
        auth = make_auth(f"user{step}", authextra={"step": step})
        changes += [Authenticate(make_id(stays - 2), auth, NOW + step), Delete(make_id(stays - 1))]
    if step >= 2:
        changes.append(make_touch(stays - 4))
    return changes


def serve(provider: Callable[[], Any], stream: BufferedRWPair) -> None:
    """Say who this is, and do what is asked until nobody asks any more."""
    pickle.dump(os.getpid(), stream)
    stream.flush()
    writer = Writer(provider, stream)
    with suppress(EOFError, ConnectionError):
        while True:
            writer.do(*pickle.load(stream))
    writer.close()
