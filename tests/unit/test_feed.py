"""What others have ended is noticed here: by a question every now and then, on its own thread."""

from collections.abc import Iterable
from queue import SimpleQueue
from typing import Any

import pytest
from zope.interface import implementer

from cookietrack_plugin.errors import StoreUnavailable
from cookietrack_plugin.interfaces import IRevocationFeed, IRevocationSignal
from cookietrack_plugin.record import Authenticate, Delete
from cookietrack_plugin.tracking.feed import BREATH, INTERVAL, LONGEST, Feed
from cookietrack_plugin.tracking.tracker import TRUST
from cookietrack_plugin.tracking.waiting import AGAIN
from tests.support.stores import PATIENCE, Gate

LOGOUT = "wamp.close.logout"


class ScriptedFeed:
    """
    Tells what a test lets another worker do to a store, when its gate is open; its cursor counts
    what was told.
    """

    def __init__(self, store: Any) -> None:
        self.store = store
        self.told: list[str] = []
        self.asked: list[int | None] = []
        self.questions = Gate()
        self.error: Exception | None = None

    def elsewhere(self, change: Any) -> None:
        self.store._apply(change)
        self.told.append(change.id)

    def revoked_since(self, cursor: int | None) -> tuple[Iterable[str], int]:
        self.asked.append(cursor)
        self.questions.pass_through()
        if self.error:
            raise self.error
        return (self.told[cursor:] if cursor is not None else []), len(self.told)


@pytest.fixture
def feed(tracked):
    scripted = ScriptedFeed(tracked.store)
    tracked.tracker.close_with(Feed(tracked.tracker, scripted).stop)
    tracked.reactor.turn_until(lambda: tracked.reactor.getDelayedCalls() and scripted.asked)
    answered(tracked, scripted)
    return scripted


def answered(tracked, feed):
    """Wait for the answer to a question that is asked from now on."""
    before = len(feed.asked)
    pause = LONGEST if feed.error else INTERVAL
    tracked.reactor.turn_until(
        lambda: tracked.reactor.advance(pause) or len(feed.asked) > before + 1
    )


def test_it_asks_from_now_on_and_goes_on_from_there(tracked, feed):
    tracked_id, _ = tracked.visit()
    feed.elsewhere(Delete(tracked_id))
    answered(tracked, feed)
    assert feed.asked[0] is None
    assert feed.asked[-1] == 1


def test_connections_of_what_others_have_ended_are_closed(tracked, feed):
    id, client = tracked.visit()
    _, stranger = tracked.visit()
    feed.elsewhere(Delete(id))
    answered(tracked, feed)
    tracked.reactor.turn_until(lambda: client.ended)
    assert (client.ended, stranger.ended) == ([LOGOUT], [])


def test_a_login_that_others_have_taken_back_no_longer_counts(tracked, feed):
    id, client = tracked.visit()
    tracked.log_in(id)
    tracked.settle(id)
    feed.elsewhere(Authenticate(id, None, 0))
    answered(tracked, feed)
    tracked.reactor.turn_until(lambda: client.forgot)
    assert (client.ended, tracked.authid(id)) == ([], None)


def test_after_a_time_without_answers_every_live_cookie_is_looked_up(tracked, feed, log):
    id, client = tracked.visit()
    feed.error = StoreUnavailable("the network is away")
    answered(tracked, feed)
    answered(tracked, feed)
    tracked.store._apply(Delete(id))
    feed.error = None
    answered(tracked, feed)
    tracked.reactor.turn_until(lambda: client.ended)
    assert [text for text in log.at("warn") if "revocations" in text] == [
        "revocations of other workers are not known: the network is away"
    ]
    assert "revocations elsewhere are known again" in log.at("info")


def test_what_others_have_ended_before_the_first_answer_is_noticed(tracked):
    scripted = ScriptedFeed(tracked.store)
    scripted.questions.shut()
    tracked.tracker.close_with(Feed(tracked.tracker, scripted).stop)
    tracked.reactor.turn_until(scripted.questions.reached())
    id, client = tracked.visit()
    scripted.elsewhere(Delete(id))
    scripted.questions.open()
    tracked.reactor.turn_until(lambda: client.ended)
    assert client.ended == [LOGOUT]


@pytest.fixture
def reading(make_store, make_tracked):
    """A tracker with a feed, whose look-ups can be held."""
    tracked = make_tracked(make_store(reads_block=True))
    scripted = ScriptedFeed(tracked.store)
    tracked.tracker.close_with(Feed(tracked.tracker, scripted).stop)
    answered(tracked, scripted)
    return tracked, scripted


def comes_while_it_is_deleted(tracked, feed, id, delete=None):
    """How a client is admitted whose look-up has read a record that another worker deletes."""
    tracked.store.reads.shut()
    arrived = tracked.store.reads.arrived
    admitted = tracked.admit(id)
    tracked.reactor.turn_until(tracked.store.reads.reached(arrived + 1))
    (delete or feed.elsewhere)(Delete(id))
    reading = tracked.tracker.lookup._reading[id]
    tracked.reactor.turn_until(lambda: tracked.reactor.advance(INTERVAL) or reading.overtaken)
    tracked.store.reads.open()
    return tracked.reactor.result_of(admitted)


