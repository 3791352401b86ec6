"""Health checks: what is said of a store without waiting for it, and when it is asked."""

import json
from typing import Any

import pytest
from twisted.internet.defer import Deferred
from twisted.web.resource import getChildForRequest
from twisted.web.server import NOT_DONE_YET
from twisted.web.test.requesthelper import DummyRequest

from cookietrack_plugin.access.breaker import MAX_FAILURES
from cookietrack_plugin.errors import StoreUnavailable
from cookietrack_plugin.router.probe import MAX_AGE_S, PATIENCE_S, SILENT_S, Probe
from cookietrack_plugin.router.prometheus import MetricsResource
from cookietrack_plugin.tracking.freshness import MAX_STALE_S, Freshness
from cookietrack_plugin.tracking.health import Health

ITEM = {"type": "fake", "url": "fake://joe:s3cr%2Ft@host/0?token=t0ken"}
KEY = json.dumps(ITEM)


class Numbered:
    """A tracker whose store answers when the test says so."""

    def __init__(self) -> None:
        self.asked: list[Deferred[Any]] = []
        self.away = False

    def is_away(self) -> bool:
        return self.away

    def stat(self) -> Deferred[Any]:
        self.asked.append(Deferred())
        return self.asked[-1]


class Worker:
    """With one store, and a metrics service."""

    def __init__(self, reactor: Any) -> None:
        self.reactor = reactor
        self.tracker = Numbered()
        self.known: dict[str, str | None] = {KEY: None}
        self.service = MetricsResource(self)  # type: ignore[arg-type]

    def trackers(self) -> dict[str, Any]:
        return {KEY: self.tracker}

    def away(self) -> list[str]:
        return []

    def causes(self) -> dict[str, str | None]:
        return self.known

    def ask(self, path: str, method: bytes = b"GET") -> DummyRequest:
        request = DummyRequest(path.encode().split(b"/"))
        request.method = method
        page = getChildForRequest(self.service, request)
        body = page.render(request)
        if body is not NOT_DONE_YET:
            request.write(body)
        return request

    def readiness(self) -> tuple[int, dict[str, Any]]:
        request = self.ask("readyz")
        assert request.responseHeaders.getRawHeaders(b"content-type") == [b"application/json"]
        assert request.responseHeaders.getRawHeaders(b"cache-control") == [b"no-store"]
        return request.responseCode, json.loads(b"".join(request.written))


@pytest.fixture
def worker(reactor):
    return Worker(reactor)


class TestLiveness:
    def test_is_the_processs_whatever_its_stores_do(self, worker):
        worker.known = {KEY: "the disk is away"}
        request = worker.ask("healthz")
        assert request.responseCode == 200
        assert json.loads(b"".join(request.written)) == {"status": "ok"}
        assert worker.tracker.asked == []


class TestReadiness:
    def test_is_there_while_the_stores_answer(self, worker):
        worker.readiness()
        worker.tracker.asked[0].callback({"cookies": 0})
        status, answer = worker.readiness()
        assert status == 200
        store = {"store": "fake:fake://host/0", "status": "ok", "cause": None}
        assert answer == {"status": "ok", "stores": [store]}

    def test_is_there_where_no_store_is_used(self, worker):
        worker.known = {}
        worker.trackers = dict
        assert worker.readiness() == (200, {"status": "ok", "stores": []})

    def test_ends_with_what_is_known_already_and_asks_nobody(self, worker):
        worker.known, worker.tracker.away = {KEY: "the disk is away"}, True
        status, answer = worker.readiness()
        assert status == 503
        assert answer["status"] == "unavailable"
        assert answer["stores"][0]["cause"] == "the disk is away"
        assert worker.tracker.asked == []

    def test_ends_when_a_store_hangs_and_no_request_waits_for_it(self, worker, reactor):
        assert worker.readiness()[0] == 200
        reactor.advance(SILENT_S)
        assert worker.readiness()[0] == 200
        for _ in range(3):
            reactor.advance(MAX_AGE_S)
            status, answer = worker.readiness()
            assert status == 503
        assert answer["stores"][0]["cause"] == "the store has not answered for 9 seconds"
        assert len(worker.tracker.asked) == 1

    def test_comes_back_when_the_store_answers_again(self, worker, reactor):
        worker.readiness()
        worker.tracker.asked[0].errback(StoreUnavailable("no route to host"))
        status, answer = worker.readiness()
        assert (status, answer["stores"][0]["cause"]) == (503, "no route to host")
        reactor.advance(MAX_AGE_S + 0.1)
        assert worker.readiness()[0] == 503
        worker.tracker.asked[1].callback({})
        assert worker.readiness()[0] == 200

    def test_says_no_secret_though_the_store_does(self, worker):
        worker.known = {KEY: "cannot reach fake://joe:s3cr%2Ft@host/0?token=t0ken with 's3cr/t'"}
        text = json.dumps(worker.readiness()[1])
        assert "cannot reach" in text
        for secret in ("s3cr%2Ft", "s3cr/t", "t0ken"):
            assert secret not in text


