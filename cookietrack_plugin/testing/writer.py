"""
The far end of `process`: has a store open and does what it reads, pickled, from standard input.
Each answer leaves after the store's method has returned. Ends with its input, or by kill -9.
"""

import pickle
import sys
from collections.abc import Iterator
from itertools import count
from typing import Any, BinaryIO

from cookietrack_plugin.record import Authenticate, Change, Create, Delete
from cookietrack_plugin.testing.samples import NOW, make_auth, make_cookie, make_id, make_touch

BATCHES_A_ROUND = 1_000_000


def main() -> None:
    requests, answers = sys.stdin.buffer, sys.stdout.buffer
    try:
        store = _open(*pickle.load(requests))
    except Exception as error:  # noqa: BLE001  whatever it is, it is the answer
        _answer(answers, None, error)
        return
    _answer(answers, None)
    for method, *args in _read(requests):
        try:
            if method == "write":
                _write(store, answers, *args)
            _answer(answers, _call(store, method, args))
        except Exception as error:  # noqa: BLE001  the same
            _answer(answers, None, error)
    store.close()


def _open(provider: Any, options: Any, node_dir: str) -> Any:
    return provider().open(options, node_dir)


def _read(requests: BinaryIO) -> Iterator[Any]:
    while True:
        try:
            yield pickle.load(requests)
        except EOFError:
            return


def _call(store: Any, method: str, args: list[Any]) -> Any:
    result = getattr(store, method)(*args)
    return list(result) if method == "scan" else result


def _answer(answers: BinaryIO, answer: Any, error: Exception | None = None) -> None:
    pickle.dump((answer, error), answers)
    answers.flush()


def _write(store: Any, answers: BinaryIO, round: int) -> None:
    """Commit the batches of a round until killed, and acknowledge each."""
    for step in count():
        store.commit(batch(round, step))
        _answer(answers, step)


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


if __name__ == "__main__":
    main()
