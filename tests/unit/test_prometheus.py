"""The metrics of a worker's stores: what they are called, who is asked, and what is answered."""

import json
import sys
from types import SimpleNamespace

import pytest
from crossbar.common.checkconfig import InvalidConfigException
from prometheus_client.parser import text_string_to_metric_families
from twisted.internet.error import ConnectionDone
from twisted.python.failure import Failure
from twisted.web.server import NOT_DONE_YET
from twisted.web.test.requesthelper import DummyRequest

from cookietrack_plugin.access.breaker import MAX_FAILURES
from cookietrack_plugin.errors import StoreUnavailable
from cookietrack_plugin.router import prometheus
from cookietrack_plugin.router.prometheus import (
    MetricsResource,
    MetricsService,
    check_metrics_service,
)
from cookietrack_plugin.router.storelabels import store_labels
from cookietrack_plugin.testing.samples import make_id

MEMORY = json.dumps({"type": "memory"})


def labels(*items):
    return list(store_labels([json.dumps(item, sort_keys=True) for item in items]).values())


@pytest.mark.parametrize(
    ("item", "label"),
    [
        ({"type": "memory"}, "memory"),
        ({"type": "lmdb", "path": ".cookies"}, "lmdb:.cookies"),
        ({"type": "file", "filename": "c.dat"}, "file:c.dat"),
        ({"type": "redis", "url": "redis://:p@ss@host:1/0"}, "redis:redis://host:1/0"),
    ],
)
def test_a_store_is_named_by_its_type_and_place_without_what_is_secret(item, label):
    assert labels(item) == [label]


def test_no_two_stores_have_the_same_name_as_prometheus_refuses_that():
    items = [{"type": "memory"}, {"type": "memory", "max_cookies": 5}]
    items += [{"type": "redis", "url": f"redis://host/{n}"} for n in range(2)]
    items += [{"type": "redis", "url": "redis://host/0", "prefix": "b"}]
    assert len(set(labels(*items))) == 5


@pytest.fixture
def tracked(make_store, make_tracked):
    return make_tracked(make_store(reads_block=True, commits_block=True))


@pytest.fixture
def stores(tracked):
    """A worker with one store."""
    trackers = {MEMORY: tracked.tracker}
    return SimpleNamespace(reactor=tracked.reactor, trackers=lambda: trackers, away=list)


@pytest.fixture
def scrape(stores, reactor):
    """
    A function that asks for the metrics. It gives one that gives a sample of the answer by its name
    and labels, None where there is none.
    """

    def scrape():
        request = DummyRequest([b""])
        assert MetricsResource(stores).render_GET(request) is NOT_DONE_YET
        reactor.turn_until(lambda: request.finished)
        assert request.responseHeaders.getRawHeaders(b"content-type")[0].startswith(b"text/plain")
        families = text_string_to_metric_families(b"".join(request.written).decode())
        samples = {
            (sample.name, *sorted(sample.labels.values())): sample.value
            for family in families
            for sample in family.samples
        }
        return lambda name, *labels: samples.get((f"cookietrack_{name}", *sorted(labels)))

    return scrape


