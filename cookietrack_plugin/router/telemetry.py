"""
Traces and metrics for OpenTelemetry, where the process has a provider of them (extra `otel`).

The program that starts the worker configures the SDK, its exporters and samplers: this module uses
the API alone. Without a provider, stores are opened with the classes that do not trace.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextvars import copy_context
from typing import Any, TypeVar

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from cookietrack_plugin.access.metrics import Histogram
from cookietrack_plugin.access.store import AsyncStore
from cookietrack_plugin.config.policy import Policy
from cookietrack_plugin.interfaces import ICookieStore
from cookietrack_plugin.record import Auth, Change, Cookie
from cookietrack_plugin.tracking.admission import Admission, Visitor
from cookietrack_plugin.tracking.connections import TrackedConnection
from cookietrack_plugin.tracking.tracker import Tracker

try:
    from opentelemetry import metrics, trace
except ImportError:
    # Without the extra.
    metrics = trace = None  # type: ignore[assignment]

SCOPE = "cookietrack_plugin"
# The id of the cookie, which is public: never its value. As OpenTelemetry's semantic conventions
# call it.
SESSION_ID = "session.id"
STORE = "cookietrack.store"
OUTCOME = "cookietrack.outcome"

T = TypeVar("T")
# From a result to the attributes of its span.
About = Callable[[Any], Mapping[str, Any]]
Values = Callable[[], Iterable[tuple[str, float]]]


def make_tracker(label: str, store: ICookieStore, reactor: Any, *args: Any) -> Tracker:
    """
    A tracker over a store, which makes spans if there is a provider of traces. Its numbers are
    exported as OpenTelemetry's metrics.

    :param label: the store's name in traces and metrics, without what may be secret.
    :param args: of `Tracker`, from the clock on.
    """
    if not is_traced():
        tracker = Tracker(AsyncStore(store, reactor), reactor, *args)
    else:
        spans = Spans(label)
        tracker = TracedTracker(spans, TracedStore(spans, store, reactor), reactor, *args)
    if metrics is not None:
        _export_numbers(label, tracker)
    return tracker


def is_traced() -> bool:
    """Whether the process has a provider of traces."""
    if trace is None:
        return False
    return not isinstance(trace.get_tracer_provider(), trace.ProxyTracerProvider)


class Spans:
    """Makes spans about one store. On the reactor's thread."""

    def __init__(self, label: str) -> None:
        self._tracer = trace.get_tracer(SCOPE)
        self._attributes = {STORE: label}

    def of(
        self,
        name: str,
        id: str | None,
        begin: Callable[[], Deferred[T]],
        about: About = lambda _: {},
    ) -> Deferred[T]:
        """
        The Deferred that `begin` gives, with a span from now until it fires. The span is the parent
        of all that start within `begin`, and a sibling of those in the caller's callbacks.
        """
        caller = copy_context()
        span = self._tracer.start_span(name, attributes=self._attributes)
        _set_id(span, id)
        with trace.use_span(span, end_on_exit=False):
            work = begin()
        done: Deferred[T] = Deferred()

        def finish(result: Any) -> None:
            _finish(span, result, about)
            # Fires errback for a Failure.
            caller.run(done.callback, result)

        work.addBoth(finish)
        return done


class TracedStore(AsyncStore):
    """An `AsyncStore` whose look-ups and commits are spans, with the time that they were queued."""

    def __init__(self, spans: Spans, store: ICookieStore, reactor: Any) -> None:
        super().__init__(store, reactor)
        self._spans = spans

    def load(self, id: str) -> Deferred[Cookie | None]:
        load = super().load
        return self._spans.of("cookietrack.look_up", id, lambda: load(id), _about_record)

    def submit(self, change: Change) -> Deferred[bool]:
        submit = super().submit
        return self._spans.of(
            "cookietrack.commit",
            change.id,
            lambda: submit(change),
            lambda applied: {
                "cookietrack.change": type(change).__name__.lower(),
                OUTCOME: "applied" if applied else "not applied",
            },
        )