def test_a_look_up_that_was_under_way_does_not_hide_the_end(reading):
    """A second tab comes."""
    tracked, feed = reading
    id, client = tracked.visit()
    assert comes_while_it_is_deleted(tracked, feed, id).created
    tracked.reactor.turn_until(lambda: client.ended)
    assert client.ended == [LOGOUT]


def test_a_look_up_for_a_cookie_without_connections_is_overtaken_too(reading):
    tracked, feed = reading
    id, client = tracked.visit()
    tracked.tracker.drop(id, client)
    assert comes_while_it_is_deleted(tracked, feed, id).created


def test_a_look_up_that_began_while_nobody_told_of_revocations_is_made_again(reading):
    """Another worker deletes the record, and nobody can tell."""
    tracked, feed = reading
    id, client = tracked.visit()
    tracked.tracker.drop(id, client)
    feed.error = StoreUnavailable("the network is away")
    answered(tracked, feed)

    def delete_untold(change):
        tracked.store._apply(change)
        feed.error = None

    assert comes_while_it_is_deleted(tracked, feed, id, delete_untold).created


@pytest.fixture
def logged_in(reading):
    tracked, feed = reading
    id, _ = tracked.visit()
    tracked.log_in(id)
    tracked.settle(id)
    wait_until_known(tracked, id)
    return tracked, feed, id


def wait_until_known(tracked, id):
    """Until a question was answered that was asked not long ago."""
    tracked.reactor.turn_until(lambda: tracked.reactor.advance(INTERVAL) or tracked.authid(id))
    assert tracked.authid(id) == "joe"


def test_while_nobody_tells_of_revocations_a_cookie_stands_for_nobody(logged_in):
    """A HELLO may come long after the handshake, and others may have ended the cookie since."""
    tracked, feed, id = logged_in
    feed.error = StoreUnavailable("the network is away")
    tracked.reactor.turn_until(lambda: tracked.reactor.advance(INTERVAL) or not tracked.authid(id))
    feed.error = None
    wait_until_known(tracked, id)


def test_meanwhile_a_handshake_knows_what_it_has_just_read(logged_in):
    tracked, feed, id = logged_in
    feed.error = StoreUnavailable("the network is away")
    tracked.reactor.turn_until(lambda: tracked.reactor.advance(INTERVAL) or not tracked.authid(id))
    tracked.visit(id)
    assert tracked.authid(id) == "joe"


def test_a_question_that_is_not_answered_counts_as_none(logged_in):
    tracked, feed, id = logged_in
    feed.questions.shut()
    tracked.reactor.advance(INTERVAL)
    tracked.reactor.advance(TRUST)
    assert tracked.authid(id) is None
    feed.questions.open()


def test_nobody_is_known_until_all_that_is_live_was_looked_up_again(logged_in):
    tracked, feed, id = logged_in
    feed.error = StoreUnavailable("the network is away")
    tracked.reactor.turn_until(lambda: tracked.reactor.advance(INTERVAL) or not tracked.authid(id))
    tracked.store.reads.shut()
    arrived = tracked.store.reads.arrived
    feed.error = None
    tracked.reactor.turn_until(
        lambda: tracked.reactor.advance(INTERVAL) or tracked.store.reads.arrived > arrived
    )
    assert tracked.authid(id) is None
    tracked.store.reads.open()
    wait_until_known(tracked, id)


def test_look_ups_that_fail_are_made_again(logged_in, log):
    tracked, feed, id = logged_in
    feed.elsewhere(Delete(id))
    tracked.store.fail_loads()
    answered(tracked, feed)
    tracked.store.recover()
    tracked.reactor.turn_until(
        lambda: tracked.reactor.advance(INTERVAL) or not tracked.tracker.connections.live(id)
    )
    assert log.at("warn") == ["revocations of other workers are not known: the disk is away"]
    answered(tracked, feed)
    assert "revocations elsewhere are known again" in log.at("info")


def test_while_nobody_answers_it_asks_more_and_more_rarely(tracked, feed):
    feed.error = StoreUnavailable("the network is away")
    for _ in range(8):
        answered(tracked, feed)
    before = len(feed.asked)
    # Half of the longest pause is the shortest that jitter makes of it.
    tracked.reactor.advance(LONGEST / 2 - 0.001)
    assert len(feed.asked) == before
    feed.error = None
    answered(tracked, feed)
    before = len(feed.asked)
    tracked.reactor.turn()
    tracked.reactor.advance(INTERVAL)
    tracked.reactor.turn_until(lambda: len(feed.asked) > before)


