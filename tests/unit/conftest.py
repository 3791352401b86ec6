"""What unit tests share: a reactor, stores, the log, and no error that nobody heard of."""

import gc
import logging
from collections.abc import Callable, Iterator
from functools import partial
from itertools import product
from typing import Any

import pytest
import txaio
from twisted.logger import LogEvent, formatEvent, globalLogPublisher
from txaio.tx import set_global_log_level

from tests.support.reactor import FakeReactor
from tests.support.stores import ScriptedStore
from tests.support.trackers import Tracked

# Before the first test module imports a part of Autobahn that remembers which framework there is.
txaio.use_twisted()
set_global_log_level("debug")


class Log:
    """What was logged: `(level, message)` each."""

    def __init__(self) -> None:
        self.events: list[LogEvent] = []

    def __call__(self, event: LogEvent) -> None:
        self.events.append(event)

    @property
    def lines(self) -> list[tuple[str, str]]:
        return [(event["log_level"].name, formatEvent(event)) for event in self.events]

    def text(self) -> str:
        """All messages of all levels."""
        return "\n".join(text for _, text in self.lines)

    def at(self, *levels: str) -> list[str]:
        """The messages of these levels."""
        return [text for level, text in self.lines if level in levels]


@pytest.fixture(autouse=True)
def log() -> Iterator[Log]:
    """The log of the test, in which no error of a Deferred may stand that nobody has handled."""
    log = Log()
    globalLogPublisher.addObserver(log)
    yield log
    gc.collect(1)
    globalLogPublisher.removeObserver(log)
    assert [text for text in log.at("critical") if "Unhandled" in text] == []


@pytest.fixture
def without_log() -> Iterator[None]:
    """For what is to be forgotten: Twisted remembers lines, and with them what they are about."""
    set_global_log_level("none")
    yield
    set_global_log_level("debug")


@pytest.fixture
def unbridged_logging() -> Iterator[logging.Logger]:
    """The logger of our stores, which is afterwards as it was."""
    logger = logging.getLogger("cookietrack_plugin")
    before = logger.handlers[:], logger.level, logger.propagate
    yield logger
    logger.handlers[:], logger.level, logger.propagate = before


@pytest.fixture
def reactor() -> Iterator[FakeReactor]:
    reactor = FakeReactor()
    yield reactor
    reactor.stop()


MakeStore = Callable[..., ScriptedStore]


@pytest.fixture
def make_store() -> Iterator[MakeStore]:
    """A function that makes stores; callers that wait at their gates are let through in the end."""
    stores: list[ScriptedStore] = []

    def make(reads_block: bool = False, commits_block: bool = False) -> ScriptedStore:
        stores.append(ScriptedStore(reads_block, commits_block))
        return stores[-1]

    yield make
    for store in stores:
        for gate in (store.reads, store.commits, store.closing, store.pages):
            gate.open()


def _speed(reads_block: bool, commits_block: bool) -> str:
    speeds = ["slow" if each else "quick" for each in (reads_block, commits_block)]
    return "{} reads, {} commits".format(*speeds)


BLOCKING = list(product((False, True), repeat=2))


@pytest.fixture(params=BLOCKING, ids=[_speed(*each) for each in BLOCKING])
def any_store(request: pytest.FixtureRequest, make_store: MakeStore) -> ScriptedStore:
    """A store, in every combination of what of it can wait."""
    return make_store(*request.param)


@pytest.fixture
def make_tracked(reactor: FakeReactor) -> Iterator[Callable[..., Tracked]]:
    """
    A function from a store, and the position in its feed, to a tracker over it; all are closed in
    the end.
    """
    made: list[Tracked] = []

    def make(store: ScriptedStore, position: Any = None) -> Tracked:
        made.append(Tracked(store, reactor, position))
        return made[-1]

    yield make
    for tracked in made:
        store = tracked.store
        for gate in (store.reads, store.commits, store.closing, store.pages):
            gate.open()
        closed: list[object] = []
        tracked.tracker.close().addBoth(closed.append)
        reactor.turn_until(partial(bool, closed), "the tracker is closed")


@pytest.fixture
def tracked(any_store: ScriptedStore, make_tracked: Callable[..., Tracked]) -> Tracked:
    """A tracker over a store, in every combination of what of it can wait."""
    return make_tracked(any_store)


@pytest.fixture(params=[False, True], ids=["quick reads", "slow reads"])
def slow(
    request: pytest.FixtureRequest,
    make_store: Callable[..., ScriptedStore],
    make_tracked: Callable[..., Tracked],
) -> Tracked:
    """A tracker whose commits can be held."""
    return make_tracked(make_store(reads_block=request.param, commits_block=True))