class TracedTracker(Tracker):
    """A `Tracker` whose handshakes and logins are spans."""

    def __init__(self, spans: Spans, store: AsyncStore, *args: Any) -> None:
        super().__init__(store, *args)
        self._spans = spans

    def admit(
        self, visitor: Visitor, issue: Callable[[], str], policy: Policy
    ) -> Deferred[Admission]:
        admit = super().admit
        return self._spans.of(
            "cookietrack.handshake", None, lambda: admit(visitor, issue, policy), _about_admission
        )

    def accept(self, connection: TrackedConnection, session: Auth, stores: bool) -> Deferred[None]:
        accept = super().accept
        return self._spans.of(
            "cookietrack.login",
            connection.id,
            lambda: accept(connection, session, stores),
            lambda _: {"cookietrack.authmethod": session.authmethod},
        )


def _set_id(span: Any, id: str | None) -> None:
    if id is not None:
        span.set_attribute(SESSION_ID, id)


def _finish(span: Any, result: Any, about: About) -> None:
    if isinstance(result, Failure):
        # The message alone: a traceback may show what is secret.
        span.set_attribute("error.type", type(result.value).__name__)
        span.set_status(trace.StatusCode.ERROR, str(result.value))
    else:
        span.set_attributes(about(result))
    span.end()


def _about_record(record: Cookie | None) -> dict[str, Any]:
    return {OUTCOME: "unknown" if record is None else "found"}


def _about_admission(admission: Admission) -> dict[str, Any]:
    return {
        SESSION_ID: admission.cookie.id,
        OUTCOME: "new" if admission.created else "returning",
    }


def _export_numbers(label: str, tracker: Tracker) -> None:
    """Register what was counted with the provider of metrics, if there is one now or later."""
    measured, register = tracker.metrics, _Instruments(label)
    register.gauge("cookietrack.connected_cookies", "1", lambda: tracker.connected)
    register.gauge("cookietrack.connected_logged_in_cookies", "1", lambda: tracker.logged_in)
    register.gauge("cookietrack.queued_writes", "1", lambda: tracker.pending)
    register.gauge("cookietrack.feed_age", "s", tracker.health.feed_age)
    register.counter("cookietrack.handshakes", "1", OUTCOME, measured.handshakes.items)
    register.counter("cookietrack.requests", "1", OUTCOME, measured.requests.items)
    register.counter("cookietrack.events", "1", "cookietrack.kind", measured.events.items)
    register.counter("cookietrack.faults", "1", "error.type", measured.faults.items)
    register.counter("cookietrack.swept", "1", "", lambda: [("", measured.swept)])
    register.timings("cookietrack.commits", measured.commit_seconds)
    register.timings("cookietrack.look_ups", measured.load_seconds)


class _Instruments:
    """
    Those of one store. The provider reads the numbers on its own thread, so none of them may need
    the reactor's.
    """

    def __init__(self, label: str) -> None:
        self._meter = metrics.get_meter(SCOPE)
        self._store = {STORE: label}

    def gauge(self, name: str, unit: str, value: Callable[[], float | None]) -> None:
        def observe(_: Any) -> Iterator[Any]:
            if (number := value()) is not None:
                yield metrics.Observation(number, self._store)

        self._meter.create_observable_gauge(name, [observe], unit)

    def counter(self, name: str, unit: str, dimension: str, values: Values) -> None:
        def observe(_: Any) -> Iterator[Any]:
            # A copy, at once, as another thread goes on counting.
            for key, number in list(values()):
                about = {dimension: key} if dimension else {}
                yield metrics.Observation(number, {**self._store, **about})

        self._meter.create_observable_counter(name, [observe], unit)

    def timings(self, name: str, histogram: Histogram) -> None:
        self.counter(f"{name}.count", "1", "", lambda: [("", sum(histogram.counts))])
        self.counter(f"{name}.time", "s", "", lambda: [("", histogram.total)])