def test_it_is_known_again_when_every_live_cookie_was_looked_up(tracked, feed, log):
    """And told once, however many attempts that takes."""
    id, client = tracked.visit()
    feed.error = StoreUnavailable("the network is away")
    answered(tracked, feed)
    tracked.store.fail_loads()
    feed.error = None
    for _ in range(3):
        answered(tracked, feed)
    tracked.store._apply(Delete(id))
    assert "revocations elsewhere are known again" not in log.at("info")
    tracked.store.recover()
    tracked.reactor.turn_until(lambda: tracked.reactor.advance(INTERVAL) or client.ended)
    answered(tracked, feed)
    assert log.at("info").count("revocations elsewhere are known again") == 1


@implementer(IRevocationFeed, IRevocationSignal)
class TellingFeed(ScriptedFeed):
    """One that also says when to ask: when a test calls `tell`, as long as it is not `deaf`."""

    def __init__(self, store: Any) -> None:
        super().__init__(store)
        self.calls: SimpleQueue[None] = SimpleQueue()
        # What was asked before each waiting.
        self.waited: list[int] = []
        self.deaf: Exception | None = None

    def tell(self) -> None:
        self.calls.put(None)

    def await_revocation(self, seconds: float) -> None:
        assert seconds < TRUST
        self.waited.append(len(self.asked))
        if self.deaf:
            raise self.deaf
        self.calls.get(timeout=PATIENCE)

    interrupt = tell


@pytest.fixture
def telling(tracked):
    """A feed that was asked once, and waits now."""
    telling = TellingFeed(tracked.store)
    tracked.tracker.close_with(Feed(tracked.tracker, telling).stop)
    tracked.reactor.turn_until(lambda: telling.waited)
    telling.tell()
    tracked.reactor.turn_until(lambda: tracked.reactor.advance(BREATH) or len(telling.waited) > 1)
    return telling


def test_what_the_store_tells_of_is_noticed_at_once(tracked, telling):
    id, client = tracked.visit()
    telling.elsewhere(Delete(id))
    telling.tell()
    tracked.reactor.turn_until(lambda: client.ended)
    assert client.ended == [LOGOUT]


def test_while_nothing_is_told_nothing_is_asked(tracked, telling):
    before = len(telling.asked)
    tracked.reactor.advance(INTERVAL)
    tracked.reactor.turn()
    assert len(telling.asked) == before


def test_after_an_answer_it_soon_waits_again(tracked, telling):
    before = len(telling.waited)
    timers = len(tracked.reactor.getDelayedCalls())
    telling.tell()
    tracked.reactor.turn_until(lambda: len(tracked.reactor.getDelayedCalls()) > timers)
    tracked.reactor.advance(BREATH)
    tracked.reactor.turn_until(lambda: len(telling.waited) > before)


def test_it_listens_before_it_asks(tracked, telling):
    """What is revoked between the two is told of."""
    assert telling.waited[:2] == [0, 1]


def test_what_it_knows_is_as_old_as_its_question_not_as_its_waiting(tracked, telling):
    tracked.reactor.advance(TRUST)
    now = tracked.reactor.seconds()
    telling.tell()
    tracked.reactor.turn_until(lambda: tracked.tracker.told == now)


def test_a_store_that_cannot_tell_is_asked_every_now_and_then(tracked, telling):
    id, client = tracked.visit()
    telling.deaf = StoreUnavailable("the connection is lost")
    telling.tell()
    answered(tracked, telling)
    telling.elsewhere(Delete(id))
    tracked.reactor.turn_until(lambda: tracked.reactor.advance(INTERVAL) or client.ended)
    assert client.ended == [LOGOUT]


def test_a_store_that_could_not_tell_is_listened_to_again_later(tracked, telling, log):
    telling.deaf = StoreUnavailable("the connection is lost")
    telling.tell()
    answered(tracked, telling)
    telling.deaf = None
    telling.tell()
    tracked.reactor.turn_until(
        lambda: tracked.reactor.advance(AGAIN) or telling.calls.empty(), "it listens again"
    )
    tracked.reactor.turn_until(
        lambda: "the store tells of revocations elsewhere again" in log.at("debug")
    )
    assert sum("the connection is lost" in text for text in log.at("debug")) == 1
    waited = len(telling.waited)
    id, client = tracked.visit()
    telling.elsewhere(Delete(id))
    telling.tell()
    tracked.reactor.turn_until(lambda: tracked.reactor.advance(BREATH) or client.ended)
    # It was told, and not asked every now and then.
    assert len(telling.waited) <= waited + 2


def test_a_waiting_thread_does_not_hold_up_the_end(tracked, telling):
    tracked.reactor.result_of(tracked.tracker.close())
    assert tracked.store.closed == 1


def test_a_store_that_cannot_be_interrupted_is_closed_all_the_same(tracked, telling, monkeypatch):
    def interrupt():
        telling.tell()
        raise OSError("the socket is gone")

    monkeypatch.setattr(telling, "interrupt", interrupt)
    tracked.reactor.result_of(tracked.tracker.close())
    assert tracked.store.closed == 1
