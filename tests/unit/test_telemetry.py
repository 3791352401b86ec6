"""Traces and metrics for OpenTelemetry: where there is a provider, and nothing of it elsewhere."""

import json
import subprocess
import sys
from typing import Any

import pytest
from opentelemetry.metrics import _internal as metrics_of_process
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import ProxyTracerProvider, StatusCode

from cookietrack_plugin.access.store import AsyncStore
from cookietrack_plugin.errors import StoreUnavailable
from cookietrack_plugin.router import telemetry
from cookietrack_plugin.router.telemetry import TracedStore, TracedTracker, make_tracker
from cookietrack_plugin.testing.samples import NOW, make_id
from cookietrack_plugin.tracking.clock import LocalClock
from cookietrack_plugin.tracking.tracker import Tracker
from tests.support.trackers import Tracked

LABEL = "fake:host"


class Labelled(Tracked):
    """A tracker as a worker makes it."""

    def __init__(self, store: Any, reactor: Any) -> None:
        super().__init__(store, reactor)
        clock = LocalClock(lambda: NOW / 1000 + reactor.seconds(), reactor.seconds)
        reactor.result_of(self.tracker.close())
        self.tracker = make_tracker(LABEL, store, reactor, clock, None, "the store")
        self.access = self.tracker._store


@pytest.fixture
def make_labelled(reactor):
    made = []

    def make(store: Any) -> Labelled:
        made.append(Labelled(store, reactor))
        return made[-1]

    yield make
    for each in made:
        reactor.result_of(each.tracker.close())


@pytest.fixture
def exporter(monkeypatch):
    """Has the spans, of a provider that is the process's."""
    exporter = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    monkeypatch.setattr("opentelemetry.trace._TRACER_PROVIDER", provider)
    return exporter


@pytest.fixture
def traced(exporter, any_store, make_labelled):
    return make_labelled(any_store)


def named(exporter, name):
    return [span for span in exporter.get_finished_spans() if span.name == f"cookietrack.{name}"]


class TestATrace:
    def test_of_a_new_client_is_a_handshake_with_a_commit(self, traced, exporter):
        id, _ = traced.visit()
        [handshake], [commit] = named(exporter, "handshake"), named(exporter, "commit")
        assert dict(handshake.attributes) == {
            "session.id": id,
            "cookietrack.store": LABEL,
            "cookietrack.outcome": "new",
        }
        assert commit.attributes["session.id"] == id
        assert commit.attributes["cookietrack.change"] == "create"
        assert commit.attributes["cookietrack.outcome"] == "applied"
        assert commit.parent.span_id == handshake.context.span_id

    def test_of_a_client_that_comes_back_is_a_handshake_with_a_look_up(self, traced, exporter):
        id, _ = traced.visit()
        exporter.clear()
        traced.visit(id)
        [handshake], [look_up] = named(exporter, "handshake"), named(exporter, "look_up")
        assert handshake.attributes["cookietrack.outcome"] == "returning"
        assert look_up.attributes["session.id"] == id
        assert look_up.attributes["cookietrack.outcome"] == "found"
        assert look_up.parent.span_id == handshake.context.span_id

    def test_stays_one_when_the_store_has_answered(self, traced, exporter):
        # The commit begins in the turn in which the look-up is answered.
        traced.visit(make_id(99))
        [handshake], [look_up] = named(exporter, "handshake"), named(exporter, "look_up")
        [commit] = named(exporter, "commit")
        assert look_up.attributes["cookietrack.outcome"] == "unknown"
        assert look_up.parent.span_id == commit.parent.span_id == handshake.context.span_id

    def test_of_a_login_has_its_commit_and_no_name_of_a_user(self, traced, exporter):
        id, _ = traced.enter("joe")
        [login] = named(exporter, "login")
        [commit] = [
            span
            for span in named(exporter, "commit")
            if span.attributes["cookietrack.change"] == "authenticate"
        ]
        assert login.attributes["session.id"] == id
        assert login.attributes["cookietrack.authmethod"] == "ticket"
        assert commit.parent.span_id == login.context.span_id
        assert "joe" not in json.dumps([json.loads(s.to_json()) for s in (login, commit)])

    def test_ends_with_the_cause_when_the_store_is_away(self, traced, exporter):
        traced.store.fail_commits()
        with pytest.raises(StoreUnavailable):
            traced.visit()
        [handshake] = named(exporter, "handshake")
        assert handshake.status.status_code is StatusCode.ERROR
        assert handshake.status.description == "the disk is away"
        assert handshake.attributes["error.type"] == "StoreUnavailable"
        assert handshake.events == ()

    def test_lasts_until_the_store_has_answered(self, exporter, make_store, make_labelled, reactor):
        traced = make_labelled(make_store(commits_block=True))
        traced.store.commits.shut()
        admitted = traced.admit()
        reactor.turn_until(traced.store.commits.reached())
        assert named(exporter, "handshake") == []
        traced.store.commits.open()
        reactor.result_of(admitted)
        assert len(named(exporter, "handshake")) == 1

    def test_does_not_take_in_what_its_caller_does_next(self, traced, exporter):
        traced.visit()
        traced.reactor.result_of(
            traced.admit().addCallback(lambda admission: traced.access.load(admission.cookie.id))
        )
        [look_up] = named(exporter, "look_up")
        assert look_up.parent is None


