"""The time of a server: read a few times, of which the quickest answer says most."""

from types import SimpleNamespace

import pytest

from cookietrack_plugin.access import servertime
from cookietrack_plugin.access.servertime import SAMPLES, TimeSample, sample_time
from cookietrack_plugin.errors import StoreUnavailable
from cookietrack_plugin.testing.samples import NOW


class Server:
    """A store of which each answer takes as long as the test says; its clock goes with ours."""

    def __init__(self, *round_trips: float) -> None:
        self.round_trips = list(round_trips)
        self.monotonic = 50.0
        self.asked = 0

    def server_time(self) -> int:
        self.asked += 1
        half = self.round_trips.pop(0) / 2
        self.monotonic += half
        time = NOW + round(1000 * self.monotonic)
        self.monotonic += half
        return time


@pytest.fixture
def connect(monkeypatch):
    """A function that makes servers, whose round trips our clock measures."""

    def connect(*round_trips):
        server = Server(*round_trips)
        monkeypatch.setattr(servertime, "time", SimpleNamespace(monotonic=lambda: server.monotonic))
        return server

    return connect


def test_a_sample_says_between_which_moments_the_server_has_read_its_clock(connect):
    sample = sample_time(connect(2.0, 2.0, 2.0))
    assert sample == TimeSample(NOW / 1000 + 51, sent=50.0, received=52.0)


@pytest.mark.parametrize("quickest", range(SAMPLES))
def test_the_quickest_of_a_few_counts(connect, quickest):
    trips = [4.0] * SAMPLES
    trips[quickest] = 1.0
    server = connect(*trips)
    sample = sample_time(server)
    assert sample.received - sample.sent == 1.0
    assert sample.sent == 50.0 + 4.0 * quickest
    assert server.asked == SAMPLES


def test_it_fails_as_the_store_does():
    class Away:
        def server_time(self):
            raise StoreUnavailable("the network is away")

    with pytest.raises(StoreUnavailable, match="the network is away"):
        sample_time(Away())


def test_it_is_measured_by_the_monotonic_clock():
    before = servertime.time.monotonic()
    sample = sample_time(SimpleNamespace(server_time=lambda: NOW))
    assert before <= sample.sent <= sample.received <= servertime.time.monotonic()
