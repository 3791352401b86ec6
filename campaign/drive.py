"""Handing a history to a store, as the plugin would: what is refused is tried again."""

import pickle
import time
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from campaign.oracle import Contradiction, Oracle
from campaign.steps import Step
from cookietrack_plugin.errors import (
    ConfigError,
    CookieTrackError,
    StoreCorrupt,
    StoreFull,
    StoreUnavailable,
)
from cookietrack_plugin.testing.process import StoreProcess

# Seconds from the end of a fault on in which a store has to take changes again.
RECOVERY_S = 10.0
_PAUSE_S = 0.02

# Called after each refusal, with the number of all of them: whether the fault is over by now.
Refused = Callable[[int], bool]
Errors = tuple[type[Exception], ...]


class Stuck(Exception):
    """A store goes on refusing when the fault is over."""


def drive(
    process: StoreProcess,
    oracle: Oracle,
    steps: Iterable[Step],
    refused: Refused,
    away: Errors = (StoreUnavailable,),
) -> None:
    """
    Perform `steps`, most of them until they are acknowledged. Some are given up when they are
    refused: what is full has applied nothing then, and what is `away` all or nothing.

    :raises Stuck: one is refused ten seconds after the end of the fault.
    :raises EOFError: the process has died, or hangs; the last step is in doubt.
    :raises Contradiction: see `Oracle`.
    """
    patience = Patience(refused, away)
    for number, step in enumerate(steps):
        while not _try(process, oracle, number, step, patience):
            time.sleep(_PAUSE_S)


class Patience:
    """
    Counts refusals, and the time since the fault was over.

    :param away: the errors of a store that is.
    """

    def __init__(self, refused: Refused, away: Errors = (StoreUnavailable,)) -> None:
        self.away = away
        self._refused = refused
        self._count = 0
        self._over: float | None = None

    def check(self, error: Exception) -> None:
        """
        :raises Stuck: it has taken too long.
        """
        self._count += 1
        if not self._refused(self._count):
            self._over = None
        elif self._over is None:
            self._over = time.monotonic()
        elif time.monotonic() > self._over + RECOVERY_S:
            raise Stuck(f"refuses {RECOVERY_S:.0f} s after the fault: {error}") from error

    def taken(self) -> None:
        """A change was: the next fault has all the time again."""
        self._over = None


def _try(
    process: StoreProcess, oracle: Oracle, number: int, step: Step, patience: Patience
) -> bool:
    try:
        answer = process.call("perform", number, step)
    except StoreFull as error:
        patience.check(error)
        return _is_given_up(number)
    except patience.away as error:
        oracle.doubt(step)
        patience.check(error)
        return _is_given_up(number)
    except EOFError:
        oracle.doubt(step)
        raise
    oracle.acknowledge(step, answer)
    patience.taken()
    return True


def _is_given_up(number: int) -> bool:
    return number % 3 == 0


def open_patiently(process: StoreProcess, refused: Refused) -> None:
    """
    Open the store there, as a node does that waits for one that is away.

    :raises Stuck: it cannot be opened ten seconds after the end of the fault.
    """
    patience = Patience(refused)
    while True:
        try:
            return process.open()
        except (StoreUnavailable, StoreFull, ConfigError, StoreCorrupt) as error:
            # A read-only file system looks like what a configuration has wrong, and SQLite calls a
            # read that fails with EIO a malformed file (SQLITE_IOERR_CORRUPTFS).
            patience.check(error)
        time.sleep(_PAUSE_S)


def at_once(_: int) -> bool:
    """There is no fault: nothing may be refused for long."""
    return True


def rest(process: StoreProcess) -> Iterator[Any]:
    """The answers and errors that a process gave before it ended."""
    while True:
        try:
            yield process.receive()
        except CookieTrackError as error:
            yield error
        except (EOFError, ConnectionError, pickle.UnpicklingError):
            return


def take(oracle: Oracle, steps: Iterable[Step], answers: Iterable[Any]) -> None:
    """
    What a killed process had answered; the step behind that is in doubt.

    :raises Contradiction: see `Oracle`.
    """
    answered = iter(answers)
    for step in steps:
        answer = next(answered, None)
        if isinstance(answer, StoreFull):
            continue
        if answer is None or isinstance(answer, StoreUnavailable):
            oracle.doubt(step)
        elif isinstance(answer, Exception):
            raise Contradiction(f"{step} raised {answer!r}")
        else:
            oracle.acknowledge(step, answer)
        if answer is None:
            return
