"""New clients beyond what a transport takes: turned away, and told when to come again."""

import pytest
from attrs import evolve

from cookietrack_plugin import header
from cookietrack_plugin.router import newcomers as module
from cookietrack_plugin.router.newcomers import MINUTE_S, Newcomers
from cookietrack_plugin.testing.samples import make_cookie
from cookietrack_plugin.tracking.admission import TooManyNewcomers
from tests.support.protocols import Client

pytest_plugins = ["tests.support.routers"]

ALICE, BOB = "tcp4:192.0.2.1:1", "tcp4:192.0.2.2:1"


def admitted(newcomers, *peers):
    count = 0
    for peer in peers:
        try:
            newcomers.admit(peer)
        except TooManyNewcomers:
            continue
        count += 1
    return count


def test_without_bounds_everybody_comes_in(reactor):
    assert admitted(Newcomers(None, None, reactor), *[ALICE] * 1000) == 1000
    assert reactor.getDelayedCalls() == []


class TestATransport:
    def test_takes_so_many_a_second_from_whomever(self, reactor):
        newcomers = Newcomers(5, None, reactor)
        assert admitted(newcomers, *[f"tcp4:192.0.2.{n}:1" for n in range(20)]) == 5
        reactor.advance(0.4)
        assert admitted(newcomers, *[ALICE] * 20) == 2
        reactor.advance(100)
        assert admitted(newcomers, *[ALICE] * 20) == 5

    def test_says_when_there_is_room_again(self, reactor):
        newcomers = Newcomers(1, None, reactor)
        newcomers.admit(ALICE)
        with pytest.raises(TooManyNewcomers) as refused:
            newcomers.admit(ALICE)
        assert refused.value.retry_after == 1


class TestAPeer:
    def test_gets_so_many_a_minute_and_others_get_theirs(self, reactor):
        newcomers = Newcomers(None, 3, reactor)
        assert admitted(newcomers, *[ALICE] * 10, BOB) == 4
        reactor.advance(MINUTE_S / 3)
        assert admitted(newcomers, *[ALICE] * 10) == 1

    def test_is_told_when_to_come_again(self, reactor):
        newcomers = Newcomers(None, 3, reactor)
        assert admitted(newcomers, *[ALICE] * 3) == 3
        with pytest.raises(TooManyNewcomers) as refused:
            newcomers.admit(ALICE)
        assert refused.value.retry_after == MINUTE_S / 3

    @pytest.mark.parametrize(
        ("one", "other", "same"),
        [
            (ALICE, "tcp4:192.0.2.1:2", True),
            (ALICE, BOB, False),
            (ALICE, "tcp6:::ffff:192.0.2.1:2", True),
            ("tcp6:2001:db8::1:1", "tcp6:2001:db8::ffff:ffff:ffff:ffff:1", True),
            ("tcp6:2001:db8::1:1", "tcp6:2001:db8:0:1::1:1", False),
            ("unix:/x", "unix:/x", True),
        ],
    )
    def test_is_an_address_or_a_site(self, reactor, one, other, same):
        newcomers = Newcomers(None, 1, reactor)
        assert admitted(newcomers, one, other) == (1 if same else 2)

    def test_that_is_refused_takes_nothing_from_the_transport(self, reactor):
        newcomers = Newcomers(3, 1, reactor)
        assert admitted(newcomers, *[ALICE] * 100, BOB, "tcp4:192.0.2.3:1") == 3

    def test_is_forgotten_where_there_are_very_many(self, reactor, monkeypatch):
        monkeypatch.setattr(module, "MAX_PEERS", 10)
        newcomers = Newcomers(None, 1, reactor)
        for number in range(100):
            newcomers.admit(f"tcp4:192.0.{number}.1:1")
        assert len(newcomers._peers) == 10
        assert admitted(newcomers, "tcp4:192.0.99.1:1", "tcp4:192.0.0.1:1") == 1


def test_the_log_has_one_line_a_minute(reactor, log):
    newcomers = Newcomers(1, None, reactor)
    admitted(newcomers, *[ALICE] * 100)
    assert log.at("info", "warn") == []
    reactor.advance(MINUTE_S)
    [line] = log.at("info", "warn")
    assert line == "handshakes of new clients that were answered with 429 in the last minute: 99"
    reactor.advance(10 * MINUTE_S)
    assert len(log.at("info", "warn")) == 1


class TestAHandshake:
    def test_beyond_the_bound_gets_429_and_no_line_of_its_own(self, make_router, reactor, log):
        router = make_router(max_new_per_second=2)
        clients = [Client(router.factory).shake_hands() for _ in range(5)]
        reactor.turn_until(lambda: all(each.head for each in clients))
        assert sorted(each.status for each in clients) == [101, 101, 429, 429, 429]
        [refused, *_] = [each for each in clients if each.status == 429]
        assert "Retry-After: 1" in refused.head
        assert refused.set_cookie is None
        assert not [line for level, line in log.lines if level == "warn" and "dropping" in line]
        assert router.tracker.metrics.handshakes["limited"] == 3
        assert log.at("error", "critical") == []

    def test_with_a_good_cookie_is_not_affected(self, make_router):
        router = make_router(max_new_per_peer=1)
        first = router.enter()
        assert router.connect().status == 429
        assert [router.connect(first.cookie).status for _ in range(5)] == [101] * 5

    def test_takes_one_place_however_many_values_it_takes(self, make_router, monkeypatch):
        router = make_router(max_new_per_peer=1, rotate=False)
        values = iter(["a" * 24, "b" * 24])
        monkeypatch.setattr(header, "new_value", lambda length: next(values))
        taken = header.id_of("a" * 24)
        router.store.cookies[taken] = evolve(make_cookie(1), id=taken)
        client = router.connect()
        assert (client.status, client.cookie) == (101, "Cookie: cbtid=" + "b" * 24)

    def test_with_an_unknown_cookie_is_a_new_one(self, make_router):
        router = make_router(max_new_per_peer=1)
        router.enter()
        assert router.connect("Cookie: cbtid=guessed").status == 429

    def test_beyond_the_bound_is_not_let_in_as_anonymous(self, make_router):
        router = make_router(max_new_per_peer=1, on_failure="anonymous")
        router.enter()
        assert router.connect().status == 429
