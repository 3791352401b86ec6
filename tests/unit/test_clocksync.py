"""The server's time is measured every minute, and a wall clock that is off is reported once."""

from threading import current_thread
from types import SimpleNamespace

import pytest

from cookietrack_plugin.access import servertime
from cookietrack_plugin.access.servertime import TimeSample
from cookietrack_plugin.access.store import AsyncStore
from cookietrack_plugin.errors import StoreUnavailable
from cookietrack_plugin.testing.samples import NOW
from cookietrack_plugin.tracking.clock import MAX_SKEW_S, ServerClock
from cookietrack_plugin.tracking.clocksync import INTERVAL_S, ClockSync
from cookietrack_plugin.tracking.tracker import Tracker
from tests.support.reactor import PATIENCE, FakeReactor
from tests.support.stores import ScriptedStore


class TimedStore(ScriptedStore):
    """Of a server whose clock is at `time`, milliseconds."""

    def __init__(self) -> None:
        super().__init__(reads_block=True, commits_block=True)
        self.time = NOW
        self.asked = 0
        self.time_error: Exception | None = None

    def server_time(self) -> int:
        self._note_thread("server_time")
        self.asked += 1
        self.reads.pass_through()
        if self.time_error:
            raise self.time_error
        return self.time


@pytest.fixture
def store() -> TimedStore:
    return TimedStore()


class Machine:
    """With a wall clock that is `ahead` of the server's, and a monotonic one that stands still."""

    def __init__(self) -> None:
        self.ahead = 0.0
        self.clock = ServerClock(
            TimeSample(NOW / 1000, 0.0, 0.0), lambda: NOW / 1000 + self.ahead, lambda: 0.0
        )


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> Machine:
    monkeypatch.setattr(servertime, "time", SimpleNamespace(monotonic=lambda: 0.0))
    return Machine()


@pytest.fixture
def make_sync(store, machine, reactor: FakeReactor):
    made = []
    access = AsyncStore(store, reactor)

    def make() -> ClockSync:
        made.append(ClockSync(access, machine.clock, reactor))
        return made[-1]

    yield make
    for sync in made:
        sync.stop()
    reactor.result_of(access.close())


def measure(store: TimedStore, reactor: FakeReactor) -> None:
    """A minute passes, and the answer has arrived."""
    asked = store.asked
    reactor.advance(INTERVAL_S)
    reactor.turn_until(lambda: store.asked > asked and reactor.getDelayedCalls())


def test_the_clock_is_adjusted_every_minute(make_sync, store, machine, reactor):
    make_sync()
    reactor.advance(INTERVAL_S - 1)
    reactor.turn()
    assert store.asked == 0
    reactor.advance(1)
    for number in range(1, 4):
        store.time += 1000
        reactor.turn_until(lambda number=number: machine.clock.now() >= NOW + number * 1000)
        reactor.turn_until(reactor.getDelayedCalls)
        reactor.advance(INTERVAL_S)


def test_it_is_measured_on_a_thread_that_may_wait(make_sync, store, reactor):
    make_sync()
    measure(store, reactor)
    assert store.threads["server_time"] is not current_thread()


def test_a_store_that_does_not_answer_is_asked_again_a_minute_later(
    make_sync, store, machine, reactor, log
):
    make_sync()
    store.time_error = StoreUnavailable("the network is away")
    for _ in range(3):
        measure(store, reactor)
    store.time_error = None
    store.time += 1000
    measure(store, reactor)
    assert machine.clock.now() == NOW + 1000
    # Others say that it does not answer.
    assert log.at("critical", "error", "warn", "info") == []


def test_a_store_that_cannot_tell_the_time_at_all_says_why(make_sync, store, reactor, log):
    make_sync()
    store.time_error = ZeroDivisionError("a defect")
    measure(store, reactor)
    assert log.at("critical") == ["the server's time cannot be measured"]
    store.time_error = None
    measure(store, reactor)


class TestAWallClockThatIsOff:
    LINE = (
        "this machine's clock is {} s {} that of the store's server: synchronize it by NTP."
        " Cookies expire by the server's clock"
    )

    @pytest.mark.parametrize(
        ("ahead", "words"),
        [(300.04, ("300.0", "ahead of")), (-2.5, ("2.5", "behind"))],
    )
    def test_is_reported_when_the_store_is_opened(self, make_sync, machine, log, ahead, words):
        machine.ahead = ahead
        make_sync()
        assert log.at("warn") == [self.LINE.format(*words)]

    @pytest.mark.parametrize("ahead", [MAX_SKEW_S, -MAX_SKEW_S, 0.0])
    def test_is_not_where_nobody_would_notice(self, make_sync, machine, log, ahead):
        machine.ahead = ahead
        make_sync()
        assert log.at("warn") == []

    def test_is_reported_once(self, make_sync, store, machine, reactor, log):
        machine.ahead = 300
        make_sync()
        for _ in range(3):
            measure(store, reactor)
        assert len(log.at("warn")) == 1

    def test_is_reported_again_when_it_was_right_in_between(
        self, make_sync, store, machine, reactor, log
    ):
        make_sync()
        for ahead, lines in ((300, 1), (0, 1), (-300, 2)):
            machine.ahead = ahead
            measure(store, reactor)
            assert len(log.at("warn")) == lines


class TestTheEnd:
    def test_leaves_no_timer(self, make_sync, reactor):
        sync = make_sync()
        sync.stop()
        sync.stop()
        assert reactor.getDelayedCalls() == []

    def test_can_come_while_it_is_measured(self, make_sync, store, reactor):
        sync = make_sync()
        store.reads.shut()
        reactor.advance(INTERVAL_S)
        reactor.turn_until(store.reads.reached())
        sync.stop()
        store.reads.open()
        assert reactor.take_one(patience=PATIENCE)
        assert reactor.getDelayedCalls() == []


def test_a_tracker_by_a_servers_clock_keeps_it_right(store, machine, reactor):
    tracker = Tracker(AsyncStore(store, reactor), reactor, machine.clock)
    reactor.advance(INTERVAL_S)
    store.time += 1000
    reactor.turn_until(lambda: tracker.clock.now() == NOW + 1000)
    reactor.result_of(tracker.close())
    assert reactor.getDelayedCalls() == []