class TestTheService:
    @pytest.mark.parametrize("path", ["nothing", "metrics/more", "healthz/more", "/metrics/"])
    def test_has_no_other_pages(self, worker, path):
        request = worker.ask(path)
        assert request.responseCode == 404 or path == "healthz/more"
        assert not worker.tracker.asked

    @pytest.mark.parametrize("path", ["", "metrics"])
    def test_has_the_metrics_at_its_own_path_and_below_it(self, worker, path, reactor):
        worker.trackers = dict
        request = worker.ask(path)
        assert b"cookietrack_store_up" in b"".join(request.written)

    @pytest.mark.parametrize("path", ["healthz", "readyz"])
    def test_answers_head_as_get_without_a_body(self, worker, path):
        got, head = worker.ask(path), worker.ask(path, b"HEAD")
        assert head.responseCode == got.responseCode == 200
        assert b"".join(head.written) == b""
        length = str(len(b"".join(got.written))).encode()
        assert head.responseHeaders.getRawHeaders(b"content-length") == [length]


class TestAProbe:
    @pytest.fixture
    def tracker(self):
        return Numbered()

    @pytest.fixture
    def probe(self, tracker, reactor):
        return Probe(tracker, reactor)  # type: ignore[arg-type]

    def test_is_one_question_for_all_who_wait(self, probe, tracker):
        answers: list[Any] = []
        for _ in range(3):
            probe.numbers().addCallback(answers.append)
        assert len(tracker.asked) == 1
        tracker.asked[0].callback({"cookies": 5})
        assert answers == [{"cookies": 5}] * 3

    def test_is_not_waited_for_long(self, probe, tracker, reactor):
        answers: list[Any] = []
        probe.numbers().addCallback(answers.append)
        reactor.advance(PATIENCE_S - 0.1)
        assert answers == []
        reactor.advance(0.1)
        assert answers == [{}]
        tracker.asked[0].callback({"cookies": 5})
        assert answers == [{}]

    def test_is_asked_anew_each_time_that_numbers_are_wanted(self, probe, tracker):
        probe.numbers()
        tracker.asked[0].callback({})
        probe.numbers()
        assert len(tracker.asked) == 2

    def test_is_kept_as_long_as_the_store_is_open(self, worker):
        worker.readiness()
        worker.readiness()
        assert len(worker.tracker.asked) == 1


class TestWhatIsKnown:
    @pytest.fixture
    def health(self, tracked, reactor):
        self.freshness = Freshness(reactor.seconds, position=5)
        return Health(tracked.access, self.freshness)

    def test_is_nothing_bad_of_a_store_that_answers(self, health):
        assert health.cause() is None

    def test_is_that_the_feed_is_stale(self, health, reactor):
        reactor.advance(MAX_STALE_S)
        assert health.cause() is None
        reactor.advance(5)
        assert health.cause() == "revocations of other workers have not been known for 7 seconds"
        self.freshness.synced(6, reactor.seconds())
        assert health.cause() is None

    def test_is_why_the_store_does_not_answer(self, health, tracked):
        tracked.store.fail_commits()
        for _ in range(MAX_FAILURES):
            with pytest.raises(StoreUnavailable):
                tracked.visit()
        assert health.cause() == "the disk is away"

    def test_is_the_trackers_own_too(self, tracked):
        assert tracked.tracker.health.cause() is None
        assert tracked.tracker.health.feed_age() is None


def test_the_age_of_the_queue_is_that_of_its_oldest_write(make_store, make_tracked, reactor):
    tracked = make_tracked(make_store(commits_block=True))
    health = tracked.tracker.health
    assert health.queue_age() == 0
    tracked.store.commits.shut()
    reactor.advance(10)
    first = tracked.admit()
    reactor.turn_until(tracked.store.commits.reached())
    reactor.advance(3)
    second = tracked.admit()
    reactor.advance(2)
    assert (tracked.tracker.pending, health.queue_age()) == (2, 5)
    tracked.store.commits.open()
    for each in (first, second):
        reactor.result_of(each)
    assert (tracked.tracker.pending, health.queue_age()) == (0, 0)


def test_a_write_that_fails_is_not_queued_any_more(tracked):
    tracked.store.fail_commits()
    with pytest.raises(StoreUnavailable):
        tracked.visit()
    assert (tracked.tracker.pending, tracked.tracker.health.queue_age()) == (0, 0)


def test_connected_cookies_with_a_login_are_counted(tracked):
    _, first = tracked.enter("joe")
    tracked.visit()
    id, second = tracked.enter("ann")
    _, third = tracked.visit(id)
    assert (tracked.tracker.connected, tracked.tracker.logged_in) == (3, 2)
    for link in (first, second):
        tracked.tracker.drop(link.connection)
    assert tracked.tracker.logged_in == 1
    tracked.tracker.drop(third.connection)
    tracked.tracker.drop(third.connection)
    assert tracked.tracker.logged_in == 0


def test_a_cookie_that_logs_out_is_not_counted(tracked):
    _, link = tracked.enter("joe")
    tracked.reactor.result_of(tracked.tracker.log_out(link.connection))
    assert tracked.tracker.logged_in == 0
