"""The time of a store's server, and how exactly it is known."""

import time
from typing import Any

from attrs import frozen

# Round trips of which the quickest counts.
SAMPLES = 3


@frozen
class TimeSample:
    """
    `server`: Unix time in seconds, read by the server at some moment between `sent` and `received`,
    which are on this machine's monotonic clock.
    """

    server: float
    sent: float
    received: float


def sample_time(store: Any) -> TimeSample:
    """
    The quickest of a few samples of a store with `IServerTime`. On a thread that may wait.

    :raises StoreUnavailable: the engine does not answer.
    """
    samples = [_sample(store) for _ in range(SAMPLES)]
    return min(samples, key=lambda sample: sample.received - sample.sent)


def _sample(store: Any) -> TimeSample:
    sent = time.monotonic()
    server = store.server_time() / 1000
    return TimeSample(server, sent, time.monotonic())
