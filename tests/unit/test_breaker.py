"""A store that is away is left alone, and asked again a little later each time."""

from collections.abc import Callable

import pytest

from cookietrack_plugin.access.breaker import (
    MAX_FAILURES,
    SILENT_S,
    Breaker,
)
from cookietrack_plugin.errors import ConfigError, StoreFull, StoreUnavailable
from cookietrack_plugin.stores.kit.backoff import AWAY_S, WRONG_S


class Server:
    """Answers, fails, or fails after it was waited for; on a clock of its own."""

    def __init__(self) -> None:
        self.now = 1_000_000.0
        self.asked = 0
        self.error: Exception | None = None
        self.waits = 0.0
        # What happens on another thread whenever the breaker reads the clock.
        self.elsewhere: Callable[[], None] = lambda: None
        self.breaker = Breaker(self.seconds)

    def seconds(self) -> float:
        self.elsewhere()
        return self.now

    def answer(self) -> str:
        self.asked += 1
        self.now += self.waits
        if self.error:
            raise self.error
        return "here"

    def ask(self) -> str:
        """Through the breaker: `here`, `away`, or `refused` without having been asked."""
        before = self.asked
        try:
            return self.breaker.call(self.answer)
        except StoreUnavailable:
            return "away" if self.asked > before else "refused"

    def goes(self, silent: bool = True) -> None:
        self.error = StoreUnavailable("the network is away")
        self.waits = SILENT_S if silent else 0.0

    def comes_back(self) -> None:
        self.error, self.waits = None, 0.0


@pytest.fixture
def server() -> Server:
    return Server()


def test_a_server_that_is_silent_is_not_asked_again_for_a_while(server):
    assert server.breaker.refusal() is None
    server.goes()
    assert server.ask() == "away"
    assert str(server.breaker.refusal()) == "the network is away"
    assert server.ask() == "refused"
    server.now += AWAY_S[0]
    assert server.breaker.refusal() is None
    assert server.ask() == "away"


def test_a_quick_failure_counts_when_others_follow(server):
    server.goes(silent=False)
    assert [server.ask() for _ in range(MAX_FAILURES)] == ["away"] * MAX_FAILURES
    assert server.ask() == "refused"


def test_quick_failures_with_an_answer_between_them_do_not_count(server):
    for _ in range(3):
        server.goes(silent=False)
        assert [server.ask() for _ in range(MAX_FAILURES - 1)] == ["away"] * (MAX_FAILURES - 1)
        server.comes_back()
        assert server.ask() == "here"


def test_a_store_that_says_what_is_wrong_has_answered(server):
    server.error = StoreFull("no room")
    for _ in range(MAX_FAILURES + 1):
        with pytest.raises(StoreFull):
            server.ask()
    assert server.breaker.refusal() is None
    assert not server.breaker.is_open()


@pytest.mark.parametrize("error", [StoreFull("no room"), SystemExit()])
def test_whatever_a_store_says_closes_it(server, error):
    server.goes()
    server.ask()
    server.now += AWAY_S[0]
    server.error, server.waits = error, 0.0
    assert server.breaker.is_open()
    with pytest.raises(type(error)):
        server.ask()
    assert not server.breaker.is_open()
    server.goes(silent=False)
    assert [server.ask() for _ in range(MAX_FAILURES - 1)] == ["away"] * (MAX_FAILURES - 1)
    assert server.breaker.refusal() is None


def test_one_answer_closes_it_and_the_next_pause_is_short_again(server):
    server.goes(silent=False)
    for _ in range(10):
        server.now += AWAY_S[-1]
        server.ask()
    server.now += AWAY_S[-1]
    server.comes_back()
    assert server.ask() == "here"
    server.goes()
    assert [server.ask(), server.ask()] == ["away", "refused"]
    server.now += AWAY_S[0]
    assert server.ask() == "away"


def test_while_it_is_tried_all_others_are_refused(server):
    server.goes()
    server.ask()
    server.now += AWAY_S[0]
    seen = []
    server.breaker.call(lambda: seen.append(server.breaker.refusal()))
    assert str(seen[0]) == "the network is away"
    assert server.breaker.refusal() is None


def test_while_it_is_closed_a_call_that_takes_long_refuses_nobody(server):
    seen = []
    server.breaker.call(lambda: seen.append(server.breaker.refusal()))
    assert seen == [None]


def test_it_can_be_closed_for_what_has_to_be_tried(server):
    server.goes()
    server.ask()
    server.comes_back()
    server.breaker.close()
    assert server.ask() == "here"


def test_it_can_be_closed_on_another_thread_while_somebody_is_refused(server):
    server.goes()
    server.ask()
    server.elsewhere = server.breaker.close
    with pytest.raises(StoreUnavailable, match="the network is away"):
        server.breaker.call(server.answer)
    assert server.breaker.refusal() is None


class TestAServerThatSaysThatSomethingIsWrong:
    @pytest.fixture(autouse=True)
    def refuses(self, server):
        server.error = ConfigError("password authentication failed")

    def ask(self, server):
        with pytest.raises((ConfigError, StoreUnavailable), match="password"):
            server.breaker.call(server.answer)

    def test_is_left_alone_at_once_for_up_to_a_minute(self, server):
        pauses = []
        for _ in range(20):
            self.ask(server)
            asked, began = server.asked, server.now
            while server.asked == asked:
                server.now += 0.1
                self.ask(server)
            pauses.append(server.now - began)
        assert pauses[0] <= WRONG_S[0] + 0.2
        assert WRONG_S[-1] / 2 <= max(pauses) <= WRONG_S[-1] + 0.2

    def test_is_asked_again_when_that_is_mended(self, server):
        self.ask(server)
        server.comes_back()
        server.now += WRONG_S[-1]
        assert server.ask() == "here"
        assert server.breaker.refusal() is None