class TestWithoutAProvider:
    def test_trackers_and_stores_are_the_plain_ones(self, any_store, make_labelled):
        plain = make_labelled(any_store)
        assert type(plain.tracker) is Tracker
        assert type(plain.access) is AsyncStore
        plain.enter("joe")

    def test_that_is_what_a_process_has_at_first(self):
        assert not telemetry.is_traced()
        assert isinstance(telemetry.trace.get_tracer_provider(), ProxyTracerProvider)

    def test_with_one_they_are_others(self, traced):
        assert type(traced.tracker) is TracedTracker
        assert type(traced.access) is TracedStore

    def test_the_extra_need_not_be_installed(self):
        code = (
            "import sys; sys.modules['opentelemetry'] = None\n"
            "from cookietrack_plugin.router import telemetry\n"
            "assert telemetry.metrics is None and not telemetry.is_traced()"
        )
        subprocess.run([sys.executable, "-c", code], check=True, timeout=60)

    def test_nor_is_it_asked_for_numbers_then(self, any_store, make_labelled, monkeypatch):
        monkeypatch.setattr(telemetry, "trace", None)
        monkeypatch.setattr(telemetry, "metrics", None)
        make_labelled(any_store).enter("joe")


class TestMetrics:
    @pytest.fixture
    def reader(self, monkeypatch):
        reader = InMemoryMetricReader()
        provider = MeterProvider([reader])
        monkeypatch.setattr(metrics_of_process, "_METER_PROVIDER", provider)
        yield reader
        provider.shutdown()

    @pytest.fixture
    def numbers(self, reader):
        """A function that gives what is exported: values by name and attribute."""

        def numbers() -> dict[Any, float]:
            exported = json.loads(reader.get_metrics_data().to_json())
            found = {}
            for metric in exported["resource_metrics"][0]["scope_metrics"][0]["metrics"]:
                for point in metric["data"]["data_points"]:
                    about = dict(point["attributes"])
                    assert about.pop("cookietrack.store") == LABEL
                    found[(metric["name"].removeprefix("cookietrack."), *about.values())] = point[
                        "value"
                    ]
            return found

        return numbers

    def test_are_what_was_counted(self, numbers, any_store, make_labelled):
        tracked = make_labelled(any_store)
        id, _ = tracked.enter("joe")
        tracked.visit(id)
        found = numbers()
        assert found["handshakes", "new"] == found["handshakes", "returning"] == 1
        assert found["events", "authenticated"] == 1
        assert found["connected_cookies",] == found["connected_logged_in_cookies",] == 1
        assert found["queued_writes",] == found["swept",] == 0
        assert found["commits.count",] >= 2
        assert found["commits.time",] > 0
        assert ("feed_age",) not in found

    def test_have_the_causes_of_faults(self, numbers, any_store, make_labelled):
        tracked = make_labelled(any_store)
        tracked.store.fail_commits()
        with pytest.raises(StoreUnavailable):
            tracked.visit()
        assert numbers()["faults", "StoreUnavailable"] == 1