class TestTheMetrics:
    def test_are_what_was_counted_and_timed(self, tracked, scrape):
        tracked.enter("joe")
        sample = scrape()
        assert sample("store_up", "memory") == 1
        assert sample("cookies", "memory") == 1
        assert sample("connected_cookies", "memory") == 1
        assert sample("connected_logged_in_cookies", "memory") == 1
        assert sample("logged_in_cookies", "memory") is None
        assert sample("queued_writes", "memory") == 0
        assert sample("queue_age_seconds", "memory") == 0
        assert sample("feed_age_seconds", "memory") is None
        assert sample("clock_skew_seconds", "memory") == 0
        assert sample("handshakes_total", "memory", "new") == 1
        assert sample("events_total", "memory", "authenticated") == 1
        assert sample("swept_total", "memory") == 0
        assert sample("batch_size_bucket", "memory", "1.0") == 2
        assert sample("batch_size_bucket", "memory", "+Inf") == 2
        assert sample("batch_size_count", "memory") == 2
        assert sample("batch_size_sum", "memory") == 2
        assert sample("commit_seconds_count", "memory") is not None
        assert sample("load_seconds_count", "memory") is not None

    def test_have_what_a_store_alone_can_tell(self, tracked, scrape):
        tracked.store.stat = lambda: {"cookies": 5, "authenticated": 3, "bytes": 9}
        sample = scrape()
        assert sample("cookies", "memory") == 5
        assert sample("logged_in_cookies", "memory") == 3
        assert sample("store_bytes", "memory") == 9

    def test_have_the_age_of_what_others_revoke(self, make_store, make_tracked, stores, scrape):
        tracker = make_tracked(make_store(), position=3).tracker
        stores.trackers = lambda: {MEMORY: tracker}
        assert scrape()("feed_age_seconds", "memory") == 0

    def test_of_a_store_that_does_not_answer_leave_out_what_it_alone_knows(self, tracked, scrape):
        def fail():
            raise StoreUnavailable("no route to host")

        tracked.store.stat = fail
        sample = scrape()
        assert sample("store_up", "memory") == 0
        assert sample("cookies", "memory") is None
        assert sample("connected_cookies", "memory") == 0

    @pytest.mark.parametrize("what", ["commits", "loads"])
    def test_are_not_asked_of_a_store_that_is_known_to_be_away(self, tracked, scrape, what):
        asked = []
        tracked.store.stat = lambda: asked.append(1) or {"cookies": 0}
        scrape()
        assert asked == [1]
        getattr(tracked.store, f"fail_{what}")()
        for _ in range(MAX_FAILURES):
            with pytest.raises(StoreUnavailable):
                tracked.visit(*([make_id(1)] if what == "loads" else []))
        sample = scrape()
        assert asked == [1]
        assert sample("store_up", "memory") == 0
        assert sample("handshakes_total", "memory", "refused") == MAX_FAILURES
        assert sample("faults_total", "memory", "StoreUnavailable") == MAX_FAILURES


class TestARequest:
    def test_that_nobody_waits_for_any_more_is_not_answered(self, tracked, stores, reactor):
        request = DummyRequest([b""])
        stating = tracked.store.reads
        stat = tracked.store.stat
        tracked.store.stat = lambda: stating.pass_through() or stat()
        stating.shut()
        MetricsResource(stores).render_GET(request)
        reactor.turn_until(stating.reached())
        request.processingFailed(Failure(ConnectionDone()))
        stating.open()
        tracked.reactor.result_of(tracked.tracker.stat())
        assert request.written == []
        assert not request.finished

    def test_that_cannot_be_answered_says_so(self, stores, reactor, monkeypatch):
        failures = []

        def fail(trackers):
            raise ValueError("no label")

        monkeypatch.setattr(prometheus, "store_labels", fail)
        request = DummyRequest([b""])
        request.processingFailed = failures.append
        MetricsResource(stores).render_GET(request)
        reactor.turn_until(lambda: failures)
        assert failures[0].check(ValueError)


class TestTheService:
    def test_is_of_the_workers_stores(self, monkeypatch, stores):
        asked = []
        monkeypatch.setattr(prometheus, "open_stores", lambda cbdir: asked.append(cbdir) or stores)
        transport = SimpleNamespace(worker=SimpleNamespace(personality=None), cbdir="/node")
        service = MetricsService.create(transport, "/metrics", {"type": "cookietrack-metrics"})
        assert asked == ["/node"]
        assert service._resource._stores is stores

    def test_has_no_options(self):
        check_metrics_service(None, {"type": "cookietrack-metrics", "id": "m"})
        with pytest.raises(InvalidConfigException):
            check_metrics_service(None, {"type": "cookietrack-metrics", "x": 5})

    def test_says_which_library_it_needs(self, monkeypatch):
        monkeypatch.setitem(sys.modules, "prometheus_client", None)
        with pytest.raises(InvalidConfigException, match=r"cookietrack-plugin\[metrics\]"):
            check_metrics_service(None, {"type": "cookietrack-metrics"})
